"""Coding times of a codec: measured in processes of its own on one core, kept, and found again.

    results/latency/<codec>/<key>/latency.json

Each process is pinned, runs one thread, and does nothing else; the one that asked waits for it. What is kept
is never taken instead of measuring: asked again, the same codec is timed again, over the old times.
"""

import multiprocessing
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from jpegai_bench.codecs.protocol import Codec, PartedCodec
from jpegai_bench.codecs.rates import WANTED_BPP
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.latency import clocks
from jpegai_bench.latency.median_process import median_figures
from jpegai_bench.latency.timed_process import Beat, Job, measure
from jpegai_bench.network import places
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store, now, pretty
from jpegai_bench.store.times import runs_under_way
from jpegai_bench.system.devices import FLOAT32
from jpegai_bench.system.environment import environment
from jpegai_bench.system.files import make_folder, write_bytes
from jpegai_bench.system.processes import join_work, kill_group, own_imports
from jpegai_bench.system.signals import answered
from jpegai_bench.system.versions import versions

_TIMEOUT = 3600.0
"""Of one encoding or decoding, where a codec has no `timeout` of its own."""
_GRACE = 60.0
"""For a codec that notices for itself that its program hangs."""


class Timing:
    """How long a codec takes for each image: timed process by process, then kept."""

    def __init__(
        self,
        store: Store,
        codec: Codec,
        dataset: str,
        images: Sequence[ImageFile],
        qualities: Sequence[float],
        repeats: int,
    ) -> None:
        """Nothing is timed yet.

        Args:
            store: where to.
            codec: must be picklable.
            dataset: what the row of images is called.
            images: must be readable.
            qualities: of several the one whose mean rate over the images is nearest to `WANTED_BPP` is timed.
            repeats: of each encoding and each decoding, besides one that is not counted.
        """
        self.store, self.codec = store, codec
        hashes = {image.name: image.sha256 for image in images}
        self._about: dict[str, Any] = {
            "label": codec.name,
            "note": codec.describe() if hasattr(codec, "describe") else "",
            "chroma": getattr(codec, "chroma", ""),
            "codec": codec.fingerprint(),
            "dataset": dataset,
            "images": hashes,
            "images_key": content_key(hashes),
            "repeats": repeats,
            "wanted_bpp": WANTED_BPP if len(qualities) > 1 else None,
            "host": socket.gethostname(),
            "machine": clocks.machine(),
            "versions": versions(),
            "start": now(),
        }
        if isinstance(codec, PartedCodec):
            from jpegai_bench.network.kernels import library

            # Compiled here, and not where it is timed.
            kernels = library.version() if codec.precision == FLOAT32 else "none"
            self._about["versions"]["kernels"] = kernels
        self._job = Job(codec, tuple(images), tuple(qualities), repeats)
        self._processes: list[dict[str, Any]] = []

    def time(self, beat: Beat) -> None:
        """Let one more process do all of it.

        Args:
            beat: called here as the work goes on, with the name of the image.

        Raises:
            BenchError: the codec fails, or its process dies or hangs.
        """
        figures = _in_a_process(self._job, beat)
        self._job = replace(self._job, qualities=(figures["quality"],), memory=False)
        self._processes.append(figures)

    def keep(self) -> tuple[Path, dict[str, Any]]:
        """Write what was timed; the process in the middle counts.

        Returns:
            The folder, and what `latency.json` in it holds.
        """
        figures, about = median_figures(self._processes), self._about
        machine = about["machine"]
        processor = machine["cpu"] if figures["device"] == "cpu" else [machine["cpu"], machine["gpus"]]
        timed = [about["codec"], about["images_key"], processor, figures["quality"], about["repeats"]]
        key = content_key([*timed, len(self._processes)])
        beside = [str(run.folder.relative_to(self.store.root)) for run in runs_under_way(self.store)]
        figures["busy"] = figures["busy"] or bool(beside)
        manifest = {**about, **figures, "runs_beside": beside, "key": key, "end": now()}
        folder = make_folder(self.store.run_folder("latency", self.codec.name, key))
        write_bytes(folder / "latency.json", pretty(manifest))
        return folder, manifest


def _in_a_process(job: Job, beat: Beat) -> dict[str, Any]:
    """Let a process of its own do the job; it and the programs that it runs end with this one."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, job))
    name = job.codec.name
    # One thread, and Ctrl-C left to the one who asked: the process inherits both.
    with environment(clocks.ONE_THREAD), answered(signal.SIGINT, signal.SIG_IGN), own_imports():
        process.start()
    sender.close()
    patience = float(getattr(job.codec, "timeout", _TIMEOUT)) + _GRACE
    try:
        while True:
            if not receiver.poll(patience):
                raise BenchError(f"{name}: an encoding or decoding did not finish within {patience:g} s")
            kind, content = receiver.recv()
            if kind == "done":
                return dict(content)
            if kind == "failed":
                raise content
            beat(content)
    except EOFError:
        process.join(_GRACE)
        raise BenchError(
            f"{name}: the process that timed it died (exit status {process.exitcode}), "
            "perhaps for want of memory"
        ) from None
    finally:
        kill_group(process.pid)
        process.join()
        receiver.close()


def _work(connection: Connection, job: Job) -> None:
    """Do the job, and tell what came of it; runs in the process of its own."""
    join_work()
    try:
        connection.send(("done", measure(job, lambda image: connection.send(("at", image)))))
    except BenchError as error:
        connection.send(("failed", error))
    except Exception as error:
        connection.send(("failed", BenchError(f"{job.codec.name}: {places.in_one_line(error)}")))
