"""How the weights behind a table were trained: said where it differs, or where it was a mere trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jpegai_bench.store.store import Run

FEWEST_STEPS = 1000
"""With fewer, a training shows that it runs: what its weights code says nothing about the transforms."""
_PARTS = {"all": "everything", "synthesis": "synthesis alone", "entropy": "entropy model alone"}


@dataclass(frozen=True)
class Stage:
    """A training as a weights file notes it."""

    part: str
    steps: int
    goes_on: bool
    """All of it began from trained weights of its kind: how many steps these had is not on record."""

    @property
    def wording(self) -> str:
        """Such as `synthesis alone, 10,000 steps`."""
        further = " further" if self.goes_on else ""
        return ", ".join(filter(None, (_PARTS.get(self.part, ""), f"{self.steps:,} steps{further}")))

    @property
    def as_encoder(self) -> str:
        """Such as `of 30,000`: behind the word encoder."""
        further = " further" if self.goes_on else ""
        whose = " steps of its entropy model" if self.part == "entropy" else ""
        return f"{'with' if whose else 'of'} {self.steps:,}{further}{whose}"

    @property
    def is_trial(self) -> bool:
        """Whether it shows no more than that it runs."""
        return self.steps < FEWEST_STEPS and not self.goes_on


@dataclass(frozen=True)
class _Trained:
    """A variant's synthesis, and its encoder where that was trained apart."""

    synthesis: Stage
    encoder: Stage | None
    apart: tuple[str, ...] = ()
    """The settings in which it is not as those that were trained alike otherwise."""

    @property
    def wording(self) -> str:
        encoder = f"on an encoder {self.encoder.as_encoder}" if self.encoder else ""
        return ", ".join(filter(None, (self.synthesis.wording, encoder, *self.apart)))

    @property
    def is_trial(self) -> bool:
        return self.synthesis.is_trial or (self.encoder is not None and self.encoder.is_trial)


def remarks(runs: Sequence[Run]) -> dict[str, str]:
    """What is to be said of each variant's training, by label; nothing where all are equal and long enough.

    Args:
        runs: one a variant. `trained` in `run.json` holds what the weights files note; nothing is said of a
            run without it.
    """
    trained = _all(runs)
    if len(set(trained.values())) < 2 and not any(training.is_trial for training in trained.values()):
        return {}
    unfit = f"; fewer than {FEWEST_STEPS:,} steps: unfit for conclusions"
    return {
        label: f"trained: {training.wording}{unfit if training.is_trial else ''}"
        for label, training in trained.items()
    }


def notes(runs: Sequence[Run]) -> list[str]:
    """The same as sentences below a table."""
    trained = _all(runs)
    sentences = []
    if len(set(trained.values())) > 1:
        sentences.append(
            f"Weights were trained differently: {_listed(trained)}. A difference between these is the "
            "training's too."
        )
    trials = {label: training for label, training in trained.items() if training.is_trial}
    if trials:
        sentences.append(
            f"Unfit for conclusions, trained fewer than {FEWEST_STEPS:,} steps: {_listed(trials)}. Such "
            "weights show that it runs, and nothing about the transforms."
        )
    return sentences


def _listed(trained: Mapping[str, _Trained]) -> str:
    """Those that were trained alike together."""
    labels: dict[str, list[str]] = {}
    for label, training in trained.items():
        labels.setdefault(training.wording, []).append(label)
    return "; ".join(f"{', '.join(alike)} ({words})" for words, alike in labels.items())


def _all(runs: Sequence[Run]) -> dict[str, _Trained]:
    trained: dict[str, _Trained] = {}
    alike: dict[_Trained, dict[str, dict[str, str]]] = {}
    for run in runs:
        record = run.manifest.get("trained") or {}
        training = _trained(record)
        if training is not None:
            trained[run.label] = training
            alike.setdefault(training, {})[run.label] = _settings(record["synthesis"])
    for training, settings in alike.items():
        everywhere = set.intersection(*map(set, settings.values()))  # another version may note others
        differing = [
            name for name in sorted(everywhere) if len({noted[name] for noted in settings.values()}) > 1
        ]
        for label, noted in settings.items():
            trained[label] = replace(training, apart=tuple(noted[name] for name in differing))
    return trained


def _settings(note: Mapping[str, Any]) -> dict[str, str]:
    """What else decides a training: its photographs, by number and by content, and its recipe."""
    recipe = recipe_as_carried_out(note)
    words = {name: f"{name} {recipe[name]}" for name in recipe if name not in ("seed", "steps", "train")}
    words["setbacks"] = setbacks(note)
    if count := note.get("photographs"):
        words["photographs"] = f"{count} photographs"
    if content := note.get("photographs_id"):
        words["photographs_id"] = f"photographs {content}"
    return words


def _trained(record: Mapping[str, Any]) -> _Trained | None:
    synthesis = stage_of(record.get("synthesis"), "synthesis")
    if synthesis is None:
        return None
    apart = synthesis.part == "synthesis"
    return _Trained(synthesis, stage_of(record.get("shared"), "shared") if apart else None)


def recipe_as_carried_out(note: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe in the note of a weights file, with the precision that `auto` came to."""
    recipe = dict(note["recipe"])
    if "precision" in recipe and "precision" in note:
        recipe["precision"] = note["precision"]
    return recipe


def setbacks(note: Mapping[str, Any]) -> str:
    """With how much of its learning rate a training ended that broke down; empty where it did not."""
    eased = note.get("eased", 1.0)
    return "" if eased == 1 else f"after a breakdown at {eased:g} of the learning rate"


def stage_of(note: Any, kind: str) -> Stage | None:
    """What the note of a weights file of a kind (`shared`, `synthesis`) says; None where it does not."""
    recipe = note.get("recipe") if isinstance(note, dict) else None
    if not isinstance(recipe, dict):
        return None
    steps = note.get("step", recipe.get("steps"))  # fewer than the recipe's in weights of `unfinished`
    if not isinstance(steps, int):
        return None
    goes_on = kind in (note.get("start") or {}) and not note.get("anew")
    return Stage(str(recipe.get("train", "")), steps, goes_on)
