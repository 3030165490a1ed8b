"""What a variant's other parts cost, in the tables and plots of a study."""

import math

import pytest
from messages import says
from synthetic import study, variant

from jpegai_bench.report.plots.plot_set import plots
from jpegai_bench.report.tables.results import build_tables
from jpegai_bench.report.tables.study_sheets import sheets


def counted(like, entropy, not_linear=(), unseen=0.0):
    """A variant whose parts beside the luma synthesis are on record: a tenth more in each counting."""
    complexity = dict(variant(like).complexity)
    figures = {"chroma_synthesis": 7.0, "entropy": entropy, "analysis": 15.0}
    detail = {
        part: {"published": figure, "input_size": 1.1 * figure, "all": 1.2 * figure}
        for part, figure in figures.items()
    }
    detail |= {"luma": {"attention": {"unseen": unseen}}, "not_linear": list(not_linear)}
    return variant(like, complexity=complexity | {"detail": detail})


def tables_of(*variants):
    return build_tables(study(entries=(*variants, *study().entries[-2:])))


def cost(tables):
    [plot] = [plot for plot in plots(tables) if plot.name == "complexity"]
    [panel] = plot.data["panels"]
    return panel["cost"], {point["label"]: point["kmacs"] for point in panel["points"]}


def test_a_study_of_an_entropy_model_shows_its_cost():
    tables = tables_of(counted("base", 0.284), counted("combined", 3.072))
    rows = tables.results.set_index("variant")
    assert rows.entropy_published_kmacs_px.to_dict() == {"base": 0.284, "combined": 3.072}
    assert rows.chroma_synthesis_input_size_kmacs_px["base"] == pytest.approx(7.7)
    assert rows.analysis_all_kmacs_px["base"] == pytest.approx(18.0)
    decoder = {"base": 852.096 + 7.284, "combined": 172.053 + 10.072}
    assert rows.decoder_published_kmacs_px.to_dict() == pytest.approx(decoder)
    assert set(rows.complexity_reason) == {""}
    base = rows.loc["base"]
    assert base.decoder_all_kmacs_px == pytest.approx(base.all_kmacs_px + 1.2 * 7.284)
    below = "\n".join(sheets(tables)[0].notes)
    whole = f"{base.decoder_all_kmacs_px:.3f} (base)"
    assert says(below, "entropy part 0.341 (base), 3.686 (combined)", "whole decoder", whole)
    assert "analysis" not in below
    assert cost(tables) == ("whole decoder", pytest.approx(decoder))


def test_where_entropy_parts_are_alike_the_luma_synthesis_is_compared():
    tables = tables_of(counted("base", 0.284), counted("combined", 0.284))
    assert says("\n".join(sheets(tables)[0].notes), "entropy part 0.341.")
    subject, points = cost(tables)
    assert (subject, points["base"]) == ("luma synthesis", 852.096)


def test_a_run_that_did_not_record_them_has_na_with_the_reason():
    refused = variant("activation", complexity={"reason": "aten::_fft_r2c has no formula"})
    tables = tables_of(
        counted("base", 0.284), variant("combined"), refused, variant("upsampling", complexity=None)
    )
    rows = tables.results.set_index("variant")
    assert math.isnan(rows.decoder_all_kmacs_px["combined"])
    assert rows.complexity_reason.to_dict() == {
        "base": "",
        "combined": "only the luma synthesis was counted",
        "activation": "aten::_fft_r2c has no formula",
        "upsampling": "complexity not counted",
    }
    sheet = sheets(tables)[0]
    assert "aten::_fft_r2c has no formula" in sheet.reasons
    assert says("\n".join(sheet.notes), "NA of combined, only the luma")
    assert cost(tables)[0] == "luma synthesis"


def test_what_counts_cannot_say_stands_below_the_table():
    mine = counted("combined", 0.284, ["luma synthesis", "luma context model"], unseen=0.756)
    below = "\n".join(sheets(tables_of(counted("base", 0.284), mine))[0].notes)
    assert says(below, "combined", "0.756", "ptflops")
    assert says(below, "combined", "not linear", "luma synthesis, luma context model")
    assert not says(below, "base:")
