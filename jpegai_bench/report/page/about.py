"""What was run, when, on what, with which weights: the lines at the top of a page."""

from collections.abc import Sequence

from jpegai_bench.metrics.asked import labels_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.report.gather.study import Study
from jpegai_bench.store.store import Run


def name_of(study: Study) -> str:
    """What the page calls it."""
    model = next((entry.model for entry in study.variants if entry.model), "")
    suffix = f", model {model}" if model else "" if study.variants else ", codecs alone"
    return f"{study.title or study.dataset}{suffix}"


def about(study: Study, images: int) -> list[tuple[str, str]]:
    """Terms and what to say of them, for the top of the page."""
    variants = [entry.run for entry in study.variants if entry.run]
    runs = variants or [entry.run for entry in study.entries if entry.run]
    terms = [
        ("Images", f"{images} of {study.dataset}"),
        ("Variants", ", ".join(entry.label for entry in study.variants) or "none"),
        (
            "Anchor" if len(study.anchors) == 1 else "Anchors",
            "; ".join(e.described for e in study.anchor_entries),
        ),
        ("Weights", _weights(study)),
        ("Rates", _rates(variants)),
        ("Metrics", "" if study.asked == NAMES else f"{labels_of(study.asked)}; others were not asked for"),
        ("Measured", _dates(runs)),
        ("Software", _software(runs)),
    ]
    return [(term, text) for term, text in terms if text]


def _weights(study: Study) -> str:
    notes = dict.fromkeys(str(e.run.manifest.get("note", "")) for e in study.variants if e.run)
    return "; ".join(note.removeprefix("weights ") for note in notes if note)


def _rates(runs: Sequence[Run]) -> str:
    texts = dict.fromkeys(
        f"{'targets' if run.rates == 'target' else 'qualities'} "
        + ", ".join(
            f"{value:g}" for value in run.manifest.get("targets") or run.manifest.get("qualities") or ()
        )
        + (" bpp" if run.rates == "target" else "")
        for run in runs
        if run.manifest.get("targets") or run.manifest.get("qualities")
    )
    return "; ".join(texts)


def _dates(runs: Sequence[Run]) -> str:
    days = sorted(
        str(run.manifest[key])[:10] for run in runs for key in ("start", "end") if run.manifest.get(key)
    )
    return "" if not days else days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _software(runs: Sequence[Run]) -> str:
    versions: dict[str, list[str]] = {}
    for run in runs:
        for name in ("jpegai-bench", "torch", "python"):
            if value := (run.manifest.get("versions") or {}).get(name):
                versions.setdefault(name, []).append(str(value))
    return ", ".join(f"{name} {' and '.join(dict.fromkeys(values))}" for name, values in versions.items())
