import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from messages import refused

from jpegai_bench.analysis.rdpoints import is_time, read_rd
from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.errors import BenchError

DATA = Path(__file__).parents[3] / "shared" / "data"
VVC, KODAK = DATA / "jpegai" / "vvc_vtm11_anchor.csv", DATA / "compressai_kodak"
HEADER = "image,bpp,psnr_y\n"
POINTS = [(0.1, 30.0), (0.2, 33.0), (0.4, 36.0), (0.8, 39.0)]


def lines(image="a", points=POINTS):
    return "".join(f"{image},{rate},{quality}\n" for rate, quality in points)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A file in the current folder, by name."""
    monkeypatch.chdir(tmp_path)

    def put(content, name="points.csv"):
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return put


def test_a_csv_of_anybody(write):
    text = (
        "codec, image, bpp, my_metric, LPIPS, width, height, bytes, qp, enc_time, decode_ms, elapsed_s,\n"
        "mine, 001, 0.25, 1e1, , 768, 512, 100, 37, 1, 2, 3, 0\n"
        '"mine, too", 002, 0.5, -2, NA, 768, 512, 200, 32, 1, 2, 3, 1\n'
    )
    read = read_rd(write(text))
    assert read.metrics == ("my_metric", "LPIPS")
    assert read.images == ["001", "002"]
    assert read.frame.bpp.tolist() == [0.25, 0.5]
    assert read.frame.my_metric.tolist() == [10, -2]
    assert read.frame.LPIPS.isna().all()
    assert (read.operating, read.ignored, read.one_curve) == ("qp", ("codec",), False)


@pytest.mark.parametrize(
    "form",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace(",", " , "),
        lambda text: text + "\n\n",
    ],
    ids=["byte order mark", "windows", "old mac", "spaces", "empty lines"],
)
def test_however_the_csv_was_written(write, form):
    plain = read_rd(write(HEADER + lines(), "plain.csv"))
    assert read_rd(write(form(HEADER + lines()))).frame.equals(plain.frame)


def test_a_csv_without_images_is_one_curve(write):
    read = read_rd(write("bpp,vmaf\n0.1,30\n0.2,40\n"))
    assert read.one_curve
    assert read.frame.vmaf.tolist() == [30, 40]


def test_our_own_points_by_the_folder_of_their_run():
    read = read_rd(SHIPPED / "vvc" / "kodak")
    own = pd.read_csv(SHIPPED / "vvc" / "kodak" / "points.csv", float_precision="round_trip")
    assert len(read.images) == 24
    assert read.operating == "quality"
    assert list(read.metrics) == list(own.columns[7:-2])
    assert read.frame.psnr_hvs_m.tolist() == own.psnr_hvs_m.tolist()


@pytest.mark.skipif(not VVC.exists(), reason=f"needs {VVC}")
def test_jpeg_ai_s_anchor_table():
    read = read_rd(VVC)
    assert len(read.images) == 50
    assert len(read.frame) == 250
    assert read.operating == "target_bpp"
    assert set(read.metrics) == {
        "ms_ssim", "fsim", "nlpd", "iw_ssim", "vmaf", "vif", "psnr_hvs", "psnr_y", "psnr_u", "psnr_v",
    }  # fmt: skip


@pytest.mark.skipif(not KODAK.exists(), reason=f"needs {KODAK}")
@pytest.mark.parametrize("path", sorted(KODAK.glob("*.json")), ids=lambda path: path.stem)
def test_compressai_s_results(path):
    read, results = read_rd(path), json.loads(path.read_text())["results"]
    assert read.one_curve
    assert read.metrics == ("psnr_rgb", "ms_ssim_rgb")
    assert read.frame.bpp.tolist() == results["bpp"]
    assert read.frame.ms_ssim_rgb.tolist() == results["ms-ssim-rgb"]


def test_json_of_compressai_s_shape(write):
    text = '{"name": "x", "results": {"bpp": [0.1, 0.2], "psnr-rgb": [30, null], "encoding_time": [1, 2]}}'
    read = read_rd(write(text, "x.json"))
    assert read.metrics == ("psnr_rgb",)
    assert math.isnan(read.frame.psnr_rgb[1])


def test_times_are_no_metrics():
    times = (
        "encode_s",
        "decode_s",
        "encoding_time",
        "decoding_time",
        "enc_time_ms",
        "dec_ms",
        "runtime",
        "time",
    )
    assert all(is_time(name) for name in (*times, "seconds", "encodeTime", "fps", "peak_latency"))
    metrics = ("ms_ssim", "psnr_hvs", "vmaf", "dists", "gms", "ssim_ms", "timeliness", "s_cielab", "lpips")
    assert not any(is_time(name) for name in metrics)


def test_rows_of_a_metric_that_was_never_measured_stay_visible(write):
    read = read_rd(write("image,bpp,vmaf,mine,note\na,1,,NA,x\na,2,nan,,\n"))
    assert read.metrics == ("vmaf", "mine")
    assert np.isnan(read.frame[["vmaf", "mine"]].to_numpy()).all()
    assert read.ignored == ("note",)


def test_infinity_is_a_number_to_read_and_not_to_use(write):
    assert math.isinf(read_rd(write(HEADER + "a,1,inf\n")).frame.psnr_y[0])


REFUSED = {
    "": "points.csv: is empty",
    " \n\n": "points.csv: is empty",
    HEADER: "points.csv: has a header, but no rows",
    bytes(range(256)): "points.csv: is no text in UTF-8",
    (HEADER + lines()).encode("utf-16"): "points.csv: is no text in UTF-8",
    (HEADER + "é,1,2\n").encode("latin1"): "points.csv: is no text in UTF-8",
    HEADER + "a,.1,30\na,.2,abc\n": "points.csv, line 3, column psnr_y: 'abc' is no number",
    HEADER + '"a\nb",.1,30\na,x,31\n': "points.csv, line 4, column bpp: 'x' is no number",
    "image,bpp,vmaf\na,1,poor\n": "points.csv, line 2, column vmaf: 'poor' is no number",
    HEADER + "a,1_0,30\n": "column bpp: '1_0' is no number",
    HEADER + 'a,"0,1",30\n': "column bpp: '0,1' is no number",
    "image,rate,psnr_y\na,1,2\n": "points.csv: no column bpp; there are image, rate, psnr_y",
    "image;bpp;psnr_y\na;1;2\n": "no column bpp; there are image;bpp;psnr_y; separate cells by commas",
    "image,bpp,quality,width,encode_s\na,1,2,3,4\n": "no column is a metric",
    "image,bpp,x,x\na,1,2,3\n": "more than one column is named 'x'",
    "codec,image,bpp,psnr_y\nbase,a,.1,30\nvvc,a,.2,31\n": "of base and vvc; keep the rows of one codec",
    HEADER + "a,.1\n": "line 2: 2 cells, but the header has 3",
    HEADER + 'a,.1,"30\n': "is no CSV",
    HEADER + ",.1,30\n": "line 2: no name in column image",
    HEADER + lines() + "a,.2,33.5\n": "points.csv: image a: two points at 0.2 bpp (line 3, line 6)",
    "bpp,psnr_y\n.1,30\n.1,31\n": "points.csv: two points at 0.1 bpp (line 2, line 3)",
    "image,quality,bpp,x\na,1,.1,3\nb,1,.1,3\na,1,.2,4\n": "a: two points at quality 1 (line 2, line 4)",
    '{"results"': "is no JSON",
    "[1, 2]": "JSON of an unknown shape",
    '{"results": {"bpp": 1}}': "JSON of an unknown shape",
    '{"results": {"psnr": [1]}}': "no bpp in results; there are psnr",
    '{"results": {"bpp": [], "psnr": []}}': "results hold no points",
    '{"results": {"bpp": [1, 2], "psnr": [1]}}': "results.psnr has 1 values, but bpp has 2",
    '{"results": {"bpp": [1, 2], "psnr": [1, "x"]}}': "results.psnr, value 2: 'x' is no number",
    '{"results": {"bpp": [1, 1], "psnr": [1, 2]}}': "two points at 1 bpp (value 1, value 2)",
    "[" * 100_000: "is no JSON",
}


@pytest.mark.parametrize(("content", "told"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_cannot_be_used_is_told_in_one_line(write, content, told):
    with pytest.raises(BenchError) as error:
        read_rd(write(content))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_targets_out_of_reach_may_share_their_point_but_not_contradict_it(write):
    shared = "image,target_bpp,bpp,x\na,.25,.25,3\na,.5,.4,4\na,.75,.4,{}\n"
    assert len(read_rd(write(shared.format(4))).frame) == 3
    with refused("image a", "0.4 bpp", "line 3, line 4"):
        read_rd(write(shared.format(5)))


def test_values_that_are_missing_are_no_duplicates(write):
    assert len(read_rd(write("image,bpp,x\na,NA,1\na,NA,2\n")).frame) == 2


def test_files_and_folders_that_are_not_there(write):
    with pytest.raises(BenchError, match=r"nowhere.csv: no such file"):
        read_rd("nowhere.csv")
    Path("results/runs/base/0f").mkdir(parents=True)
    with refused("results", "points.csv"):
        read_rd("results")
    write(HEADER + lines(), "results/runs/base/0f/points.csv")
    with refused("results/runs/base/0f"):
        read_rd("results")
    assert read_rd("results/runs/base/0f").path == "results/runs/base/0f/points.csv"
