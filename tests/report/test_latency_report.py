"""Tables of coding times: what is set against base, and when."""

import io

import pytest
from rich.console import Console

from jpegai_bench.report.tables.latency import as_frame, as_rich
from jpegai_bench.store.times import comparable


def part(name, seconds, kmacs=None):
    share = None if kmacs is None else 0.5
    figures = {"s": seconds, "lowest_s": 0.9 * seconds, "highest_s": 1.2 * seconds, "mp_s": 1.0, "share": 0.1}
    return {"part": name, **figures, "kmacs_px": kmacs, "gflop_s": share and 10.0, "peak_share": share}


def variant(label, seconds, kmacs, **changes):
    """Half of decoding is luma synthesis, and three quarters of the multiplications."""
    parts = [
        part("range decoding", 0.25 * seconds),
        part("luma up1", 0.2 * seconds, 0.5 * kmacs),
        part("luma act1", 0.3 * seconds, 0.25 * kmacs),
        part("chroma synthesis", 0.2 * seconds, 0.25 * kmacs),
        part("rest", 0.05 * seconds),
        part("whole", seconds, kmacs),
    ]
    times = dict.fromkeys(("lowest_s", "highest_s"), seconds) | {"s": seconds, "mp_s": 1.0, "peak_mb": 12.3}
    both = {f"{step}_{name}": value for step in ("encode", "decode") for name, value in times.items()}
    manifest = {
        "label": label, "note": "weights", "dataset": "photos", "images": {"a": ""}, "images_key": "i",
        "quality": 3.0, "device": "cpu", "core": 0, "repeats": 5, "processes": [{}], "busy": False,
        "start": "2026-01-02T03:04:05", "codec": {"shared_weights": "s"}, "versions": {"torch": "2"},
        "machine": {"cpu": "a processor", "gpus": []}, "work_not_counted": None,
        "peak": {"float32": {"gflop_s": 20.0, "by": "product of 512x512"}},
        "summary": {"bpp": 0.5, "encode_start_up_s": None, "decode_start_up_s": None, **both},
        "encode_parts": [part("luma analysis", 1.0, 3.0), part("rest", 0.1), part("whole", 1.1, 3.0)],
        "decode_parts": parts,
    }  # fmt: skip
    return {**manifest, **changes}


def printed(manifests, base):
    console = Console(file=io.StringIO(), width=100)
    console.print(as_rich(manifests, base))
    return console.file.getvalue()


BASE, OTHER = variant("base", 2.0, 100.0), variant("other", 3.0, 20.0)


def test_time_and_multiplications_stand_side_by_side_each_by_those_of_base():
    frame = as_frame([BASE, OTHER], BASE).set_index("codec")
    assert frame.loc["other", "decode_s_vs_base"] == pytest.approx(1.5)
    assert frame.loc["other", "decoder_kmacs_px_vs_base"] == pytest.approx(0.2)
    assert frame.loc["other", "luma_synthesis_s"] == pytest.approx(1.5)
    assert frame.loc["other", "luma_synthesis_kmacs_px"] == pytest.approx(15.0)
    assert frame.loc["other", "luma_synthesis_s_vs_base"] == pytest.approx(1.5)
    assert frame.loc["base", "luma_synthesis_kmacs_px_vs_base"] == 1.0
    (row,) = [
        line.split()
        for line in printed([BASE, OTHER], BASE).splitlines()
        if line.split()[:2] == ["other", "3.00"] and "%" not in line
    ]
    assert row == ["other", "3.00", "1.50", "20.0", "0.20", "1.50", "1.50", "15.0", "0.20"]


@pytest.mark.parametrize(
    "changes",
    [
        {"quality": 4.0},
        {"images_key": "others"},
        {"device": "cuda"},
        {"machine": {"cpu": "another", "gpus": []}},
        {"codec": {"shared_weights": "another"}},
        {"codec": {"shared_weights": "s", "precision": "bf16"}},
        {"versions": {"torch": "3"}},
    ],
)
def test_what_was_timed_otherwise_is_not_compared(changes):
    base = variant("base", 2.0, 100.0, **changes)
    assert not comparable(OTHER, base)
    (row,) = as_frame([OTHER], base).to_dict("records")
    assert row["decode_s_vs_base"] is None
    assert row["luma_synthesis_kmacs_px"] == pytest.approx(15.0)
    text = printed([OTHER], base)
    assert "NA (1)" in text
    assert "(1) base was not timed likewise" in text


def test_a_precision_is_told_and_float32_goes_without_saying():
    half = variant("base", 1.0, 100.0, precision="bf16", codec={"shared_weights": "s", "precision": "bf16"})
    assert as_frame([BASE, half])["precision"].tolist() == ["float32", "bf16"]
    assert "bf16" in printed([half], half)
    assert "bf16" not in printed([BASE], BASE)


def test_every_part_has_columns_and_of_one_variant_a_table():
    (row,) = as_frame([OTHER], None).to_dict("records")
    assert row["decode_range_decoding_s"] == pytest.approx(0.75)
    assert row["decode_luma_up1_peak_share"] == 0.5
    assert row["encode_luma_analysis_lowest_s"] == pytest.approx(0.9)
    assert row["decode_rest_s"] == pytest.approx(0.15)
    text = printed([OTHER], BASE)
    assert "Encoding by part, other" in text
    assert "2026-01-02 03:04 UTC" in text
    assert "-10 +20 %" in text
    assert max(map(len, text.splitlines())) <= 100


def test_of_a_variant_whose_multiplications_cannot_be_counted_there_are_times_alone():
    parts = [{**one, "kmacs_px": None, "gflop_s": None, "peak_share": None} for one in OTHER["decode_parts"]]
    other = {
        **OTHER,
        "decode_parts": parts,
        "peak": {},
        "work_not_counted": "Mine: 7 MACs more than its modules",
    }
    (row,) = as_frame([other], BASE).to_dict("records")
    assert row["decode_s_vs_base"] == pytest.approx(1.5)
    assert (
        row["decoder_kmacs_px"] is row["decoder_kmacs_px_vs_base"] is row["luma_synthesis_kmacs_px"] is None
    )
    assert "7 MACs more" in printed([other], BASE)
