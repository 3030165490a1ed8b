"""What the gap to an anchor or to `base` depends on: BD-rate over the steps of training, a line a variant.

    python docs/steps.py results/tables/kodak-small-steps.csv results/plots/kodak-small-steps.png

The CSV has a row for each training: steps, variant, seed, against (`vvc`, `base` …), bd_rate in percent, as
`mean_bd_rate` and `vs_base_bd_rate` of a table's CSV are. A dot is a training, a line goes through the means
of seeds; what BD-rates are against has a panel each.
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from jpegai_bench.report.plots.style import variant_number, variant_style

COLUMNS = ("steps", "variant", "seed", "against", "bd_rate")


def read(path: str) -> pd.DataFrame:
    """The trainings of a file; exits with a line where it cannot be read or lacks a column."""
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        sys.exit(f"steps: {path}: cannot be read ({str(error).strip()})")
    if missing := [column for column in COLUMNS if column not in frame]:
        sys.exit(f"steps: {path}: no column {', '.join(missing)}")
    frame = frame.dropna(subset=["steps", "variant", "against", "bd_rate"])
    if frame.empty:
        sys.exit(f"steps: {path}: no training has steps, variant, against and bd_rate")
    if worded := [name for name in ("steps", "bd_rate") if not is_numeric_dtype(frame[name])]:
        sys.exit(f"steps: {path}: not all of {', '.join(worded)} are numbers")
    if not (np.isfinite(frame[["steps", "bd_rate"]]).all(axis=None) and (frame.steps > 0).all()):
        sys.exit(f"steps: {path}: steps must be above 0, BD-rates finite")
    return frame


def means(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean BD-rate over seeds, a row for each of against, variant and steps."""
    return frame.groupby(["against", "variant", "steps"], sort=False, as_index=False).bd_rate.mean()


def figure(frame: pd.DataFrame) -> Figure:
    """A panel for each `against`."""
    panels = list(dict.fromkeys(frame.against))
    names = list(dict.fromkeys(frame.variant))
    colours = {name: variant_style(variant_number(name, names))["color"] for name in names}
    drawn = Figure(figsize=(4.0 * len(panels), 3.2), layout="constrained")
    for axes, against in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        part = frame[frame.against == against]
        lines = means(part)
        for variant in dict.fromkeys(part.variant):
            line = lines[lines.variant == variant].sort_values("steps")
            axes.plot(line.steps, line.bd_rate, color=colours[variant], label=variant, linewidth=1.4)
            dots = part[part.variant == variant]
            axes.plot(dots.steps, dots.bd_rate, "o", color=colours[variant], markersize=4, alpha=0.7)
        steps = sorted(set(part.steps))
        axes.set_xscale("log")
        axes.set_xticks(steps, [f"{step:,}" for step in steps])
        axes.minorticks_off()
        axes.grid(color="#d9d9d9", linewidth=0.5)
        axes.set_xlabel("steps of training")
        axes.set_ylabel(f"BD-rate against {against}, mean of 7 (%)")
        axes.legend(fontsize=8)
    return drawn


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: python docs/steps.py CSV FIGURE", file=sys.stderr)
        sys.exit(2)
    drawn = figure(read(sys.argv[1]))
    try:
        drawn.savefig(sys.argv[2], dpi=150)
    except (OSError, ValueError) as error:
        sys.exit(f"steps: {sys.argv[2]}: cannot be written ({error})")
