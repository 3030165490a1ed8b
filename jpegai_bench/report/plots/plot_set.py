"""The plots of a study: R-D curves by metric, an overview of all, and complexity against BD-rate."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.study import Study
from jpegai_bench.report.plots import complexity_plot, curves, draw, labels, parts_plot, style
from jpegai_bench.report.plots.curves import Panel, by_height, rate_limits, score_limits
from jpegai_bench.report.tables.results import Tables
from jpegai_bench.system.files import json_object, make_folder, write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MANIFEST = ".plots.json"
"""In the folder of plots: what each file was drawn from."""

FORMATS = ("png", "pdf")

_DRAWN_BY = (complexity_plot, curves, draw, labels, parts_plot, style)
_SOURCES = (Path(__file__), *(Path(str(module.__file__)) for module in _DRAWN_BY))


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


def write_plots(tables: Tables, folder: str | Path, prefix: str = "", parts: bool = False) -> list[Path]:
    """Draw what has changed and return the paths of all plots, PNG and PDF, `prefix` before each name.

    `parts` adds the complexity by part. Equal input gives equal bytes.

    Raises:
        BenchError: the folder cannot be written.
    """
    folder = make_folder(folder)
    manifest = json_object(folder / MANIFEST) or {}  # of a damaged one nothing: then all is drawn again
    paths, changed = [], False
    for plot in plots(tables, parts):
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


def plots(tables: Tables, parts: bool = False) -> list[Plot]:
    """Every plot that the study has the figures for; nothing is drawn yet."""
    study = tables.study
    models = sorted({entry.model for entry in study.variants if entry.model})
    subtitle = ", ".join([study.title or study.dataset, *(f"model {model}" for model in models)])
    panels = {name: _plain(study, panel) for name, panel in curves.panels(study).items()}
    result = [
        Plot(f"rd_{name}", {"title": subtitle, "panels": [panel]}, draw.rate_distortion)
        for name, panel in panels.items()
    ]
    overview = [panels[name] for name in dict.fromkeys((*study.shown, "psnr_y")) if name in panels]
    if len(overview) > 1:
        result.append(Plot("overview", {"title": subtitle, "panels": overview}, draw.overview))
    against = _complexity_panels(tables)
    if any(panel["points"] for panel in against):
        result.append(Plot("complexity", {"title": subtitle, "panels": against}, complexity_plot.complexity))
    if parts and (by_part := _parts_panels(study)):
        result.append(Plot("parts", {"panels": by_part}, parts_plot.parts))
    return result


def _plain(study: Study, panel: Panel) -> dict[str, Any]:
    """As JSON can hold it, with the axes' limits and each curve's style."""
    drawn = [{**asdict(curve), "style": style_of(study, curve.label)} for curve in panel.curves]
    rates = rate_limits(panel, from_zero=not study.peers)
    metric = next(metric for metric in METRICS if metric.name == panel.metric)
    unit = f" ({metric.unit})" if metric.unit else ""
    worse = "" if metric.higher_is_better else ", lower is better"
    return {
        "label": f"{metric.label}{unit}{worse}",
        "higher_is_better": metric.higher_is_better,
        "images": panel.images,
        "curves": drawn,
        "order": by_height(panel),
        "logarithmic": bool(study.peers),
        "xlim": list(rates),
        "ylim": list(score_limits(panel, rates)),
    }


def style_of(study: Study, label: str) -> dict[str, Any]:
    """How an entry looks, the same in every figure: by its place among those of its kind."""
    entry = study.entry(label)
    if entry.kind == "variant":
        labels = [variant.label for variant in study.variants]
        return style.variant_style(style.variant_number(label, labels))
    unlisted = [
        codec.label for codec in study.entries if codec.kind == "codec" and not style.is_known(codec.label)
    ]
    return style.codec_style(label, unlisted.index(label) if label in unlisted else 0)


def _complexity_panels(tables: Tables) -> list[dict[str, Any]]:
    """For each anchor kMACs/pixel, mean BD-rate and interval of the variants, mean BD-rate of the peers."""
    study, panels = tables.study, []
    for anchor in study.anchor_entries:
        rows = tables.results[(tables.results.anchor == anchor.label) & tables.results.mean_bd_rate.notna()]
        counted = rows[(rows.kind == "variant") & (rows.published_kmacs_px > 0)]
        subject, column = _cost(counted)
        points = []
        for row in counted.to_dict("records"):
            figures = {"bd_rate": row["mean_bd_rate"], "low": row["mean_ci_low"], "high": row["mean_ci_high"],
                       "kmacs": row[column]}  # fmt: skip
            plain = {key: float(v) if math.isfinite(v) else None for key, v in figures.items()}
            points.append({"label": row["variant"], "style": style_of(study, row["variant"]), **plain})
        levels = [
            {"name": study.entry(row["variant"]).name, "bd_rate": float(row["mean_bd_rate"])}
            for row in rows[rows.kind == "codec"].to_dict("records")
        ]
        panels.append(
            {"anchor": anchor.name, "described": anchor.described, "cost": subject, "points": points,
             "levels": levels}
        )  # fmt: skip
    return panels


def _cost(counted: "pd.DataFrame") -> tuple[str, str]:
    """What is drawn, and its column: the luma synthesis shows nothing of entropy parts that differ."""
    entropy = counted.entropy_published_kmacs_px.round(6)
    if entropy.notna().all() and entropy.nunique() > 1:
        return "whole decoder", "decoder_published_kmacs_px"
    return "luma synthesis", "published_kmacs_px"


def _parts_panels(study: Study) -> list[dict[str, Any]]:
    """kMACs/pixel by part of each variant that was counted: at the paper's size, and at the run's."""
    panels = []
    counted = {entry.label: entry.complexity or {} for entry in study.variants}
    at_paper_size = {label: counts.get("paper_size") or {} for label, counts in counted.items()}
    models = ", ".join(sorted({entry.model for entry in study.variants}))
    sizes = [("paper", at_paper_size)] if models == "paper" else [("paper", at_paper_size), (models, counted)]
    for model, counts_by in sizes:
        bars = [
            {"label": label, "parts": counts["parts"], "all": counts["all_kmacs_px"]}
            for label, counts in counts_by.items()
            if counts.get("parts") and counts.get("all_kmacs_px") is not None
        ]
        if bars:
            panels.append({"model": model, "bars": bars})
    return panels
