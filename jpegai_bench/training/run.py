"""Train a variant as configured: photographs, network, descent, weights."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import Any

import torch

from jpegai_bench import __version__, console
from jpegai_bench.atomic import REMEDY, make_folder, write_bytes
from jpegai_bench.codecs.identity import sources
from jpegai_bench.composition import shared_cores
from jpegai_bench.config import Settings
from jpegai_bench.console import logged, say
from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files, weights
from jpegai_bench.network.check import check_network
from jpegai_bench.network.codec import Network
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS
from jpegai_bench.progress import progress
from jpegai_bench.reach import users_files
from jpegai_bench.store import LOG, Store, content_key
from jpegai_bench.training.fit import Outcome, Progress, Report, accelerator_of, fit
from jpegai_bench.training.logs import ROWS
from jpegai_bench.training.photographs import Photographs, find_photographs, listed
from jpegai_bench.training.processes import followers
from jpegai_bench.training.recipe import Operation, Recipe
from jpegai_bench.training.state import CHECKPOINT, differences
from jpegai_bench.variants import Variant, structure_of

_ABOUT = "training.json"
_LIST = "photographs.txt"


@dataclass(frozen=True)
class Plan:
    """A training as configured."""

    settings: Settings
    variant: Variant
    recipe: Recipe
    photographs: Photographs
    start: Path | None
    """The weights folder that it starts from."""
    identity: dict[str, Any]
    """All that decides the weights, as plain data."""
    folder: Path
    listed: Sequence[str]
    """Its photographs, as `photographs.listed` has them; their order decides which photograph a sample is."""

    @property
    def weights(self) -> Path:
        """Where the finished weights go."""
        return self.folder / "weights"

    @property
    def remedy(self) -> str:
        """What to do where the folder cannot be written."""
        return "choose another with training.folder=PATH" if self.settings.training.folder else REMEDY


def train_variant(settings: Settings, variant: Variant) -> Path:
    """Train, or go on where a killed training was; finished ones are found again.

    Returns:
        The folder of the weights: `results/training/<variant>/<key>/weights`.

    Raises:
        BenchError: no photographs, a training that diverges, a folder that cannot be written, a checkpoint of
            another configuration, another process at work in the folder, or `max_minutes` were over.
    """
    plan = plan_of(settings, variant)
    if _is_finished(plan):
        return plan.weights
    _check_devices(settings)
    network = _network(plan)
    _tell(plan)
    make_folder(plan.folder, plan.remedy)
    with _alone(plan.folder):
        _check_start(plan)
        with logged(plan.folder / LOG):
            if not (plan.folder / CHECKPOINT).exists():
                console.report(_about_to_train(plan))
            with followers(settings.training.devices, _follow, settings, variant):
                outcome = _fit(plan, network, rank=0)
            _check_range(network)
            finished = outcome.step == plan.recipe.steps
            folder = plan.weights if finished else plan.folder / "unfinished"
            frozen = plan.start if plan.recipe.train == "synthesis" else None
            weights.save(
                network, folder, variant.name, plan.identity["structure"], _note(plan, outcome), frozen
            )
    if not finished:
        raise BenchError(
            f"stopped after {settings.training.max_minutes:g} minutes, at step {outcome.step} of "
            f"{plan.recipe.steps}: the same command goes on; the weights so far are in {folder}"
        )
    return folder


def plan_of(settings: Settings, variant: Variant) -> Plan:
    """What is to be trained, on what, from what, and where."""
    training = settings.training
    if not training.data:
        raise BenchError("no training photographs: give their folders with training.data=[PATH,PATH]")
    photographs = find_photographs(training.data, training.crop, training.held_out, training.validation)
    recipe = Recipe(**{item.name: getattr(training, item.name) for item in fields(Recipe)})
    variant.modules(settings.model.network_size())  # what does not fit is an error before any work
    structure = structure_of(settings, variant)
    photographs_listed = listed(photographs.training)
    start = _start(settings)
    identity = {
        "variant": variant.name,
        "structure": structure,
        "source": sources(structure),
        "photographs": hashlib.sha256("\n".join(photographs_listed).encode()).hexdigest()[:16],
        "start": _start_content(start, training.init_variant) if start else None,
        "recipe": recipe.as_dict(),
    }
    own = training.folder and Path(training.folder).expanduser()
    folder = own or Store(settings.results).root / "training" / variant.name / content_key(identity)[:12]
    return Plan(settings, variant, recipe, photographs, start, identity, folder, photographs_listed)


def _about_to_train(plan: Plan) -> str:
    start = f"from {plan.start}" if plan.start else "from nothing"
    count = f"{len(plan.photographs.training)} photographs of {', '.join(plan.settings.training.data)}"
    return f"training {plan.variant.name} {start}, on {count}, torch {torch.__version__}, into {plan.folder}"


def _follow(rank: int, settings: Settings, variant: Variant) -> None:
    plan = plan_of(settings, variant)
    _fit(plan, _network(plan), rank)


def _network(plan: Plan) -> Network:
    torch.manual_seed(plan.recipe.seed)
    network = plan.variant.network(plan.settings.model)
    if plan.start:
        weights.initialize(
            network, plan.start, plan.settings.training.init_variant, plan.identity["structure"]
        )
    try:
        check_network(network, plan.recipe.crop)
    except BenchError as error:
        raise BenchError(f"variant {plan.variant.name}: {error}") from None
    return network


def _fit(plan: Plan, network: Network, rank: int) -> Outcome:
    operation = _operation(plan.settings)
    torch.set_num_threads(plan.settings.training.threads or max(1, shared_cores() // operation.devices))
    what = f"training {plan.variant.name}, seed {plan.recipe.seed}"
    if rank:
        report = Report(progress=lambda _: None, warn=lambda _: None)
        return fit(
            network, plan.photographs, plan.recipe, operation, plan.folder, plan.identity, report, rank
        )
    with progress(what, plan.recipe.steps, "steps") as advance:

        def show(now: Progress) -> None:
            figures = f"loss {now.loss:.3f}, {now.bpp:.3f} bpp, {now.psnr_y:.2f} dB"
            speed = f"{now.steps_per_second:.2f} steps/s, {now.waiting:.0%} waiting"
            advance(f"{figures}, {speed}", completed=now.step)

        def go_on(step: int) -> None:
            console.report(f"{what}: goes on from step {step} of {plan.recipe.steps}")
            advance(completed=step, resumed=True)

        database = None if plan.settings.training.folder else plan.folder.parents[1]
        report = Report(show, say, database, go_on)
        outcome = fit(network, plan.photographs, plan.recipe, operation, plan.folder, plan.identity, report)
        advance(completed=outcome.step)
        return outcome


def _check_devices(settings: Settings) -> None:
    operation = _operation(settings)
    if accelerator_of(operation) == "cpu":
        return
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if operation.devices > there:
        raise BenchError(
            f"training.devices={operation.devices}: this machine has {there} GPUs that torch can use; "
            "training.accelerator=cpu needs none"
        )


def _check_range(network: Network) -> None:
    if not all(bool(torch.isfinite(parameter.half()).all()) for parameter in network.parameters()):
        raise BenchError(
            "the training has diverged: its weights are beyond the range of float16, in which they are "
            "stored; lower training.learning_rate"
        )


def _operation(settings: Settings) -> Operation:
    training = settings.training
    chosen = {item.name: getattr(training, item.name) for item in fields(Operation)}
    workers = training.data_workers
    if workers is None:
        gpu = accelerator_of(Operation(accelerator=chosen["accelerator"])) == "gpu"
        workers = min(8, shared_cores() // training.devices) if gpu else 0
    return Operation(**{**chosen, "data_workers": workers, "loggers": tuple(training.loggers)})


def _note(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    return {
        "recipe": plan.recipe.as_dict(),
        "step": outcome.step,
        "photographs": len(plan.photographs.training),
        "skipped": len(plan.photographs.skipped) + len(outcome.unreadable),
        "start": plan.identity["start"],
        "source": content_key(plan.identity["source"]),
        "own_source": users_files(plan.identity["source"]),
        "devices": plan.settings.training.devices,
        "accelerator": plan.settings.training.accelerator,
        "steps_per_second": outcome.steps_per_second and round(outcome.steps_per_second, 3),
        "waiting": outcome.waiting and round(outcome.waiting, 4),
        "peak_gpu_bytes": outcome.peak_gpu_bytes,
        "eased": outcome.eased,
        "version": __version__,
        "torch": torch.__version__,
    }


def _start(settings: Settings) -> Path | None:
    named = settings.training.init_from
    if not named:
        return None
    shipped = named == "shipped"
    folder = SHIPPED_WEIGHTS / settings.model.name if shipped else Path(named).expanduser()
    if not folder.is_dir():
        told = "is a file" if folder.is_file() else "no such folder"
        told = f"none ship for model={settings.model.name}" if shipped else told
        raise BenchError(f"training.init_from={named}: {told}; give the folder of a training's weights")
    if not (folder / weight_files.SHARED_FILE).exists() and (folder / "weights").is_dir():
        raise BenchError(f"training.init_from={named}: holds no weights; they are in {folder / 'weights'}")
    variant = settings.training.init_variant
    if variant and not (folder / weight_files.synthesis_file(variant)).is_file():
        raise BenchError(f"training.init_variant={variant}: {folder} holds no synthesis of it")
    return folder


def _start_content(start: Path, variant: str | None) -> dict[str, str]:
    return vars(weight_files.ids(start, variant)) if variant else {"shared": weight_files.shared_id(start)}


def _is_finished(plan: Plan) -> bool:
    if not (plan.weights / weight_files.synthesis_file(plan.variant.name)).exists():
        return False
    if _identity(plan.folder / _ABOUT) is None:
        raise BenchError(
            f"{plan.folder}: holds weights, but {_ABOUT}, which tells of what, is missing or damaged; "
            "train into another folder"
        )
    _check_start(plan)
    try:
        weight_files.ids(plan.weights, plan.variant.name)
    except BenchError as error:
        say(f"{error}; written again, from the last checkpoint where there is one")
        return False
    return True


def _check_start(plan: Plan) -> None:
    """Note what is trained in the folder; refuse a folder where something else was.

    The checkpoint is refused as well; this finds finished trainings too, and costs nothing.
    """
    about = plan.folder / _ABOUT
    was = _identity(about)
    if was is None:
        write_bytes(plan.folder / _LIST, "".join(f"{line}\n" for line in plan.listed).encode(), plan.remedy)
        write_bytes(about, json.dumps(plan.identity, indent=1, sort_keys=True).encode(), plan.remedy)
    elif was != plan.identity:
        told = ", ".join([*differences(was, plan.identity), *_of_photographs(plan)])
        raise BenchError(
            f"{plan.folder}: holds a training of another configuration ({told}); "
            "restore that configuration or train into another folder"
        )


def _of_photographs(plan: Plan) -> Iterator[str]:
    """Which photographs are other ones than when the training began."""
    try:
        was = (plan.folder / _LIST).read_text().splitlines()
    except (OSError, ValueError):
        return
    added, gone = (Counter(plan.listed) - Counter(was), Counter(was) - Counter(plan.listed))
    for what, lines in (("new", list(added)), ("no longer there", list(gone))):
        if lines:
            first = lines[0].rsplit(" ", 2)[0]
            more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
            yield f"{what}: {first}{more}"
    if not added and not gone and list(plan.listed) != was:
        yield "the same photographs in another order"


def _tell(plan: Plan) -> None:
    """What is left out of the photographs, and that an unfinished training of other settings stays aside."""
    skipped = plan.photographs.skipped
    for message in skipped[:10]:
        say(f"{message}; left out")
    if len(skipped) > 10:
        say(f"{len(skipped) - 10} more photographs are left out")
    if plan.settings.training.folder or (plan.folder / _ABOUT).exists():
        return
    others = list(_unfinished(plan))
    if not others:
        return
    folder, differing = others[-1]
    more = f"; and {len(others) - 1} more" if len(others) > 1 else ""
    say(f"a new training; an unfinished one in {folder} stays aside: {', '.join(differing)}{more}")


def _unfinished(plan: Plan) -> Iterator[tuple[Path, list[str]]]:
    """Trainings of this variant in the same results that have come some way, the newest last; what differs.

    Other seeds are left out: whoever gives one does not expect to go on with another.
    """
    noted = plan.folder.parent.glob(f"*/{_ABOUT}")
    begun = [
        one.parent for one in noted if (one.parent / CHECKPOINT).exists() and (one.parent / ROWS).exists()
    ]
    for folder in sorted(begun, key=lambda one: (one / CHECKPOINT).stat().st_mtime):
        was = _identity(folder / _ABOUT)
        if was is None or was.get("variant") != plan.variant.name or (folder / "weights").exists():
            continue
        differing = list(differences(was, plan.identity))
        if [name.split()[0] for name in differing] != ["recipe.seed"]:
            yield folder, differing


def _identity(about: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(about.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes in one folder would tear each other's checkpoints."""
    try:
        file = (folder / "lock").open("w")
    except OSError as error:
        raise BenchError(f"{folder}: cannot be written ({error.strerror})") from None
    with file:
        try:
            lockf(file, LOCK_EX | LOCK_NB)  # not inherited by processes that read photographs
        except OSError:
            raise BenchError(f"{folder}: another process is training there") from None
        yield
