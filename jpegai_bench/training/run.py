"""Train a variant as configured: photographs, network, loop, weights."""

import os
from dataclasses import fields
from pathlib import Path

import torch

from jpegai_bench import __version__
from jpegai_bench.codecs.learned import source_hash
from jpegai_bench.config import SHIPPED_WEIGHTS, Settings, Variant, structure_of
from jpegai_bench.errors import BenchError
from jpegai_bench.network import weights
from jpegai_bench.network.codec import Network
from jpegai_bench.progress import progress
from jpegai_bench.store import Store, content_key
from jpegai_bench.training.data import load_photographs
from jpegai_bench.training.loop import Progress, Recipe, train


def train_variant(settings: Settings, variant: Variant) -> Path:
    """Train, or go on where a killed training was; finished ones are found again.

    Returns:
        The folder of the weights: `results/training/<variant>/<key>/weights`.

    Raises:
        BenchError: no photographs, a loss that is not finite, a folder that cannot be written.
    """
    training = settings.training
    if not training.data:
        raise BenchError("no training photographs: give their folders with training.data=[PATH,PATH]")
    structure = structure_of(settings, variant)
    recipe = Recipe(**{item.name: getattr(training, item.name) for item in fields(Recipe)})
    size = settings.model.network_size()
    modules = variant.modules(size)
    start = _start(settings)
    identity = {
        "variant": variant.name,
        "structure": structure,
        "source": source_hash(modules),
        "data": training.data,
        "start": _content(start, training.init_variant) if start else None,
    }
    key = content_key([identity, vars(recipe)])[:12]
    folder = Store(settings.results).root / "training" / variant.name / key
    done = folder / "weights"
    if (done / weights.synthesis_file(variant.name)).exists():
        return done
    torch.set_num_threads(training.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(training.seed)
    network = Network(size, modules)
    if start:
        weights.initialize(network, start, training.init_variant)
    photographs = load_photographs(training.data, training.crop, training.seed)
    with progress(f"training {variant.name}, seed {training.seed}", training.steps, "steps") as advance:

        def report(now: Progress) -> None:
            figures = f"loss {now.loss:.3f}, {now.bpp:.3f} bpp, {now.psnr_y:.2f} dB"
            advance(f"{figures}, {now.steps_per_second:.2f} steps/s", completed=now.step)

        train(network, photographs, recipe, folder, identity, report)
    note = {
        "recipe": vars(recipe),
        "photographs": len(photographs.images),
        "skipped": len(photographs.skipped),
        "version": __version__,
        "torch": torch.__version__,
    }
    frozen = start if training.train == "synthesis" else None
    weights.save(network, done, variant.name, structure, note, shared_from=frozen)
    return done


def _content(start: Path, variant: str | None) -> dict[str, str]:
    return vars(weights.ids(start, variant)) if variant else {"shared": weights.shared_id(start)}


def _start(settings: Settings) -> Path | None:
    """The weights folder that the training starts from."""
    named = settings.training.init_from
    if named == "shipped":
        return SHIPPED_WEIGHTS / settings.model.name
    return Path(named).expanduser() if named else None
