import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from command import bench, fails, several

from jpegai_bench.codecs.shipped_points import SHIPPED

DATA = Path(__file__).parents[3] / "shared" / "data"
VVC, KODAK = DATA / "jpegai" / "vvc_vtm11_anchor.csv", DATA / "compressai_kodak"
FAU = {
    "anchor": [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)],
    "test": [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)],
}
COLUMNS = "metric,bd_rate,ci_low,ci_high,images_used,images_left_out,overlap,reason"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """FAU's sample curves; shipped VVC points, the same with a tenth less rate, and those incomplete."""
    folder = tmp_path_factory.mktemp("bdrate")
    for name, curve in FAU.items():
        rows = "".join(f"{rate},{psnr}\n" for rate, psnr in curve)
        (folder / f"{name}.csv").write_text("bpp,psnr_y\n" + rows)
    vvc = pd.read_csv(SHIPPED / "vvc" / "kodak" / "points.csv")
    vvc.to_csv(folder / "vvc.csv", index=False)
    tenth = vvc.assign(bpp=0.9 * vvc.bpp, lpips=1 - vvc.ms_ssim, codec="mine")
    tenth.to_csv(folder / "tenth.csv", index=False)
    partial = tenth[(tenth.image != "kodim07")].copy()
    partial.loc[(partial.image == "kodim03") & (partial.quality == 27), "vif"] = 0.01
    partial.to_csv(folder / "partial.csv", index=False)
    (folder / "header.csv").write_text("image,bpp,psnr_y\n")
    (folder / "dip.csv").write_text("bpp,psnr_y\n1,30\n2,33\n3,32\n4,36\n")
    return folder


def csv(done):
    assert done.out.splitlines()[0].startswith(COLUMNS)
    return pd.read_csv(io.StringIO(done.out), keep_default_na=False).set_index("metric")


def test_published_values_by_the_command(folder):
    published = {"cubic": -4.420462706, "pchip": -4.417485351, "akima": -4.425245157}
    lines = [("bdrate", "anchor.csv", "test.csv", f"method={m}", "format=csv") for m in published]
    for done, value in zip(several(*lines, cwd=folder), published.values(), strict=True):
        assert done.code == 0
        row = csv(done).loc["psnr_y"]
        assert float(row.bd_rate) == pytest.approx(value, abs=1e-6)
        assert (row.ci_low, row.images_used, row.images_left_out, row.reason) == ("NA", 1, 0, "")


def test_the_formats_hold_the_same_figures(folder):
    line = ("bdrate", "vvc.csv", "partial.csv")
    table, as_csv, as_json, as_markdown = several(
        line, *((*line, f"format={form}") for form in ("csv", "json", "markdown")), cwd=folder
    )
    frame = csv(as_csv)
    assert list(frame.index)[-2:] == ["lpips", "mean_of_seven"]
    assert as_csv.out.splitlines()[0] == COLUMNS
    assert frame.bd_rate["lpips"] == "NA"
    records = json.loads(as_json.out)
    assert [list(record) for record in records] == [COLUMNS.split(",")] * len(frame)
    for record in records:
        cell = frame.bd_rate[record["metric"]]
        assert record["bd_rate"] is None if cell == "NA" else record["bd_rate"] == float(cell)
    assert as_markdown.out.startswith(f"| {COLUMNS.replace(',', ' | ')} |\n| --- |")
    assert len(as_markdown.out.splitlines()) == len(frame) + 2
    assert "mean of 7 -10.00 -10.00…-10.00 22 2 1.000" in " ".join(table.out.split())
    assert all(len(text.rstrip()) <= 100 for text in table.out.splitlines())
    # What is left out is told in each: in the table, and on stderr beside figures for programs.
    told = ["Left out, test: image missing: kodim07 (all metrics).",
            "Left out, test: not strictly monotonic: kodim03 (VIF).",
            "text, no metrics: codec"]  # fmt: skip
    for text in (table.out, as_csv.err, as_json.err, as_markdown.err):
        assert all(words in " ".join(text.split()) for words in told)
    assert {done.code for done in (table, as_csv, as_json, as_markdown)} == {0}
    assert table.err == ""


def test_options_reach_the_figures(folder):
    base = ("bdrate", "vvc.csv", "tenth.csv", "format=csv")
    lower, bd_metric, ranged, mean, only, long, hvs = several(
        (*base, "lower_is_better=[lpips]", "only=[lpips,vmaf]"),
        (*base, "bd_metric=true"),
        (*base, "bpp_range=[0.1,2]"),
        (*base, "curve=mean", "only=[vmaf]"),
        (*base, "only=[psnr_y]"),
        (*base, "metrics.only=[psnr_y]"),
        (*base, "metrics.hvs=hvs"),
        cwd=folder,
    )
    assert lower.code == 0
    assert csv(lower).reason["lpips"] == "anchor: metric missing"
    assert bd_metric.out.splitlines()[0].startswith(f"{COLUMNS},bd_metric,bd_metric_ci_low")
    assert float(csv(bd_metric).bd_metric["psnr_y"]) > 0
    assert csv(ranged).images_used["vmaf"] < 24
    assert float(csv(mean).bd_rate["vmaf"]) == pytest.approx(-10, abs=1e-9)
    assert list(csv(only).index) == ["psnr_y"]
    assert long.out == only.out
    assert csv(hvs).reason["mean_of_seven"] == ""
    assert "psnr_hvs" not in hvs.err


def test_a_run_s_folder_and_a_plot(folder):
    done = bench(
        "bdrate", SHIPPED / "vvc" / "kodak", "tenth.csv", "plot=curves.svg", "only=[vmaf]", cwd=folder
    )
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "Written: curves.svg"
    assert (folder / "curves.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.skipif(not VVC.exists(), reason=f"needs {VVC}")
def test_jpeg_ai_s_table_against_itself(folder):
    table, figures = several(("bdrate", VVC, VVC), ("bdrate", VVC, VVC, "format=csv"), cwd=folder)
    assert table.code == 0
    assert "is compared with itself" in table.out
    assert "psnr_hvs_m is not in both" in table.out
    assert (csv(figures).bd_rate.astype(float) == 0).all()
    assert csv(figures).reason["mean_of_seven"] == "psnr_hvs in place of psnr_hvs_m"


@pytest.mark.skipif(not KODAK.exists(), reason=f"needs {KODAK}")
def test_compressai_s_vtm_and_the_shipped_vvc_on_their_means(folder):
    vtm = KODAK / "vtm.json"
    per_image, mean = several(
        ("bdrate", vtm, "vvc.csv"), ("bdrate", vtm, "vvc.csv", "curve=mean", "format=csv"), cwd=folder
    )
    fails(per_image, "vtm.json", "curve=mean")
    # Two encoders of one standard on the same photographs: within a fifth of the rate.
    assert abs(float(csv(mean).bd_rate["psnr_rgb"])) < 20


def test_errors_are_one_line_and_exit_1_or_where_the_words_are_wrong_2(folder):
    cases = {
        ("bdrate", "vvc.csv", "nowhere.csv"): "nowhere.csv: no such file",
        ("bdrate", "header.csv", "vvc.csv"): "header.csv: has a header, but no rows",
        ("bdrate", "anchor.csv", "dip.csv"): "no metric has a BD-rate (test: not strictly monotonic)",
        ("bdrate", "anchor.csv", "vvc.csv"): "anchor.csv is one curve",
        ("bdrate", "vvc.csv", "vvc.csv", "method=spline"): "choose one of pchip, cubic, akima",
        ("bdrate", "vvc.csv", "vvc.csv", "curve=all"): "choose one of image, mean",
        ("bdrate", "vvc.csv", "vvc.csv", "bpp_range=[1,0.1]"): "lowest and the highest rate",
        ("bdrate", "vvc.csv", "vvc.csv", "bpp_range=[1]"): "lowest and the highest rate",
        ("bdrate", "vvc.csv", "vvc.csv", "lower_is_better=lpips"): "needs a list",
        ("bdrate", "vvc.csv", "vvc.csv", "lower_is_better=[dists]"): "there are ms_ssim, fsim",
        ("bdrate", "vvc.csv", "vvc.csv", "only=[dists]"): "only: no metric 'dists' in the files",
        ("bdrate", "vvc.csv", "vvc.csv", "plot=x.jpg"): "end the name with one of .png, .pdf, .svg",
        ("bdrate", "vvc.csv", "vvc.csv", "plot=no/x.png"): "no folder no; make it first",
    }
    usage = ("choose one of", "lowest and the highest", "needs a list", "end the name")
    for done, told in zip(several(*cases, cwd=folder), cases.values(), strict=True):
        fails(done, told, code=2 if told.startswith(usage) else 1)
    wrong = several(("bdrate", "vvc.csv"), ("bdrate", "a", "b", "c"), cwd=folder)
    fails(wrong[0], "TEST is missing", code=2)
    fails(wrong[1], "'c' is too much", code=2)


@pytest.mark.parametrize("name", ["good", "dip", "apart", "crossing"])
def test_the_curves_of_the_documentation(name):
    from jpegai_bench.analysis.bdfiles import bd_table
    from jpegai_bench.analysis.rdpoints import read_rd

    docs = Path(__file__).parents[2] / "docs" / "bd-rate"
    [row] = bd_table(read_rd(docs / "anchor.csv"), read_rd(docs / f"{name}.csv")).rates
    expected = {
        "good": (-16.62, ""),
        "dip": (math.nan, "test: not strictly monotonic"),
        "apart": (math.nan, "overlap in quality under half"),
        "crossing": (2.43, ""),
    }
    assert round(row.bd_rate.mean, 2) == pytest.approx(expected[name][0], nan_ok=True)
    assert row.reason == expected[name][1]
    assert (docs / f"{name}.png").read_bytes().startswith(b"\x89PNG")
