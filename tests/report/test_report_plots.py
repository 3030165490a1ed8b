from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from PIL import Image
from synthetic import points, study, variant

from jpegai_bench.config.folders import CONF
from jpegai_bench.config.variants import variant_names
from jpegai_bench.errors import BenchError
from jpegai_bench.report.plots import draw
from jpegai_bench.report.plots.curves import panels, rate_limits, score_limits
from jpegai_bench.report.plots.plot_set import plots, write_plots
from jpegai_bench.report.plots.style import RC, codec_style, is_known, variant_style
from jpegai_bench.report.tables.results import build_tables


@pytest.fixture(scope="module")
def small():
    """Two variants and two metrics: quick to draw."""
    kept = ["image", "quality", "target_bpp", "bpp", "nlpd", "psnr_y"]
    entries = study().entries
    return study(entries=tuple(replace(entries[i], points=entries[i].points[kept]) for i in (0, 5, 7)))


def complexity(study):
    return next(plot for plot in plots(build_tables(study, resamples=10)) if plot.name == "complexity")


def test_a_curve_is_the_mean_over_images_at_each_operating_point():
    curve = panels(study())["psnr_y"].curves[-2]
    table = (
        points(rates=(0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 3.0))
        .groupby("quality")[["bpp", "psnr_y"]]
        .mean()
    )
    assert curve.label == "vvc"
    assert curve.bpp == pytest.approx(table.bpp.tolist())
    assert curve.score == pytest.approx(table.psnr_y.tolist())


def test_all_curves_of_a_panel_are_means_of_the_same_images():
    lacking = points(0.8)
    lacking = lacking[~((lacking.image == "kodim03") & (lacking.quality == 2))]
    lacking.loc[lacking.image == "kodim05", "vmaf"] = np.nan
    found = panels(
        study(entries=(variant("base"), variant("combined", points=lacking), *study().entries[-2:]))
    )
    assert found["psnr_y"].images == 23
    assert found["vmaf"].images == 22


def test_points_at_target_rates_are_averaged_by_target():
    table = points()
    table["target_bpp"] = table.quality.map(dict(enumerate((0.06, 0.12, 0.25, 0.5, 0.75))))
    table["quality"] = np.random.default_rng(0).uniform(0, 5, len(table))  # found by search: all differ
    curve = panels(study(entries=(variant("base", points=table), *study().entries[-2:])))["vif"].curves[0]
    assert curve.bpp == pytest.approx([0.06, 0.12, 0.25, 0.5, 0.75])


def test_an_anchor_at_high_rates_does_not_squeeze_the_variants():
    panel = panels(study())["psnr_y"]
    assert panel.curves[-2].bpp[-1] == pytest.approx(3.0)
    assert rate_limits(panel) == pytest.approx((0, 0.6))
    low, high = score_limits(panel, rate_limits(panel))
    for curve in panel.curves:
        for bpp, score in zip(curve.bpp, curve.score, strict=True):
            assert bpp > 0.6 or low < score < high


def test_lines_differ_in_more_than_colour():
    variants = [variant_style(number) for number in range(len(variant_names()))]
    for kind in ("marker", "color"):
        assert len({style[kind] for style in variants}) == len(variants)
    known = {label for label in (path.stem for path in (CONF / "anchor").glob("*.yaml")) if is_known(label)}
    assert len(known) == 10
    codecs = [codec_style(label, 0) for label in known] + [codec_style("mine", k) for k in range(6)]
    assert len({(style["color"], style["linestyle"]) for style in codecs}) == len(codecs)
    assert len({(style["marker"], style["linestyle"]) for style in codecs}) == len(codecs)  # printed in gray


def test_no_label_covers_another_or_leaves_the_axes():
    plot = complexity(study())
    with matplotlib.rc_context(RC):
        figure = plot.draw(plot.data)
        figure.draw_without_rendering()
        axes = figure.axes[0]
        boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts].count("combined") == 1
    assert len(boxes) == 7
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    frame = axes.bbox.padded(1)
    assert all(frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1) for box in boxes)


def test_a_variant_without_complexity_or_bd_rate_is_not_in_the_complexity_plot():
    far = points(0.8)
    far["vif"] += 5
    entries = (variant("base"), variant("combined", points=far), variant("activation", complexity=None))
    plot = complexity(study(entries=(*entries, *study().entries[-2:])))
    [panel] = plot.data["panels"]
    assert [point["label"] for point in panel["points"]] == ["base"]


@pytest.mark.parametrize("images", [1, 2])
def test_few_images_are_drawn_without_intervals(images, tmp_path):
    entries = tuple(
        replace(e, points=e.points[e.points.image <= f"kodim{images:02d}"]) for e in study().entries
    )
    plot = complexity(study(entries=entries))
    assert {point["low"] for point in plot.data["panels"][0]["points"]} == {None}
    assert draw.render(plot.draw, plot.data, ["png"])[0].startswith(b"\x89PNG")


def test_a_name_is_no_formula(small):
    """Matplotlib takes what stands between two $ for one, and refuses what it cannot set."""
    [plot, *_] = plots(build_tables(replace(small, title="a$b$ and $\\frac$")))
    assert draw.render(plot.draw, plot.data, ["png"])[0].startswith(b"\x89PNG")


def test_files_are_written_once_and_again_only_when_their_data_change(small, tmp_path):
    tables = build_tables(small)
    paths = write_plots(tables, tmp_path)
    assert [path.name for path in paths] == [
        f"{name}.{suffix}" for name in ("rd_nlpd", "rd_psnr_y", "overview") for suffix in ("png", "pdf")
    ]  # no mean of seven: no complexity plot
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width >= 700
    assert write_plots(tables, tmp_path) == paths
    assert all(path.stat().st_mtime_ns == before[path][0] for path in paths)

    entry = small.entries[1]
    changed = replace(entry, points=entry.points.assign(nlpd=entry.points.nlpd * 0.98))
    study_after = replace(small, entries=(small.entries[0], changed, small.entries[2]))
    write_plots(replace(tables, study=study_after), tmp_path)
    redrawn = {path.stem for path in paths if path.stat().st_mtime_ns != before[path][0]}
    assert redrawn == {"rd_nlpd", "overview"}

    (tmp_path / ".plots.json").write_text("damaged")
    write_plots(tables, tmp_path)
    assert all(path.read_bytes() == before[path][1] for path in paths)  # the same bytes, drawn again


def test_a_folder_that_cannot_be_written_is_one_line(small, tmp_path):
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(BenchError, match="plots: cannot be written"):
        write_plots(build_tables(small), tmp_path / "plots")
