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
import shlex
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import OmegaConf

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.config.folders import PUBLISHED
from jpegai_bench.errors import BenchError
from jpegai_bench.report.experiment import experimental, rebuild_experiment
from jpegai_bench.report.export.anonymous import Names, without
from jpegai_bench.report.gather.needed_runs import counted
from jpegai_bench.report.gather.studies import Selection, finished_groups, studies
from jpegai_bench.report.gather.study import Study
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.store.store import Run, Store
from jpegai_bench.system import console
from jpegai_bench.system.files import make_folder, write_bytes
from jpegai_bench.version import __version__

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
    folders: tuple[Path, ...]
    """Of configurations of the user's own."""


def supplement(
    store: Store,
    selection: Selection,
    experiment: Experiment | None,
    words: Sequence[str],
    folders: Sequence[Path],
) -> Supplement:
    """What belongs into the archive of a study.

    Args:
        store: where it is.
        selection: which studies.
        experiment: whose variants alone, where one is chosen.
        words: the overrides that `selection` comes from.
        folders: what `--config-dir` names.

    Raises:
        BenchError: the store holds no finished run that fits, or a codec that is chosen lacks points.
    """
    if experiment is None:
        prefixed = studies(store, selection)
        shown = [study for study, _ in prefixed]
        name = prefixed[0][1].removesuffix("-") if len(prefixed) == 1 else "studies"
    else:
        shown = [part.tables.study for part, _ in experimental(store, experiment, selection)]
        qualifiers = [qualifier for qualifier in (selection.dataset, selection.model) if qualifier]
        name = "-".join([experiment.name, *qualifiers])
    runs = {run.folder: run for run in _needed(store, shown, selection, experiment)}
    return Supplement(name, tuple(runs.values()), selection, experiment, tuple(words), tuple(folders))


def pack(store: Store, content: Supplement, target: Path, anonymous: bool = False) -> Path:
    """Write the archive, whole or not at all.

    Args:
        store: where the runs are.
        content: of `supplement`.
        target: the file; its folder is made where it is missing.
        anonymous: without the names of machines and folders.

    Raises:
        BenchError: it cannot be written; or something in it still names a machine or a folder, as a YAML of
            the user's own may.
    """
    if target.is_dir():
        raise BenchError(f"{target}: is a folder; {_ELSEWHERE}")
    make_folder(target.parent, _ELSEWHERE)
    console.report(f"packing {len(content.runs)} runs with their tables and plots")
    hidden = Names.of([run.manifest for run in content.runs]) if anonymous else None
    with TemporaryDirectory() as scratch:
        root = Path(scratch) / content.name
        _stage(store, content, root, hidden)
        with chdir(root):  # so that commands which tables give are those of a reader in the unpacked folder
            _make_tables(content)
        _describe(content, root, anonymous)
        if hidden:
            _require_none_of(hidden, root)
        write_bytes(target, _archive(root), _ELSEWHERE)
    return target


def _needed(
    store: Store, shown: Sequence[Study], selection: Selection, experiment: Experiment | None
) -> Iterable[Run]:
    for study in shown:
        yield from (entry.run for entry in study.entries if entry.run)
    for runs in finished_groups(store, selection).values():
        selected = [run for run in runs if experiment is None or run.label in experiment.variants]
        yield from counted(selected) if selected else ()
    if experiment is not None:  # its tables say why a variant has no row
        by_start = sorted(store.runs(), key=lambda run: str(run.manifest.get("start")))
        latest = {run.label: run for run in by_start if not run.done}
        yield from (run for label, run in latest.items() if label in experiment.variants)


def _require_none_of(hidden: Names, root: Path) -> None:
    texts = [path for path in _files(root) if path.suffix not in (".png", ".pdf")]
    names_left = {path: hidden.left_in(path.read_text(encoding="utf-8", errors="replace")) for path in texts}
    if paths := [path for path, name in names_left.items() if name]:
        where = ", ".join(path.relative_to(root).as_posix() for path in paths)
        raise BenchError(f"{where} would still name {names_left[paths[-1]]}; change it, nothing was written")


def _stage(store: Store, content: Supplement, root: Path, hidden: Names | None) -> None:
    results = root / "results"
    for run in content.runs:
        kind = run.folder.parents[1].name if run.folder.is_relative_to(store.root) else "anchors"
        run_path = f"{run.label}/{run.folder.name}"
        for path in (run.folder / name for name in ("run.json", "points.csv", "complexity.json")):
            _copy(path, results / kind / run_path / path.name, hidden)
        if config := run.manifest.get("config"):
            plain = without(config, hidden) if hidden else config
            _write(root / "configs" / f"{run_path.replace('/', '-')}.yaml", OmegaConf.to_yaml(plain).encode())
    for label in {run.label for run in content.runs}:
        for path in store.root.glob(f"latency/{label}/*/latency.json"):
            _copy(path, results / path.relative_to(store.root), hidden)
    for source, name in _own_configurations(content):
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


def _own_configurations(content: Supplement) -> Iterable[tuple[Path, str]]:
    """Of the folders of `--config-dir` what belongs to the study."""
    experiment = content.experiment
    labels = {run.label for run in content.runs} | set(experiment.variants if experiment else ())
    names = [f"{group}/{label}.yaml" for group in ("variant", "anchor") for label in sorted(labels)]
    names += [f"{word.replace('=', '/', 1)}.yaml" for word in content.words]
    yield from ((folder / name, name) for folder in content.folders for name in names)
    for file in (experiment.published, experiment.measured_noise) if experiment else ():
        if file and not file.is_relative_to(PUBLISHED):
            yield file, f"experiment/{file.name}"


def _make_tables(content: Supplement) -> None:
    store = Store("results")
    if content.experiment is None:
        rebuild(store, content.selection)
        return
    folders = tuple(folder for folder in ("conf",) if Path(folder).is_dir())
    rebuild_experiment(store, replace(content.experiment, config_folders=folders), content.selection)


def _describe(content: Supplement, root: Path, anonymous: bool) -> None:
    """The README, and last the hashes of every other file."""
    command = ["jpegai-bench tables", *(_of_a_reader(word, anonymous) for word in content.words)]
    command += ["--config-dir conf"] if (root / "conf").is_dir() else []
    title = content.experiment.title if content.experiment else content.name
    rows = [
        f"| {run.label} | {run.state} | {len(run.manifest.get('images') or {})} of "
        f"{run.manifest.get('dataset')} | {run.folder.name} |"
        for run in content.runs
    ]
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


def _of_a_reader(word: str, anonymous: bool) -> str:
    """An override as the README gives it: of a data set's folder the last name is what counts."""
    key, _, value = word.partition("=")
    if anonymous and key == "dataset.path":
        word = f"{key}={Path(value).name}"
    return shlex.quote(f"anchor={value}" if key == "anchors" else word)


_HIDDEN = " The names of machines and of folders were taken out."


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
