"""A training's folder: what is trained in it, by one process alone, and what stands unfinished beside it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files
from jpegai_bench.system.console import say
from jpegai_bench.system.files import json_object, write_bytes
from jpegai_bench.training.checkpoint import CHECKPOINT, differences
from jpegai_bench.training.logs import ROWS
from jpegai_bench.training.training_plan import Plan

_ABOUT = "training.json"
_LIST = "photographs.txt"


def is_finished(plan: Plan) -> bool:
    """Whether the folder holds its weights, whole.

    Raises:
        BenchError: it holds a training of another configuration, or weights that nothing tells of.
    """
    if not (plan.weights / weight_files.synthesis_file(plan.variant.name)).exists():
        return False
    if json_object(plan.folder / _ABOUT) is None:
        raise BenchError(
            f"{plan.folder}: holds weights, but {_ABOUT}, which tells of what, is missing or damaged; "
            "train into another folder"
        )
    check_folder(plan)
    try:
        weight_files.ids(plan.weights, plan.variant.name)
    except BenchError as error:
        say(f"{error}; written again, from the last checkpoint where there is one")
        return False
    return True


def check_folder(plan: Plan) -> None:
    """Note what is trained in the folder; refuse a folder where something else was.

    The checkpoint is refused as well; this finds finished trainings too, and costs nothing.

    Raises:
        BenchError: it was, and what differs; or the folder cannot be written.
    """
    about = plan.folder / _ABOUT
    was = json_object(about)
    if was is None:
        write_bytes(plan.folder / _LIST, "".join(f"{line}\n" for line in plan.listed).encode(), plan.remedy)
        write_bytes(about, json.dumps(plan.identity, indent=1, sort_keys=True).encode(), plan.remedy)
    elif was != plan.identity:
        changes = ", ".join([*differences(was, plan.identity), *_of_photographs(plan)])
        raise BenchError(
            f"{plan.folder}: holds a training of another configuration ({changes}); "
            "restore that configuration or train into another folder"
        )


def _of_photographs(plan: Plan) -> Iterator[str]:
    """Which photographs are other ones than when the training began."""
    try:
        was = (plan.folder / _LIST).read_text().splitlines()
    except (OSError, ValueError):
        return
    added, removed = (Counter(plan.listed) - Counter(was), Counter(was) - Counter(plan.listed))
    for change, lines in (("new", list(added)), ("no longer there", list(removed))):
        if lines:
            first = lines[0].rsplit(" ", 2)[0]
            more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
            yield f"{change}: {first}{more}"
    if not added and not removed and list(plan.listed) != was:
        yield "the same photographs in another order"


def others_unfinished(plan: Plan) -> Iterator[tuple[Path, list[str]]]:
    """Where a training begins: those of this variant that were left on their way, and what differs.

    They are looked for in the same results, and the newest comes last. Other seeds are left out: whoever
    gives one does not expect to go on with another.
    """
    if plan.settings.training.folder or (plan.folder / _ABOUT).exists():
        return  # the user says where; or this one goes on
    noted = plan.folder.parent.glob(f"*/{_ABOUT}")
    begun = [
        note.parent for note in noted if (note.parent / CHECKPOINT).exists() and (note.parent / ROWS).exists()
    ]
    for folder in sorted(begun, key=lambda folder: (folder / CHECKPOINT).stat().st_mtime):
        was = json_object(folder / _ABOUT)
        if was is None or was.get("variant") != plan.variant.name or (folder / "weights").exists():
            continue
        differing = list(differences(was, plan.identity))
        if [name.split()[0] for name in differing] != ["recipe.seed"]:
            yield folder, differing


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two processes in one folder would tear each other's checkpoints.

    Raises:
        BenchError: another one is at work there, or the folder cannot be written.
    """
    try:
        lock = FileLock(folder / "lock").acquire(blocking=False)
    except Timeout:
        raise BenchError(f"{folder}: another process is training there") from None
    except OSError as error:
        raise BenchError(f"{folder}: cannot be written ({error.strerror})") from None
    with lock:
        yield
