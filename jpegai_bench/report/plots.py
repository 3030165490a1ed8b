"""The plots of a study: R-D curves by metric, an overview of all, and complexity against BD-rate."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.atomic import make_folder, write_bytes
from jpegai_bench.metrics.catalogue import METRICS, average_of
from jpegai_bench.report import curves, draw, labels, style
from jpegai_bench.report.curves import Panel, quality_limits, rate_limit
from jpegai_bench.report.study import Study
from jpegai_bench.report.tables import Tables, build_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANIFEST = ".plots.json"
"""In the folder of plots: what each file was drawn from."""

FORMATS = ("png", "pdf")

_SOURCES = (Path(__file__), *(Path(str(module.__file__)) for module in (curves, draw, labels, style)))


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn, and everything that decides how it looks."""

    name: str
    data: dict[str, Any]
    draw: Callable[[dict[str, Any]], "Figure"]

    def key(self) -> str:
        """Hash of the data, of the drawing code and of matplotlib's version."""
        digest = hashlib.sha256(
            json.dumps([self.name, self.data, version("matplotlib")], sort_keys=True).encode()
        )
        for source in _SOURCES:
            digest.update(source.read_bytes())
        return digest.hexdigest()


def write_plots(
    study: Study, folder: str | Path, prefix: str = "", tables: Tables | None = None
) -> list[Path]:
    """Draw what has changed and return the paths of all plots, PNG and PDF, `prefix` before each name.

    `tables` saves computing the study's BD-rates again. Equal input gives equal bytes.

    Raises:
        BenchError: the folder cannot be written.
    """
    folder = make_folder(folder)
    manifest = _read_manifest(folder / MANIFEST)
    paths, changed = [], False
    for plot in plots(study, tables):
        key = plot.key()
        files = [folder / f"{prefix}{plot.name}.{suffix}" for suffix in FORMATS]
        paths += files
        if all(file.exists() and manifest.get(file.name) == key for file in files):
            continue
        for file, data in zip(files, draw.render(plot.draw, plot.data, FORMATS), strict=True):
            write_bytes(file, data)
            manifest[file.name] = key
        changed = True
    if changed:
        write_bytes(folder / MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return paths


def plots(study: Study, tables: Tables | None = None) -> list[Plot]:
    """Every plot that the study has the figures for; nothing is drawn yet."""
    found = curves.panels(study)
    subtitle = _subtitle(study)
    result = [
        Plot(f"rd_{name}", {"title": subtitle, "panels": [_plain(study, panel)]}, draw.rate_distortion)
        for name, panel in found.items()
    ]
    overview = [found[name] for name in (*average_of(study.hvs), "psnr_y") if name in found]
    if len(overview) > 1:
        result.append(
            Plot(
                "overview", {"title": subtitle, "panels": [_plain(study, p) for p in overview]}, draw.overview
            )
        )
    points = _complexity_points(study, tables or build_tables(study))
    if points:
        data = {"title": subtitle, "anchor": study.anchor, "points": points}
        result.append(Plot("complexity", data, draw.complexity))
    return result


def _subtitle(study: Study) -> str:
    models = sorted({entry.model for entry in study.variants if entry.model})
    return ", ".join([study.title or study.dataset, *(f"model {model}" for model in models)])


def _plain(study: Study, panel: Panel) -> dict[str, Any]:
    """As JSON can hold it, with the axes' limits and each curve's place in the style's cycle."""
    drawn = [{**asdict(curve), "number": _number(study, curve.label)} for curve in panel.curves]
    metric = next(metric for metric in METRICS if metric.name == panel.metric)
    unit = f" ({metric.unit})" if metric.unit else ""
    worse = "" if metric.higher_is_better else ", lower is better"
    return {
        "label": f"{metric.label}{unit}{worse}",
        "images": panel.images,
        "curves": drawn,
        "xlim": [0.0, rate_limit(panel)],
        "ylim": list(quality_limits(panel)),
    }


def _number(study: Study, label: str) -> int:
    """An entry's place among those of its kind: its colour and marker, the same in every figure."""
    kind = next(entry.kind for entry in study.entries if entry.label == label)
    return [entry.label for entry in study.entries if entry.kind == kind].index(label)


def _complexity_points(study: Study, tables: Tables) -> list[dict[str, Any]]:
    """kMACs/pixel, mean BD-rate and interval of the variants that have both."""
    found = []
    for row in tables.results.to_dict("records"):
        figures = {
            "kmacs": row["published_kmacs_px"],
            "bd_rate": row["mean_bd_rate"],
            "low": row["mean_ci_low"],
            "high": row["mean_ci_high"],
        }
        if figures["kmacs"] > 0 and math.isfinite(figures["bd_rate"]):
            plain = {name: float(value) if math.isfinite(value) else None for name, value in figures.items()}
            found.append({"label": row["variant"], "number": _number(study, row["variant"]), **plain})
    return found


def _read_manifest(path: Path) -> dict[str, str]:
    """What is there was drawn from; nothing where the manifest is damaged: then all is drawn again."""
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
