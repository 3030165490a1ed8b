"""A study in one archive: a results folder of its own, with the runs behind its tables, and nothing else.

    NAME/README.md    what it is, and how its tables are made again
    NAME/SHA256SUMS   of every other file
    NAME/configs/     every setting of each run
    NAME/conf/        configurations of the user's own, for --config-dir
    NAME/results/     runs/  anchors/  latency/  tables/  plots/

Tables and plots are made from what is packed, not copied: what does not follow from it is not in it.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import OmegaConf

from jpegai_bench import __version__, console
from jpegai_bench.atomic import make_folder, write_bytes
from jpegai_bench.experiment import PUBLISHED, Experiment
from jpegai_bench.report.anonymous import Names, without
from jpegai_bench.report.behind import counted
from jpegai_bench.report.experiment import experimental, rebuild_experiment
from jpegai_bench.report.rebuild import Selection, finished_groups, rebuild, studies
from jpegai_bench.report.study import Study
from jpegai_bench.store import Run, Store

_NO_TIME = (1980, 1, 1, 0, 0, 0)
"""Of files in the archive: an equal study gives equal bytes."""
_ELSEWHERE = "choose another file with dest=FILE.zip"


@dataclass(frozen=True)
class Supplement:
    """What is packed."""

    name: str
    """Of the study, the folder in the archive, and the archive."""
    runs: tuple[Run, ...]
    """Behind the tables, and those that tables give the state of."""
    selection: Selection
    experiment: Experiment | None
    words: tuple[str, ...]
    """Overrides that make its tables again."""


def supplement(
    store: Store, selection: Selection, experiment: Experiment | None, words: Sequence[str]
) -> Supplement:
    """What belongs into the archive of a study.

    Args:
        store: where it is.
        selection: which studies.
        experiment: whose variants alone, where one is chosen.
        words: the overrides that `selection` comes from.

    Raises:
        BenchError: the store holds no finished run that fits, or a codec that is chosen lacks points.
    """
    if experiment is None:
        found = studies(store, selection)
        shown, prefixes = [study for study, _ in found], [prefix for _, prefix in found]
        name = prefixes[0].removesuffix("-") if len(prefixes) == 1 else "studies"
    else:
        shown = [made.tables.study for made, _ in experimental(store, experiment, selection)]
        name = experiment.name
    runs = {run.folder: run for run in _behind(store, shown, selection, experiment)}
    return Supplement(name, tuple(runs.values()), selection, experiment, tuple(words))


def pack(store: Store, what: Supplement, target: Path, anonymous: bool = False) -> Path:
    """Write the archive, whole or not at all.

    Args:
        store: where the runs are.
        what: of `supplement`.
        target: the file; its folder is made where it is missing.
        anonymous: without the names of machines and folders.

    Raises:
        BenchError: it cannot be written.
    """
    make_folder(target.parent, _ELSEWHERE)
    console.report(f"packing {len(what.runs)} runs with their tables and plots")
    with TemporaryDirectory() as scratch:
        root = Path(scratch) / what.name
        _stage(store, what, root, Names.of(what.runs) if anonymous else None)
        with chdir(root):  # so that commands which tables give are those of a reader in the unpacked folder
            _make_tables(what)
        _describe(what, root, anonymous)
        write_bytes(target, _archive(root), _ELSEWHERE)
    return target


def _behind(
    store: Store, shown: Sequence[Study], selection: Selection, experiment: Experiment | None
) -> Iterable[Run]:
    for study in shown:
        yield from (entry.run for entry in study.entries if entry.run)
    for runs in finished_groups(store, selection).values():
        own = [run for run in runs if experiment is None or run.label in experiment.variants]
        yield from counted(own) if own else ()
    if experiment is not None:  # its tables say why a variant has no row
        latest = {run.label: run for run in sorted(store.runs(), key=_start) if not run.done}
        yield from (run for label, run in latest.items() if label in experiment.variants)


def _start(run: Run) -> str:
    return str(run.manifest.get("start"))


def _stage(store: Store, what: Supplement, root: Path, hidden: Names | None) -> None:
    results = root / "results"
    for run in what.runs:
        kind = run.folder.parents[1].name if run.folder.is_relative_to(store.root) else "anchors"
        own = f"{run.label}/{run.folder.name}"
        for path in (run.folder / name for name in ("run.json", "points.csv", "complexity.json")):
            _copy(path, results / kind / own / path.name, hidden)
        if config := run.manifest.get("config"):
            plain = without(config, hidden) if hidden else config
            _write(root / "configs" / f"{own.replace('/', '-')}.yaml", OmegaConf.to_yaml(plain).encode())
    for label in {run.label for run in what.runs}:
        for path in store.root.glob(f"latency/{label}/*/latency.json"):
            _copy(path, results / path.relative_to(store.root), hidden)
    for source, name in _own_configurations(what):
        _copy(source, root / "conf" / name, hidden)


def _copy(source: Path, target: Path, hidden: Names | None) -> None:
    if not source.is_file():
        return
    data = source.read_bytes()
    if hidden and source.suffix == ".json":
        data = (json.dumps(without(json.loads(data), hidden), indent=1, sort_keys=True) + "\n").encode()
    _write(target, data)


def _write(path: Path, data: bytes) -> None:
    write_bytes(make_folder(path.parent) / path.name, data, "free some space for temporary files")


def _own_configurations(what: Supplement) -> Iterable[tuple[Path, str]]:
    """Of the folders of `--config-dir` what belongs to the study."""
    if what.experiment is None:
        return
    for folder in map(Path, what.experiment.config_folders):
        names = [f"experiment/{what.experiment.name}.yaml"]
        names += [f"variant/{variant}.yaml" for variant in what.experiment.variants]
        yield from ((folder / name, name) for name in names)
    figures = what.experiment.published
    if figures and not figures.is_relative_to(PUBLISHED):
        yield figures, f"experiment/{figures.name}"


def _make_tables(what: Supplement) -> None:
    store = Store("results")
    if what.experiment is None:
        rebuild(store, what.selection)
        return
    own = tuple(folder for folder in ("conf",) if Path(folder).is_dir())
    rebuild_experiment(store, replace(what.experiment, config_folders=own), what.selection)


def _describe(what: Supplement, root: Path, anonymous: bool) -> None:
    """The README, and last the hashes of every other file."""
    command = ["jpegai-bench tables", *what.words]
    command += ["--config-dir conf"] if (root / "conf").is_dir() else []
    title = what.experiment.title if what.experiment else what.name
    rows = [_row(run) for run in what.runs]
    text = [
        f"# {title}",
        "",
        f"Made by jpegai-bench {__version__}. Tables and plots are in `results/tables` and `results/plots`,",
        "what they were made from in `results/runs` (variants), `results/anchors` (codecs) and",
        "`results/latency` (decode times): a manifest and the points of every picture at every rate. In this",
        "folder, where jpegai-bench is installed,",
        "",
        f"    {' '.join(command)}",
        "",
        "makes the tables again, and `jpegai-bench plots` with the same words the plots. `configs` has every",
        "setting of each run. Pictures, bitstreams, weights and the code of modules of one's own are not in",
        "it; the manifests have their hashes." + (_HIDDEN if anonymous else ""),
        "",
        "| run | state | pictures | key |",
        "|---|---|---|---|",
        *rows,
        "",
        "`sha256sum -c SHA256SUMS` looks whether every file is as it was packed.",
        "",
    ]
    _write(root / "README.md", "\n".join(text).encode())
    hashes = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}\n"
        for path in _files(root)
    ]
    _write(root / "SHA256SUMS", "".join(hashes).encode())


_HIDDEN = " The names of machines and of folders were taken out."


def _row(run: Run) -> str:
    images = len(run.manifest.get("images") or {})
    return f"| {run.label} | {run.state} | {images} of {run.manifest.get('dataset')} | {run.folder.name} |"


def _files(root: Path) -> list[Path]:
    """All but what plots note for themselves, so as not to be drawn again."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))


def _archive(root: Path) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(root):
            entry = zipfile.ZipInfo(path.relative_to(root.parent).as_posix(), _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
