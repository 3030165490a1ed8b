"""Train a variant as configured: photographs, network, descent, weights."""

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from jpegai_bench.config.command_settings import RecipeSettings
from jpegai_bench.config.variants import Variant
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.fingerprint.dependencies import users_files
from jpegai_bench.network import weights
from jpegai_bench.network.check import check_network
from jpegai_bench.network.codec import Network
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import LOG
from jpegai_bench.system import console
from jpegai_bench.system.console import logged, say
from jpegai_bench.system.devices import CPU, prepare_device
from jpegai_bench.system.files import make_folder
from jpegai_bench.system.progress import progress
from jpegai_bench.training.checkpoint import CHECKPOINT
from jpegai_bench.training.fit import Outcome, Progress, Report, accelerator_of, fit, precision_of
from jpegai_bench.training.folder import alone, check_folder, is_finished, others_unfinished
from jpegai_bench.training.histograms import count
from jpegai_bench.training.processes import followers
from jpegai_bench.training.recipe import MOST_READERS, Operation
from jpegai_bench.training.training_plan import Plan, plan_of
from jpegai_bench.version import __version__


def train_variant(settings: RecipeSettings, variant: Variant) -> Path:
    """Train, or go on where a killed training was; finished ones are found again.

    Returns:
        The folder of the weights: `results/training/<variant>/<key>/weights`.

    Raises:
        BenchError: no photographs, a training that diverges, a folder that cannot be written, a checkpoint of
            another configuration, another process at work in the folder, or `max_minutes` were over.
    """
    plan = plan_of(settings, variant)
    if is_finished(plan):
        return plan.weights
    _check_devices(settings)
    network = _network(plan)
    _report_omissions(plan)
    make_folder(plan.folder, plan.remedy)
    with alone(plan.folder):
        check_folder(plan)
        with logged(plan.folder / LOG):
            if not (plan.folder / CHECKPOINT).exists():
                console.report(_about_to_train(plan))
            with followers(settings.training.devices, _follow, plan):
                outcome = _fit(plan, network, rank=0)
            _check_range(network)
            finished = outcome.step == plan.recipe.steps
            folder = plan.weights if finished else plan.folder / "unfinished"
            frozen = plan.start if plan.recipe.train == "synthesis" else None
            counted = partial(count, photographs=plan.photographs.training, recipe=plan.recipe)
            structure, note = plan.identity["structure"], _note(plan, network, outcome)
            weights.save(network, folder, variant.name, structure, note, frozen, counted)
    if not finished:
        raise BenchError(
            f"stopped after {settings.training.max_minutes:g} minutes, at step {outcome.step} of "
            f"{plan.recipe.steps}: the same command goes on; the weights so far are in {folder}"
        )
    return folder


def _about_to_train(plan: Plan) -> str:
    start = f"from {plan.start}" if plan.start else "from nothing"
    count = f"{len(plan.photographs.training)} photographs of {', '.join(plan.settings.training.data)}"
    return f"training {plan.variant.name} {start}, on {count}, torch {torch.__version__}, into {plan.folder}"


def _follow(rank: int, plan: Plan) -> None:
    _fit(plan, _network(plan), rank)


def _network(plan: Plan) -> Network:
    torch.manual_seed(plan.recipe.seed)
    network = plan.variant.network(plan.settings.model)
    if plan.start:
        weights.initialize(
            network,
            plan.start,
            plan.settings.training.init_variant,
            plan.identity["structure"],
            shared_is_kept=plan.recipe.train == "synthesis",
        )
    try:
        check_network(network, plan.recipe.crop)
    except BenchError as error:
        raise BenchError(f"variant {plan.variant.name}: {error}") from None
    return network


def _fit(plan: Plan, network: Network, rank: int) -> Outcome:
    operation = _operation(plan.settings)
    torch.set_num_threads(plan.settings.training.threads or max(1, plan.settings.cores // operation.devices))
    title = f"training {plan.variant.name}, seed {plan.recipe.seed}"
    if rank:
        report = Report(progress=lambda _: None, warn=lambda _: None)
        return fit(
            network, plan.photographs, plan.recipe, operation, plan.folder, plan.identity, report, rank
        )
    with progress(title, plan.recipe.steps, "steps") as advance:

        def show(now: Progress) -> None:
            figures = f"loss {now.loss:.3f}, {now.bpp:.3f} bpp, {now.psnr_y:.2f} dB"
            speed = f"{now.steps_per_second:.2f} steps/s, {now.waiting:.0%} waiting"
            advance(f"{figures}, {speed}", completed=now.step)

        def go_on(step: int) -> None:
            console.report(f"{title}: goes on from step {step} of {plan.recipe.steps}")
            advance(completed=step, resumed=True)

        database = None if plan.settings.training.folder else plan.folder.parents[1]
        report = Report(show, say, database, go_on)
        outcome = fit(network, plan.photographs, plan.recipe, operation, plan.folder, plan.identity, report)
        advance(completed=outcome.step)
        return outcome


def _check_devices(settings: RecipeSettings) -> None:
    """What is trained can be trained here, and coded where `device=` of a run says.

    Raises:
        BenchError: a device is not there.
    """
    prepare_device(getattr(settings, "device", CPU))
    operation = _operation(settings)
    if accelerator_of(operation.accelerator) == "cpu":
        return
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not gpus:
        raise UsageError(
            f"training.accelerator={operation.accelerator}: there is no GPU that torch can use; "
            "training.accelerator=cpu needs none"
        )
    if operation.devices > gpus:
        raise BenchError(
            f"training.devices={operation.devices}: this machine has {gpus} GPUs that torch can use; "
            "training.accelerator=cpu needs none"
        )


def _check_range(network: Network) -> None:
    if not all(bool(torch.isfinite(parameter.half()).all()) for parameter in network.parameters()):
        raise BenchError(
            "the training has diverged: its weights are beyond the range of float16, in which they are "
            "stored; lower training.learning_rate"
        )


def _operation(settings: RecipeSettings) -> Operation:
    training = settings.training
    values = {item.name: getattr(training, item.name) for item in fields(Operation)}
    workers = training.data_workers
    if workers is None:
        gpu = accelerator_of(training.accelerator) == "gpu"
        workers = min(MOST_READERS, settings.cores // training.devices) if gpu else 0
    return Operation(**{**values, "data_workers": workers, "loggers": tuple(training.loggers)})


def _note(plan: Plan, network: Network, outcome: Outcome) -> dict[str, Any]:
    anew = weights.entropy_parts_anew(network, plan.start) if plan.start else []
    return {
        **({"anew": anew} if anew else {}),
        "recipe": plan.recipe.as_dict(),
        "step": outcome.step,
        "photographs": len(plan.photographs.training),
        "photographs_id": plan.identity["photographs"],
        "skipped": len(plan.photographs.skipped) + len(outcome.unreadable),
        "start": plan.identity["start"],
        "source": content_key(plan.identity["source"]),
        "own_source": users_files(plan.identity["source"]),
        "devices": plan.settings.training.devices,
        "accelerator": plan.settings.training.accelerator,
        "precision": precision_of(plan.recipe, accelerator_of(plan.settings.training.accelerator)),
        "steps_per_second": outcome.steps_per_second and round(outcome.steps_per_second, 3),
        "waiting": outcome.waiting and round(outcome.waiting, 4),
        "peak_gpu_bytes": outcome.peak_gpu_bytes,
        "eased": outcome.eased,
        "version": __version__,
        "torch": torch.__version__,
    }


def _report_omissions(plan: Plan) -> None:
    """What is left out of the photographs, and that an unfinished training of other settings stays aside."""
    skipped = plan.photographs.skipped
    for message in skipped[:10]:
        say(f"{message}; left out")
    if len(skipped) > 10:
        say(f"{len(skipped) - 10} more photographs are left out")
    unfinished = list(others_unfinished(plan))
    if not unfinished:
        return
    folder, differing = unfinished[-1]
    more = f"; and {len(unfinished) - 1} more" if len(unfinished) > 1 else ""
    say(f"a new training; an unfinished one in {folder} stays aside: {', '.join(differing)}{more}")
