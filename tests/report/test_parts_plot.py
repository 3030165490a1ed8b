from itertools import pairwise

import matplotlib
import pytest
from synthetic import KMACS, study, variant

from jpegai_bench.report.plots.draw import render
from jpegai_bench.report.plots.plot_set import plots
from jpegai_bench.report.plots.style import RC, part_style
from jpegai_bench.report.tables.results import build_tables

PARTS = {"attention": 600.0, "activation": 50.0, "residual blocks": 100.0, "upsampling": 102.096}


def counted(label, **more):
    published, input_size, all_macs = KMACS[label]
    counts = {"published_kmacs_px": published, "input_size_kmacs_px": input_size, "all_kmacs_px": all_macs}
    return {**counts, "parts": PARTS, **more}


@pytest.fixture(scope="module")
def both():
    """Two variants counted at the paper's size and a tenth of it, one that was not counted."""
    entries = []
    for label in ("base", "combined"):
        parts = {part: value / 10 for part, value in PARTS.items()}
        small = {**counted(label), "all_kmacs_px": KMACS[label][2] / 10, "parts": parts}
        entries.append(variant(label, complexity={**small, "paper_size": counted(label)}, model="small"))
    entries.append(variant("activation", complexity=None, model="small"))
    return study(entries=(*entries, *study().entries[-2:]))


def drawn(study):
    return next(
        (plot for plot in plots(build_tables(study, resamples=10), parts=True) if plot.name == "parts"), None
    )


def test_bars_are_as_long_as_the_parts_and_the_whole_is_written_beside(both):
    plot = drawn(both)
    assert [panel["model"] for panel in plot.data["panels"]] == ["paper", "small"]
    with matplotlib.rc_context(RC):
        figure = plot.draw(plot.data)
        figure.draw_without_rendering()
    for axes, scale in zip(figure.axes, (1, 10), strict=True):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["base", "combined"]
        widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axes.containers}
        assert list(widths) == ["attention", "upsampling", "residual blocks", "activation"]
        for part, value in PARTS.items():
            assert widths[part] == pytest.approx([value / scale] * 2)
        ends = [bar.get_x() + bar.get_width() for bar in axes.containers[-1]]
        assert ends == pytest.approx([sum(PARTS.values()) / scale] * 2)
        assert [text.get_text() for text in axes.texts] == [f"{sum(PARTS.values()) / scale:.1f}"] * 2
        [marks] = axes.lines
        assert list(marks.get_xdata()) == [KMACS[label][2] / scale for label in ("base", "combined")]
        for text in axes.texts:
            box = text.get_window_extent()
            assert axes.bbox.x0 < box.x0
            assert box.x1 < axes.bbox.x1
            assert not any(bar.get_window_extent().overlaps(box) for bars in axes.containers for bar in bars)


def test_without_counts_there_is_no_such_plot():
    assert drawn(study(entries=(variant("base", complexity=None), *study().entries[-2:]))) is None


def test_a_run_of_the_papers_size_has_one_panel():
    entries = (variant("base", complexity=counted("base", paper_size=counted("base"))), *study().entries[-2:])
    assert len(drawn(study(entries=entries)).data["panels"]) == 1


def test_parts_differ_in_lightness_and_hatching():
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    styles = [part_style(number) for number in range(4)]
    levels = sorted(lightness(style["facecolor"]) for style in styles)
    assert min(b - a for a, b in pairwise(levels)) > 0.03
    assert len({style["hatch"] for style in styles}) == 4


def test_equal_data_gives_equal_bytes(both):
    plot = drawn(both)
    formats = ["png", "pdf"]
    assert render(plot.draw, plot.data, formats) == render(plot.draw, plot.data, formats)
