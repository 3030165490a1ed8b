"""A sample of the figures that are committed, beside what the code of today computes."""

import json
import math
import re
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import bench, settings

from jpegai_bench.analysis.statistics import summarize
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.config.variants import variant_of
from jpegai_bench.images.datasets import load
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.metrics.measure import Reference
from jpegai_bench.runner.inputs import learned_codec

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "results/tables"
PAGES = runpy.run_path(str(ROOT / "scripts/pages.py"), run_name="pages")
WITH_POINTS = sorted(path.name.removesuffix("points.csv") for path in TABLES.glob("*-small-points.csv"))
"""Tables whose points are committed too, as `sample-small-`."""


@cache
def table(name: str) -> pd.DataFrame:
    return pd.read_csv(TABLES / name)


@pytest.mark.parametrize("variant", ["base", "combined"])
@pytest.mark.parametrize(
    ("model", "name"), [("paper", "complexity-paper.csv"), ("small", "kodak-small-results.csv")]
)
def test_complexity(model, name, variant, tmp_path):
    done = bench("complexity", f"+variant={variant}", f"model={model}", "format=json", cwd=tmp_path)
    assert done.code == 0, done.err
    [counted] = json.loads(done.out)
    [committed] = table(name).query("variant == @variant").to_dict("records")
    shared = [key for key in counted if key in committed and key not in ("variant", "model")]
    assert {"published_kmacs_px", "input_size_kmacs_px", "all_kmacs_px", "params_m"} <= set(shared)
    for key in shared:
        value = math.nan if counted[key] is None else counted[key]
        assert committed[key] == pytest.approx(value, rel=1e-9, abs=5.1e-7, nan_ok=True), key  # six decimals


def test_bd_rate_of_base_against_jpeg(tmp_path):
    files = [TABLES / f"kodak-{codec}-points.csv" for codec in ("jpeg", "base-target")]
    done = bench("bdrate", *files, "bpp_range=[0.11,0.77]", "format=csv", cwd=tmp_path)
    assert done.code == 0, done.err
    rows = [line.split(",") for line in done.out.splitlines()]
    committed = [line.split(",") for line in (TABLES / "kodak-base-jpeg.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == [row[0] for row in committed]
    for row, was in zip(rows[1:], committed[1:], strict=True):
        assert [float(cell) for cell in row[1:7]] == pytest.approx(
            [float(cell) for cell in was[1:7]], abs=1e-6
        )


@pytest.mark.parametrize("codec", ["jpeg2000", "hevc"])
def test_bd_rate_of_codecs_from_the_points_that_ship(codec):
    vvc, points = (pd.read_csv(SHIPPED / name / "kodak/points.csv") for name in ("vvc", codec))
    row = table("kodak-codecs-results.csv").set_index("variant").loc[codec]
    _agrees(row, summarize(vvc, points, "hvs_m", "pchip"))


@pytest.mark.parametrize("prefix", WITH_POINTS)
@pytest.mark.parametrize("variant", ["base", "combined"])
def test_bd_rate_of_variants_from_committed_points(prefix, variant):
    points = {label: coded_once(part) for label, part in table(f"{prefix}points.csv").groupby("codec")}
    row = table(f"{prefix}results.csv").set_index("variant").loc[variant]
    _agrees(row, summarize(points[row.anchor], points[variant], "hvs_m", "pchip"))
    seven = average_of("hvs_m")
    against_base = summarize(points["base"], points[variant], "hvs_m", "pchip", metrics=seven).average
    assert row.vs_base_bd_rate == pytest.approx(against_base.mean, abs=1e-4)


def _agrees(row, summary) -> None:
    """A row of a table has the BD-rates of a summary, each metric's and the mean of seven."""
    for name in average_of("hvs_m"):
        assert row[f"{name}_bd_rate"] == pytest.approx(summary.metrics[name].bd_rate.mean, abs=1e-4), name
    mean = [row.mean_bd_rate, row.mean_ci_low, row.mean_ci_high]
    assert mean == pytest.approx([summary.average.mean, summary.average.low, summary.average.high], abs=1e-4)


def test_means_are_those_of_the_pictures():
    means = table("kodak-small-per_image.csv").groupby(["variant", "metric"]).bd_rate.mean()
    for row in table("kodak-small-results.csv").to_dict("records"):
        of_metrics = [means[row["variant"], name] for name in average_of("hvs_m")]
        assert [row[f"{name}_bd_rate"] for name in average_of("hvs_m")] == pytest.approx(of_metrics, abs=1e-6)
        assert row["mean_bd_rate"] == pytest.approx(np.mean(of_metrics), abs=1e-6)


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_a_photograph_coded_today_has_the_committed_rate_and_quality(variant):
    """Rates are the same everywhere; pictures may differ by one level in a few samples."""
    chosen = settings(f"+variant={variant}")
    codec = learned_codec(chosen, variant_of(chosen), rdo=False)
    picture = next(image for image in load("sample").images if image.name == "chelsea").read()
    data = codec.encode(picture, 2).data
    names = ("ms_ssim", "psnr_y", "psnr_rgb")
    values = Reference(picture, only=names).compare(codec.decode(data)).values
    points = table("sample-small-points.csv").set_index(["codec", "image", "quality"])
    committed = points.loc[(variant, "chelsea", 2)]
    assert committed.bpp == pytest.approx(8 * len(data) / picture[..., 0].size, rel=1e-9)
    assert committed.ms_ssim == pytest.approx(values["ms_ssim"], abs=1e-4)
    for name in names[1:]:
        assert committed[name] == pytest.approx(values[name], abs=0.02), name


@pytest.mark.parametrize(
    ("page", "tables"), [("README.md", 1), ("jpegai_bench/shipped/weights/small/README.md", 2)]
)
def test_tables_of_pages_are_those_of_the_results(page, tables, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = Path(page).read_text()
    assert sum(line in PAGES["HEADS"] for line in text.splitlines()) == tables
    assert PAGES["renewed"](text) == text
    other = re.sub(r"(\| -?\d+\.\d)(?=\d* \()", r"\g<1>9", text)  # of a mean before its interval
    assert other != text
    assert PAGES["renewed"](other) == text


def test_what_the_readme_says_of_the_second_set_is_of_its_table():
    text = " ".join((ROOT / "README.md").read_text().split())
    rows = {row["variant"]: row for row in table("bsds500-small-results.csv").to_dict("records")}
    base = PAGES["bd_rate"](rows["base"], "mean", 1)
    combined = PAGES["bd_rate"](rows["combined"], "vs_base", 2)
    assert f"for `base` {base} against VVC, and for `combined` {combined} against `base`" in text


def test_the_table_of_codecs_is_that_of_the_results():
    text = (ROOT / "docs/anchors.md").read_text()
    lines = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    for row in table("kodak-codecs-results.csv").to_dict("records"):
        mean, low, high = (f"{row[name]:.1f}" for name in ("mean_bd_rate", "mean_ci_low", "mean_ci_high"))
        label = re.compile(rf"`?{row['variant']}`?( 4:\d:\d)?")
        written = [set(map(str.strip, line)) for line in lines if label.fullmatch(line[1].strip())]
        assert any(f"{mean} ({low}…{high})" in line for line in written), (row["variant"], written)
