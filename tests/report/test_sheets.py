import math

from jpegai_bench.report.tables.sheets import Cell, Sheet, to_markdown

NAN = math.nan


def test_a_cell_is_a_number_until_it_is_written():
    assert Cell(-0.04).lines([]) == ("0.0", "")
    assert Cell(-1.25, 2, -2, -0.5).lines([]) == ("-1.25", "-2.00…-0.50")
    assert Cell(3, "{:.2g}".format, 1, 5, deviation=0.25).lines([]) == ("3 ± 0.25", "1…5")
    assert Cell(NAN, 1, 1, 2).lines([]) == ("1.0…2.0", "")
    assert Cell(NAN).lines([]) == ("NA", "")


def test_reasons_are_numbered_as_they_are_read_each_once():
    rows = [
        ["a", Cell(NAN, reason="x"), Cell(NAN, reason="y")],
        ["b|c", Cell(NAN, reason="y"), Cell(1, 0, 0, 2)],
    ]
    sheet = Sheet("T", ["name", "one", "two"], rows, "c")
    assert sheet.below == ["(1) x", "(2) y"]
    assert "| a | NA (1) | NA (2) |\n| b\\|c | NA (2) | 1 (0…2) |" in to_markdown([sheet])
