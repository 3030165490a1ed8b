"""Seconds and peak memory of `run`, `decode` and `metrics` as a picture grows, from 0.1 to 12 megapixels.

pytest -m benchmark -s tests/benchmarks/test_picture_growth.py
One thread; the sample picture coffee, resized; model=small. JPEGAI_BENCH_MEGAPIXELS=0.1,1,4 are other sizes,
JPEGAI_BENCH_VARIANTS=base,combined other variants.
"""

import os
import time

import pytest
from command import PROGRAM
from PIL import Image
from skimage import data

pytestmark = pytest.mark.benchmark
SIZES = [float(size) for size in os.environ.get("JPEGAI_BENCH_MEGAPIXELS", "0.1,0.75,3,12").split(",")]
VARIANTS = os.environ.get("JPEGAI_BENCH_VARIANTS", "base").split(",")


def taken(cwd, *words):
    """Seconds of processor time, seconds, and peak MB of one command, in one thread."""
    log = (str(cwd / "log.txt"), os.O_WRONLY | os.O_CREAT, 0o600)
    quiet = [(os.POSIX_SPAWN_OPEN, output, *log) for output in (1, 2)]
    command, environment = [PROGRAM, *map(str, words)], {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    pid = os.posix_spawn(PROGRAM, command, environment, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    assert status == 0, (words, (cwd / "log.txt").read_text())
    return used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024


def test_seconds_and_memory_by_megapixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    coffee = Image.fromarray(data.coffee())
    print("\n| command | variant | MP | CPU s | s | MB |\n|---|---|---:|---:|---:|---:|")
    for size in SIZES:
        width = round((1e6 * size * 1.5) ** 0.5)
        folder = tmp_path / f"{size:g}"
        folder.mkdir()
        picture = folder / "coffee.png"
        coffee.resize((width, round(width / 1.5)), Image.Resampling.LANCZOS).save(picture)
        where = ("dataset=folder", f"dataset.path={folder}", f"results={folder}/results")
        run = ("anchor=jpeg", "anchor.jpeg.qualities=[50]", "qualities=[3]", "workers=1", "pictures=0")
        for variant in VARIANTS:
            stream, shown = folder / f"{variant}.jai", folder / f"{variant}.png"
            taken(tmp_path, "encode", picture, stream, f"+variant={variant}")
            lines = {
                "run": ("run", f"+variant={variant}", *where, *run),
                "decode": ("decode", stream, shown, f"+variant={variant}"),
                "metrics": ("metrics", picture, shown, "workers=1"),
            }
            for name, words in lines.items():
                if name != "metrics" or variant == VARIANTS[0]:
                    cpu, seconds, memory = taken(tmp_path, *words)
                    print(
                        f"| {name} | {variant} | {size:g} | {cpu:.1f} | {seconds:.1f} | {memory:.0f} |",
                        flush=True,
                    )
