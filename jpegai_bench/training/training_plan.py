"""What a training is to be: its photographs, recipe and start, and the folder that they decide."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jpegai_bench.codecs.fingerprint import sources
from jpegai_bench.config.command_settings import RecipeSettings
from jpegai_bench.config.variants import Variant, structure_of
from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store
from jpegai_bench.system.files import REMEDY
from jpegai_bench.training.photographs import Photographs, find_photographs, listed
from jpegai_bench.training.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """A training as configured."""

    settings: RecipeSettings
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


def plan_of(settings: RecipeSettings, variant: Variant) -> Plan:
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
    own_folder = training.folder and Path(training.folder).expanduser()
    folder = (
        own_folder or Store(settings.results).root / "training" / variant.name / content_key(identity)[:12]
    )
    return Plan(settings, variant, recipe, photographs, start, identity, folder, photographs_listed)


def _start(settings: RecipeSettings) -> Path | None:
    init_from = settings.training.init_from
    if not init_from:
        return None
    shipped = init_from == "shipped"
    folder = SHIPPED_WEIGHTS / settings.model.name if shipped else Path(init_from).expanduser()
    if not folder.is_dir():
        problem = "is a file" if folder.is_file() else "no such folder"
        problem = f"none ship for model={settings.model.name}" if shipped else problem
        raise BenchError(
            f"training.init_from={init_from}: {problem}; give the folder of a training's weights"
        )
    if not (folder / weight_files.SHARED_FILE).exists() and (folder / "weights").is_dir():
        raise BenchError(
            f"training.init_from={init_from}: holds no weights; they are in {folder / 'weights'}"
        )
    variant = settings.training.init_variant
    if variant and not (folder / weight_files.synthesis_file(variant)).is_file():
        raise BenchError(f"training.init_variant={variant}: {folder} holds no synthesis of it")
    weight_files.require_structure(folder / weight_files.SHARED_FILE)
    return folder


def _start_content(start: Path, variant: str | None) -> dict[str, str]:
    return vars(weight_files.ids(start, variant)) if variant else {"shared": weight_files.shared_id(start)}
