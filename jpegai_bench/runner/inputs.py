"""What a run works on: a data set, codecs, and the weights of a variant, trained or loaded."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.fingerprint import sources
from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.config.command_settings import DecodingSettings
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.variants import Variant, structure_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.fingerprint.dependencies import users_files
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.network.weight_files import (
    SHARED_FILE,
    SHIPPED_WEIGHTS,
    read,
    require_structure,
    synthesis_file,
)
from jpegai_bench.runner.dataset_name import name_in
from jpegai_bench.store.store import Store
from jpegai_bench.system.console import report, say
from jpegai_bench.system.devices import CPU, FLOAT32


def anchor_codecs(settings: Settings) -> list[AnchorCodec]:
    """The codecs of the `anchor` group, the main one first."""
    codecs = [codec_of(label, node) for label, node in settings.anchor.items()]
    if not codecs:
        raise UsageError("anchor: choose at least one, as anchor=vvc or anchor=[vvc,hevc]")
    labels = [codec.name for codec in codecs]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise UsageError(f"anchor: two are named {twice[0]}; give one of them another `name`")
    return codecs


def learned_codec(
    settings: DecodingSettings, variant: Variant, rdo: bool, device: str = CPU, precision: str = FLOAT32
) -> LearnedCodec:
    """The variant as a codec on a device, with the weights that `weights=` names.

    `rdo` is of its encoder, `precision` of its synthesis.
    """
    structure, folder = structure_of(settings, variant), weights_folder(settings, variant)
    _warn_of_other_code(folder, variant, structure)
    network = partial(variant.network, settings.model)
    return LearnedCodec(variant.name, network, structure, folder, rdo, device, precision)


def _warn_of_other_code(folder: Path, variant: Variant, structure: dict[str, Any]) -> None:
    """Say where modules of the user's own are other ones than those that the weights were trained with."""
    was = _training_note(folder / synthesis_file(variant.name), "synthesis").get("own_source")
    if not isinstance(was, dict) or not was:
        return
    now = users_files(sources(structure))
    if was != now:
        files = ", ".join(sorted(name for name in {*was, *now} if was.get(name) != now.get(name)))
        say(f"the weights in {folder} were trained with other code in {files}")


def weights_folder(settings: DecodingSettings, variant: Variant) -> Path:
    """Where the weights are; `weights=train` trains them first."""
    if settings.weights == "train":
        from jpegai_bench.training.run import train_variant

        return train_variant(settings, variant)
    shipped = settings.weights == "shipped"
    folder = SHIPPED_WEIGHTS / settings.model.name if shipped else Path(settings.weights).expanduser()
    if folder.is_file():
        raise BenchError(
            f"weights={folder}: give the folder that holds {SHARED_FILE} and {synthesis_file(variant.name)}; "
            "only safetensors are read, pickled weights (.pt, .pth) are never opened"
        )
    if not shipped and not folder.is_dir():
        raise BenchError(f"weights={folder}: no such folder")
    for file in (SHARED_FILE, synthesis_file(variant.name)):
        if not (folder / file).is_file():
            if not shipped:
                raise BenchError(f"weights={folder}: no {file} in it")
            variant.modules(settings.model.network_size())  # what does not fit is the first to be told
            raise BenchError(
                f"no weights are shipped for variant {variant.name} at model={settings.model.name}: "
                "give some with weights=FOLDER, or train them with weights=train training.data=[FOLDER]"
            )
        require_structure(folder / file)
    return folder


def training_notes(folder: Path, variant: Variant) -> dict[str, Any]:
    """What encoder and synthesis in `folder` note of their training: recipe with seed, photographs.

    Not from the configuration: its training group is not what made weights that were shipped or given.
    """
    files = {"shared": SHARED_FILE, "synthesis": synthesis_file(variant.name)}
    return {kind: _training_note(folder / file, kind) for kind, file in files.items()}


def _training_note(path: Path, kind: str) -> dict[str, Any]:
    try:
        note = json.loads(read(path, kind)[1].get("note", "{}"))
    except (ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def images(settings: Settings) -> Dataset:
    """The data set of `dataset=…`, the first `dataset.limit` of its images, by its name in the store."""
    dataset = load(settings.dataset.name, settings.dataset.path)
    dataset = replace(dataset, images=dataset.images[: settings.dataset.limit])
    name = name_in(Store(settings.results), dataset)
    if name != dataset.name:
        report(f"{dataset.folder or dataset.name} is called {name} here: other pictures are {dataset.name}")
    return replace(dataset, name=name)
