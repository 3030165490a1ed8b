"""Which runs of a variant differ in nothing but the seeds of their training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegai_bench.report.gather.training_remarks import recipe_as_carried_out
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Run

_NOT_DECIDING = (
    *("version", "torch", "commit", "accelerator", "devices", "own_source"),
    *("steps_per_second", "waiting", "peak_gpu_bytes"),
)
"""Of a note: the first change with the installation, and belong to the noise, or `source` has it; the last
are measured."""
_NOT_DECIDING_IN_RECIPE = ("seed", "checkpoint_seconds", "log_every")


@dataclass(frozen=True)
class Replicates:
    """Runs of one variant, one a training seed, and the names of the seeds in the same order."""

    runs: tuple[Run, ...]
    seeds: tuple[str, ...]
    """Empty text where the seed is not on record."""
    notes: tuple[str, ...]
    """What the store holds besides, and why it does not count."""


def replicates(runs: Sequence[Run]) -> Replicates:
    """The newest run and those whose training differs from its by seeds alone, the newest of each.

    Recipe, photographs, network structure and rates must be the same, for the encoder and for the
    synthesis, and device and precision of the run. `trained` in `run.json` holds what the weights files
    note; a run without it stands alone.

    Args:
        runs: of one variant on the same images and anchor, the newest last; at least one.
    """
    newest = runs[-1]
    label, newest_training = newest.label, _training(newest)
    if newest_training is None:
        other_weights = {_weights(run) for run in runs} - {_weights(newest)}
        reason = f"the seed of {label} is not on record in {newest.folder.name}; run it again to have it read"
        return Replicates((newest,), ("",), (reason,) if other_weights else ())
    by_seeds: dict[tuple[str, str], Run] = {}
    notes = []
    for run in runs:
        training = _training(run)
        if training is not None and training.conditions == newest_training.conditions:
            by_seeds[training.seeds] = run
    used = {_weights(run) for run in by_seeds.values()}
    if other_weights := {_weights(run) for run in runs} - used:
        differing = "recipe, structure, set of qualities, device, precision"
        reason = f"another {differing} or unknown seed, or were trained again"
        notes.append(
            f"{len(other_weights)} other weights of {label} in the store do not count: they have {reason}"
        )
    ordered = sorted(by_seeds, key=lambda seeds: [(len(seed), seed) for seed in seeds])
    one_encoder = len({encoder for _, encoder in ordered}) == 1
    names = [
        synthesis if one_encoder or synthesis == encoder else f"{synthesis} on {encoder}"
        for synthesis, encoder in ordered
    ]
    return Replicates(tuple(by_seeds[seeds] for seeds in ordered), tuple(names), tuple(notes))


def trainings_of(runs: Sequence[Run]) -> dict[str, Replicates]:
    """By variant its `replicates` among runs that are alike, the newest last."""
    labels = dict.fromkeys(run.label for run in runs)
    return {label: replicates([run for run in runs if run.label == label]) for label in labels}


def recipe_of(run: Run) -> tuple[str, int, str]:
    """What the synthesis of a run was trained in, for how many steps, and the `recipe_digest` of all of it.

    Empty where it is not on record.
    """
    note = _note(run.manifest.get("trained"), "synthesis")
    if note is None:
        return "", 0, ""
    recipe = recipe_as_carried_out(note)
    return str(recipe.get("train", "")), int(recipe.get("steps", 0)), recipe_digest(recipe)


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """8 hexadecimal digits that trainings share whose recipes differ in the seed alone."""
    return content_key(_without_seed(recipe))[:8]


@dataclass(frozen=True)
class _Training:
    conditions: str
    """What replicates share, as text."""
    seeds: tuple[str, str]
    """Of the synthesis and of the encoder; the encoder's id where its seed is not on record."""


def _training(run: Run) -> _Training | None:
    trained, codec = run.manifest.get("trained"), run.manifest.get("codec") or {}
    notes = [_note(trained, kind) for kind in ("synthesis", "shared")]
    synthesis, shared = (None if note is None else note["recipe"]["seed"] for note in notes)
    if synthesis is None:
        return None
    config = run.manifest.get("config") or {}
    rates = [run.rates, config.get("qualities"), config.get("targets")]
    conditions: list[Any] = [*map(_deciding, notes), rates]
    conditions += [codec.get(key) for key in ("structure", "device", "precision")]
    encoder = str(codec.get("shared_weights")) if shared is None else str(shared)
    if shared is None:
        conditions.append(encoder)  # it may have been trained in any way: only the same one is the same
    return _Training(json.dumps(conditions, sort_keys=True, default=str), (str(synthesis), encoder))


def _note(trained: Any, kind: str) -> dict[str, Any] | None:
    """A weights file's note, where it has a recipe with its seed."""
    note = (trained or {}).get(kind)
    recipe = note.get("recipe") if isinstance(note, dict) else None
    return note if isinstance(recipe, dict) and recipe.get("seed") is not None else None


def _deciding(note: dict[str, Any] | None) -> dict[str, Any] | None:
    if note is None:
        return None
    recipe = _without_seed(recipe_as_carried_out(note))
    return {key: value for key, value in note.items() if key not in _NOT_DECIDING} | {"recipe": recipe}


def _without_seed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _NOT_DECIDING_IN_RECIPE}


def _weights(run: Run) -> tuple[str, str]:
    codec = run.manifest.get("codec") or {}
    return str(codec.get("shared_weights")), str(codec.get("synthesis_weights"))
