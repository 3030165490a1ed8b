"""Several processes that timed one codec: what counts, how far they were apart, and whether to trust it."""

import pytest

from jpegai_bench.latency.median_process import median_figures


def process(encode, decode, spread=0.1, memory=None, **changes):
    """Seconds of the one picture, which two parts make up."""
    summary, picture = {"bpp": 0.5}, {"image": "a", "bpp": 0.5}
    parts = {}
    for step, seconds in (("encode", encode), ("decode", decode)):
        ends = {"lowest_s": seconds - spread, "highest_s": seconds + spread}
        summary |= {f"{step}_{name}": value for name, value in {"s": seconds, **ends}.items()}
        summary[f"{step}_peak_mb"] = memory
        picture[f"{step}_peak_bytes"] = memory
        picture |= {f"{step}_s": seconds, f"{step}_repeats_s": [seconds - spread, seconds, seconds + spread]}
        names = ("transform", "whole")
        parts[f"{step}_parts"] = [{"part": name, "s": seconds, "share": 1.0, **ends} for name in names]
    return {
        "quality": 3.0, "core": 1, "load": 0.5, "others_cores": 0.1, "cpu_share": 0.99, "busy": False,
        "peak": {"float32": {"gflop_s": 10 * decode}}, "summary": summary, "pictures": [picture],
        **parts, **changes,
    }  # fmt: skip


def test_of_each_step_the_process_in_the_middle_counts_with_all_that_belongs_to_it():
    found = median_figures([process(1.0, 8.0), process(3.0, 7.0), process(2.0, 9.0)])
    assert (found["summary"]["encode_s"], found["summary"]["decode_s"]) == (2.0, 8.0)
    (picture,) = found["pictures"]
    assert (picture["encode_s"], picture["decode_s"]) == (2.0, 8.0)
    assert picture["encode_repeats_s"] == pytest.approx([1.9, 2.0, 2.1])
    assert {part["s"] for part in found["encode_parts"]} == {2.0}
    assert {part["s"] for part in found["decode_parts"]} == {8.0}
    assert found["peak"]["float32"]["gflop_s"] == 80.0
    assert [one["decode_s"] for one in found["processes"]] == [8.0, 7.0, 9.0]


def test_the_range_is_that_of_all_processes():
    found = median_figures([process(1.0, 8.0), process(3.0, 7.0, spread=0.5), process(2.0, 9.0)])
    for ends in (
        found["summary"],
        {f"decode_{name}": value for name, value in found["decode_parts"][0].items()},
    ):
        assert ends["decode_lowest_s"] == 6.5
        assert ends["decode_highest_s"] == pytest.approx(9.1)
    assert found["summary"]["encode_highest_s"] == 3.5


def test_memory_is_that_of_the_first_which_alone_measures_it():
    found = median_figures([process(1.0, 9.0, memory=5.0), process(2.0, 8.0), process(3.0, 7.0)])
    assert found["summary"]["encode_peak_mb"] == found["summary"]["decode_peak_mb"] == 5.0
    assert found["pictures"][0]["decode_peak_bytes"] == 5.0


def test_one_alone_is_as_it_was_and_of_two_the_slower_counts():
    one = process(1.0, 8.0)
    found = median_figures([one])
    assert {name: value for name, value in found.items() if name not in ("processes", "counts")} == one
    assert median_figures([process(1.0, 8.0), process(1.5, 7.0)])["summary"]["encode_s"] == 1.5


def test_one_busy_process_makes_all_of_it_doubtful():
    quiet, loud = process(1.0, 8.0), process(1.1, 8.1, busy=True, others_cores=0.9, cpu_share=0.7, load=2.0)
    found = median_figures([quiet, loud, quiet])
    assert found["busy"] is True
    assert (found["others_cores"], found["cpu_share"], found["load"]) == (0.9, 0.7, 2.0)
    assert [one["busy"] for one in found["processes"]] == [False, True, False]
    assert median_figures([process(1.0, 8.0, others_cores=None)])["others_cores"] is None


def test_codecs_without_parts_have_none():
    plain = {
        name: value for name, value in process(1.0, 2.0).items() if "parts" not in name and name != "peak"
    }
    assert not {"encode_parts", "decode_parts", "peak"} & median_figures([plain, plain]).keys()
