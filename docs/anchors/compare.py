"""Draw our codecs' mean PSNR of RGB on Kodak beside what CompressAI publishes, and print the distances.

python docs/anchors/compare.py docs/anchors/kodak.png
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator

from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.config.folders import PUBLISHED

PAIRS = (
    ("jpeg", "JPEG"),
    ("jpeg_ijg", "JPEG"),
    ("webp", "WebP"),
    ("jpeg2000", "JPEG 2000"),
    ("jpeg2000_53", "JPEG 2000"),
    ("av1_444", "AV1"),
    ("hevc_444", "HM"),
    ("hevc_444", "BPG 4:4:4"),
    ("vvc", "VTM"),
)
"""Our codec, and theirs that is nearest to it."""
ALONE = ("jpegxl", "avif", "av1", "hevc")
AS_PUBLISHED = {"jpeg_ijg": "jpeg", "jpeg2000_53": "jpeg2000"}
"""Codecs with the settings of the published curves, and the better ones of their formats."""
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#999933",
    "#000000",
    "#666666",
)


def ours(codec: str) -> pd.DataFrame:
    """Mean rate and PSNR at each quality, by rate."""
    points = pd.read_csv(SHIPPED / codec / "kodak" / "points.csv")
    return points.groupby("quality")[["bpp", "psnr_rgb"]].mean().sort_values("bpp")


def published(codec: str) -> pd.DataFrame:
    """The same of theirs."""
    frame = pd.read_csv(PUBLISHED / "published" / "kodak.csv")
    return frame[frame.codec == codec].sort_values("bpp")


def distances(codec: str, other: str, highest: float = 2.0) -> pd.DataFrame:
    """How far our curve lies above theirs, in dB, at each of their points that it spans."""
    mine, theirs = ours(codec), published(other)
    inside = theirs[(theirs.bpp >= mine.bpp.min()) & (theirs.bpp <= min(mine.bpp.max(), highest))]
    above = PchipInterpolator(np.log(mine.bpp), mine.psnr_rgb)(np.log(inside.bpp)) - inside.psnr_rgb
    return pd.DataFrame({"bpp": inside.bpp, "above": above})


def draw(path: str) -> None:
    """All curves in one figure."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    codecs = list(dict.fromkeys([*(codec for codec, _ in PAIRS), *ALONE]))
    colours = dict(zip((codec for codec in codecs if codec not in AS_PUBLISHED), COLOURS, strict=True))
    colours |= {codec: colours[better] for codec, better in AS_PUBLISHED.items()}
    for codec in codecs:
        curve, dashes = ours(codec), (0, (3, 1.5)) if codec in AS_PUBLISHED else "-"
        axes.plot(
            curve.bpp, curve.psnr_rgb, color=colours[codec], label=codec, linewidth=1.2, linestyle=dashes
        )
    markers = iter("osD^vPX")
    for other, codec in {other: codec for codec, other in PAIRS}.items():
        curve = published(other)
        axes.plot(
            curve.bpp, curve.psnr_rgb, next(markers), color=colours[codec], markersize=4,
            markerfacecolor="none", label=f"{other} (CompressAI)",
        )  # fmt: skip
    axes.set_xlim(0, 1.5)
    axes.set_ylim(21, 41)
    axes.grid(color="#d9d9d9", linewidth=0.5)
    axes.set_xlabel("rate (bpp)")
    axes.set_ylabel("PSNR of RGB (dB)")
    axes.set_title("Kodak, mean of 24 images: lines are ours, markers are published", loc="left", fontsize=9)
    axes.legend(fontsize=7, ncols=2, loc="lower right")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    for codec, other in PAIRS:
        found = distances(codec, other)
        told = f"{found.above.min():+.2f} to {found.above.max():+.2f} dB, mean {found.above.mean():+.2f}"
        print(f"{codec:11} above {other:11} {told} over {found.bpp.min():.2f} to {found.bpp.max():.2f} bpp")
    if len(sys.argv) > 1:
        draw(sys.argv[1])
