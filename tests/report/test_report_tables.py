import io
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from command import SUPPORT
from messages import says
from rich.console import Console
from synthetic import KMACS, SAVINGS, points, study, variant

from jpegai_bench.analysis.statistics import summarize
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.study import Study
from jpegai_bench.report.tables.latex import to_latex
from jpegai_bench.report.tables.results import build_tables
from jpegai_bench.report.tables.sheets import to_markdown, to_rich
from jpegai_bench.report.tables.study_sheets import sheets, write_tables
from jpegai_bench.report.tables.text_files import to_csv, write_texts


@pytest.fixture(scope="module")
def tables():
    return build_tables(study())


def printed(tables, width=100):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(to_rich(sheets(tables)))
    return console.export_text()


def test_bd_rates_and_reductions_are_those_of_the_points(tables):
    exact = study(entries=(*(replace(variant(v), points=points(1 - s / 100)) for v, s in SAVINGS.items()),
                           *study().entries[-2:]))  # fmt: skip
    results = build_tables(exact).results.set_index("variant")
    for name, saved in SAVINGS.items():
        assert results.mean_bd_rate[name] == pytest.approx(-saved, abs=0.3)  # the curves' ends differ
        against_base = 100 * ((1 - saved / 100) / (1 - SAVINGS["base"] / 100) - 1)
        assert results.vs_base_bd_rate[name] == pytest.approx(against_base, abs=1e-9)
    assert results.reduction_percent["combined"] == pytest.approx(79.8083, abs=1e-4)  # 852.096 to 172.053
    assert results.reduction_percent["base"] == 0
    assert results.vs_base_bd_rate["base"] == 0


def test_one_row_a_variant_and_columns_a_machine_can_read(tables, tmp_path):
    [path] = write_texts({"results.csv": to_csv(tables.results)}, tmp_path / "new")
    read = pd.read_csv(path, float_precision="round_trip")
    assert read.variant.tolist() == list(KMACS)
    for name in (*average_of(), "mean", "vs_base"):
        assert {f"{name}_bd_rate", f"{name}_ci_low", f"{name}_ci_high", f"{name}_reason"} <= set(read)
        assert (read[f"{name}_ci_low"] <= read[f"{name}_bd_rate"]).all()
    assert read.published_kmacs_px.tolist() == [counts[0] for counts in KMACS.values()]
    assert read.mean_bd_rate.tolist() == pytest.approx(tables.results.mean_bd_rate.tolist(), rel=1e-11)
    assert read.decode_s.isna().tolist() == [False] + [True] * 6
    assert set(read.anchor_note) == {"libvvenc 1.11.1, preset medium, 4:2:0 10 bit"}
    assert set(read.hvs) == {"hvs_m"}


def test_figures_are_written_without_the_noise_of_binary_arithmetic():
    frame = pd.DataFrame(
        {
            "kmacs_px": [55.692 + 7e-15, 0.1 + 0.2, 1 / 3],
            "p": [1.25e-21 / 3 * 3, float("nan"), 0.0],
            "mixed": [0.7 + 0.1, None, "a, b"],
            "images": [24, 1, 0],
        }
    )
    assert frame.kmacs_px[0] != 55.692
    assert to_csv(frame) == (
        'kmacs_px,p,mixed,images\n55.692,1.25e-21,0.8,24\n0.3,NA,NA,1\n0.333333333333,0.0,"a, b",0\n'
    )


def test_the_per_image_table_has_every_image_and_metric(tables):
    assert list(tables.per_image) == ["anchor", "variant", "image", "metric", "bd_rate", "overlap", "reason"]
    assert len(tables.per_image) == 7 * 24 * 12
    assert (tables.per_image.reason == "").all()


def test_the_points_of_a_table_give_its_bd_rates(tables, tmp_path):
    write_tables(tables, tmp_path)
    points = pd.read_csv(tmp_path / "points.csv")
    assert set(points.codec) == {entry.label for entry in tables.study.entries}
    of = dict(list(points.groupby("codec")))
    for row in tables.results.itertuples():
        summary = summarize(of[row.anchor], of[row.variant], "hvs_m", "pchip")
        assert summary.average.mean == pytest.approx(row.mean_bd_rate, abs=1e-6)


def test_equal_input_gives_equal_bytes(tables, tmp_path):
    first = write_tables(tables, tmp_path / "a")
    second = write_tables(build_tables(study()), tmp_path / "b")
    assert [path.name for path in first] == ["results.csv", "per_image.csv", "points.csv", "results.md"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in first)


@pytest.mark.parametrize("label", ["combined", "my_own_attention_with_a_window_of_eight"])
def test_the_terminal_tables_fit_100_columns(label):
    text = printed(
        build_tables(
            study(entries=(variant("base"), variant("combined", label=label), *study().entries[-2:]))
        )
    )
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "…\n" not in text  # nothing cut off


def test_printed_tables_name_anchor_and_hvs_once_below_the_last_and_latex_below_each(tables):
    said = ("Anchor vvc (libvvenc 1.11.1, preset medium, 4:2:0 10 bit)", "HVS in the mean of 7: PSNR-HVS-M")
    for text in (printed(tables, 200), to_markdown(sheets(tables))):
        assert [text.count(one) for one in said] == [1, 1]
        assert text.index(said[0]) > text.index("BD-rate against base by metric")
    assert [to_latex(sheets(tables)).count(one) for one in said] == [2, 2]
    framework = build_tables(study(hvs="hvs"))
    assert printed(framework, 200).count("mean of 7: PSNR-HVS.") == 1


def test_na_is_never_a_number_and_says_why():
    bad = points(0.8)
    bad.loc[bad.image < "kodim22", "vmaf"] = np.nan
    bad = bad.drop(columns="iw_ssim")
    far = points(0.8)
    far["vif"] += 5
    entries = (replace(variant("combined"), points=bad, complexity=None), variant("activation", points=far))
    tables = build_tables(study(entries=(*entries, *study().entries[-2:])))
    combined = tables.results.set_index("variant").loc["combined"]
    assert math.isnan(combined.mean_bd_rate)
    assert math.isnan(combined.published_kmacs_px)
    assert combined.mean_reason == "no BD-rate for IW-SSIM"
    assert combined.vmaf_images == 3
    text = printed(tables, 200)
    for reason in (
        "test: not measured",
        "no overlap in quality",
        "no BD-rate for VIF",
        "complexity not counted",
        "no points of the base 'base'",
        "not timed on an idle machine",
        "21 of combined (VMAF)",
    ):
        assert reason in text
    assert "nan" not in text


@pytest.mark.parametrize(("images", "intervals"), [(1, False), (4, False), (5, True)])
def test_captions_announce_intervals_where_there_are_some(images, intervals):
    few = [
        replace(entry, points=entry.points[entry.points.image <= f"kodim{images:02d}"])
        for entry in (variant("base"), variant("combined"), *study().entries[-2:])
    ]
    text = " ".join(printed(build_tables(study(entries=tuple(few))), 200).split())
    assert ("95% bootstrap intervals" in text) == intervals
    assert ("an interval that holds 0" in text) == intervals
    assert (text.count("95% intervals, which take 5") == 2) == (not intervals)
    assert ("…" in text) == intervals  # as they are printed


def test_where_only_the_other_hvs_was_measured_the_reason_says_how_to_take_it():
    anchor, *others = study().entries[-2:]
    without = replace(anchor, points=anchor.points.drop(columns="psnr_hvs_m"))
    tables = build_tables(study(entries=(variant("base"), without, *others)))
    [row] = tables.results.to_dict("records")
    assert says(row["psnr_hvs_m_reason"], "anchor: not measured", "PSNR-HVS", "metrics.hvs=hvs")
    assert says(row["mean_reason"], "PSNR-HVS-M", "metrics.hvs=hvs")
    neither = replace(without, points=without.points.drop(columns="psnr_hvs"))
    [row] = build_tables(study(entries=(variant("base"), neither, *others))).results.to_dict("records")
    assert (row["psnr_hvs_m_reason"], row["mean_reason"]) == (
        "anchor: not measured", "no BD-rate for PSNR-HVS-M",
    )  # fmt: skip


def test_a_study_must_have_its_anchor_once():
    with pytest.raises(BenchError, match="vvc"):
        Study((variant("base"),), ("vvc",), "base", "kodak", "hvs_m", "pchip")
    with pytest.raises(BenchError, match="base"):
        Study((variant("base"), variant("base")), ("base",), "base", "kodak", "hvs_m", "pchip")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BenchError) as caught:
        write_texts({"results.csv": "a"}, tmp_path / "file")
    assert "file" in str(caught.value)
    assert "\n" not in str(caught.value)
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(BenchError, match=r"results\.csv"):
        write_texts({"results.csv": "a"}, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["file", "results.csv"]  # nothing half-written


def test_tables_load_neither_torch_nor_matplotlib_nor_scipys_statistics(tmp_path):
    code = (
        "import sys; from synthetic import study\n"
        "from jpegai_bench.report.tables.results import build_tables\n"
        "from jpegai_bench.report.tables.study_sheets import write_tables\n"
        "write_tables(build_tables(study()), sys.argv[1])\n"
        "print([m for m in ('torch', 'matplotlib', 'scipy.stats') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
