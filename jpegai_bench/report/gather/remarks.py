"""What is to be said of runs beside their numbers: changed modules, encoders, trainings, other computing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from jpegai_bench.config.experiment import BASE
from jpegai_bench.config.overrides import key_of
from jpegai_bench.report.gather import training_remarks
from jpegai_bench.store.store import Run

_DIGITS = 8
"""Of an encoder's id, as it is printed."""
_COMPUTED = {
    "device": "Coded and decoded on {}",
    "precision": "Decoded in {}",
    "rdo": "Coded with rate-distortion optimised quantisation (rdo=true)",
}
"""What `codec` of `run.json` has only where it is another than usual."""


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Runs by label, the base first, then those of its encoder, then those of each other encoder together."""
    first = next((_encoder(run) for run in runs if run.label == BASE), "")
    return sorted(runs, key=lambda run: (run.label != BASE, _encoder(run) != first, _encoder(run), run.label))


def remarks(runs: Sequence[Run]) -> dict[str, str]:
    """What is said of each variant's training and encoder beside its row, by label; empty where nothing is.

    Args:
        runs: one a variant.
    """
    kinds_of_remark = (training_remarks.remarks(runs), of_encoders(runs))
    return {
        run.label: "; ".join(by_label[run.label] for by_label in kinds_of_remark if run.label in by_label)
        for run in runs
    }


def notes(runs: Sequence[Run]) -> list[str]:
    """Sentences below a table of runs, one a variant: modules changed, encoders of their own, trainings."""
    return [*_on_changes(runs), *_on_encoders(runs), *training_remarks.notes(runs)]


def of_encoders(runs: Sequence[Run]) -> dict[str, str]:
    """The encoder of each variant, by label; nothing where all have the same one.

    Args:
        runs: one a variant, each with the id of its shared weights in `run.json`.
    """
    encoders = {run.label: encoder for run in runs if (encoder := _encoder(run))}
    if len(set(encoders.values())) < 2:
        return {}
    return {label: f"encoder {encoder[:_DIGITS]}" for label, encoder in encoders.items()}


def computed_otherwise(runs: Mapping[str, Run]) -> list[str]:
    """Whose networks did not code and decode as most do: on the CPU, in float32, rounding to the nearest.

    Another device or quantisation moves rates and pictures, another precision pictures.

    Args:
        runs: by label, as tables have it.
    """
    labels: dict[str, list[str]] = defaultdict(list)
    for label, run in runs.items():
        made_by = run.manifest.get("codec") or {}
        for key, done in _COMPUTED.items():
            if value := made_by.get(key):
                labels[done.format(value)].append(label)
    return [f"{done}: {', '.join(names)}" for done, names in labels.items()]


def _on_changes(runs: Sequence[Run]) -> list[str]:
    """Variants whose modules were changed on the command line keep a name that stands for others.

    Nothing is said of a run from before overrides were kept in `run.json`.
    """
    sentences = []
    for run in runs:
        typed = [str(word) for word in run.manifest.get("overrides") or ()]
        changes = [word for word in typed if key_of(word).startswith("variant.")]
        if changes and not any(key_of(word) == "variant.name" for word in changes):
            ran = f"it was run with {' '.join(changes)}"
            sentences.append(f"{run.label} is not what the variant of this name is: {ran}.")
    return sentences


def _on_encoders(runs: Sequence[Run]) -> list[str]:
    """Among variants that share an encoder and its entropy model a difference is the decoder's alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label, encoder in of_encoders(runs).items():
        groups[encoder].append(label)
    listed = "; ".join(f"{', '.join(labels)} ({encoder})" for encoder, labels in groups.items())
    sentence = (
        f"Variants have encoders or entropy models of their own: {listed}. A difference between two of "
        "one is the decoder's alone; between others it is also the bitstream's."
    )
    return [sentence] if groups else []


def _encoder(run: Run) -> str:
    """The id of analysis, gains and entropy models, which every bitstream carries; empty where unknown."""
    return str((run.manifest.get("codec") or {}).get("shared_weights") or "")
