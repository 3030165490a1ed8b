"""Several anchors, peers beside variants, and codecs alone: VVC's points on Kodak, and what else ships."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from command import fails, modules_loaded, settings, several, tree
from messages import refused, says
from synthetic import KMACS

from jpegai_bench.codecs.anchors import AS_PUBLISHED
from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.peers import wanted_peers
from jpegai_bench.report.gather.studies import Selection, studies
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.report.plots.complexity_plot import spread
from jpegai_bench.report.plots.curves import Curve, Panel, by_height, rate_limits
from jpegai_bench.report.plots.plot_set import plots
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.report.tables.study_sheets import sheets
from jpegai_bench.runner.inputs import anchor_codecs
from jpegai_bench.runner.recorded_run import run_anchor
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store, read_points

VVC = read_points(SHIPPED / "vvc/kodak/points.csv")
SHIPPED_RUN = json.loads((SHIPPED / "vvc/kodak/run.json").read_text())
IMAGES = SHIPPED_RUN["images"]
METRICS = {"torch": "1"}


def faster(factor: float, points: pd.DataFrame = VVC) -> pd.DataFrame:
    return points.assign(bpp=factor * points.bpp)


class Bench:
    """A store to which runs of variants and codecs on Kodak are added."""

    def __init__(self, root):
        self.store, self.count = Store(root), 0
        self.codec("vvc", VVC)

    def codec(self, label, points, images=IMAGES, chroma="4:2:0", **more):
        self.count += 1
        key = content_key([label, self.count])
        manifest = {"label": label, "key": key, "status": "done", "end": f"2026-11-{self.count:02d}",
                    "dataset": "kodak", "images": images, "metrics": METRICS, "chroma": chroma,
                    "note": f"{label} 1.0 slow, {chroma} 8 bit", "failures": [], **more}  # fmt: skip
        folder = self.store.run_folder("anchors", label, key)
        self.store.write_run(folder, manifest, points)
        return folder.relative_to(self.store.root).as_posix()

    def variant(self, label, points, *anchors, **more):
        self.count += 1
        folders = [self.newest(anchor) for anchor in anchors or ("vvc",)]
        manifest = {"label": label, "status": "done", "end": f"2026-11-{self.count:02d}", "dataset": "kodak",
                    "model": "small", "images": IMAGES, "images_key": "k", "metrics": METRICS,
                    "anchor": folders[0], "anchors": folders, **more}  # fmt: skip
        counts = dict(zip(("published_kmacs_px", "input_size_kmacs_px", "all_kmacs_px"), KMACS[label],
                          strict=True))  # fmt: skip
        folder = self.store.run_folder("runs", label, content_key([label, self.count]))
        self.store.write_run(folder, {k: v for k, v in manifest.items() if v is not None}, points, counts)

    def timed(self, label, codec, seconds, images=IMAGES, busy=False):
        """As `latency` keeps it."""
        self.count += 1
        told = {"label": label, "codec": codec, "images_key": content_key(images), "busy": busy,
                "end": f"2026-11-{self.count:02d}", "summary": {"decode_s": seconds}}  # fmt: skip
        folder = self.store.run_folder("latency", label, content_key([label, self.count]))
        folder.mkdir(parents=True)
        (folder / "latency.json").write_text(json.dumps(told))

    def newest(self, label):
        [run] = [run for run in self.store.latest("anchors") if run.label == label]
        return run.folder.relative_to(self.store.root).as_posix()

    def study(self, **selection):
        [(study, _)] = studies(self.store, Selection(**selection))
        return study

    def tables(self, **selection):
        [tables] = rebuild(self.store, Selection(**selection), plots=False).tables
        return tables


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "results")


def test_nine_tenths_of_an_anchors_rates_are_minus_ten_percent_in_its_block(bench):
    bench.codec("half", faster(0.5))
    bench.variant("base", VVC, "vvc", "half")
    bench.variant("combined", faster(0.9), "vvc", "half")
    tables = bench.tables()
    rows = tables.results.set_index(["anchor", "variant"])
    assert list(rows.index) == [(a, v) for a in ("vvc", "half") for v in ("base", "combined")]
    for name in (*average_of(), "mean"):
        truth = {
            ("vvc", "base"): 0,
            ("vvc", "combined"): -10,
            ("half", "base"): 100,
            ("half", "combined"): 80,
        }
        assert rows[f"{name}_bd_rate"].to_dict() == pytest.approx(truth, abs=1e-9)
    assert rows.vs_base_bd_rate.tolist() == pytest.approx([0, -10, 0, -10], abs=1e-9)
    assert set(zip(tables.results.anchor, tables.results.anchor_note, strict=True)) == {
        ("vvc", "vvc 1.0 slow, 4:2:0 8 bit"), ("half", "half 1.0 slow, 4:2:0 8 bit"),
    }  # fmt: skip
    assert tables.per_image.groupby("anchor").size().to_dict() == {"vvc": 2 * 24 * 12, "half": 2 * 24 * 12}
    text = (bench.store.root / "tables/kodak-small-results.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        "kodak, model small, against vvc 4:2:0: complexity and mean BD-rate",
        "kodak, model small, against vvc 4:2:0: BD-rate by metric, %",
        "kodak, model small, against half 4:2:0: complexity and mean BD-rate",
        "kodak, model small, against half 4:2:0: BD-rate by metric, %",
        "kodak, model small: BD-rate against base by metric, %",
    ]
    for anchor in ("vvc", "half"):
        assert text.count(f"Anchor {anchor} ({anchor} 1.0 slow, 4:2:0 8 bit)") == 1


def test_what_is_chosen_or_else_what_the_newest_run_was_made_with(bench):
    """A variant's points do not depend on the anchor, so runs with different ones are one study."""
    bench.codec("half", faster(0.5))
    bench.variant("base", VVC, "vvc", anchors=None)  # as runs were written that had one anchor
    assert bench.study().anchors == ("vvc",)
    bench.variant("combined", faster(0.9), "half")
    assert [entry.label for entry in bench.study().variants] == ["base", "combined"]
    assert bench.study().anchors == ("half",)
    assert bench.study(anchors=["vvc", "half"]).anchors == ("vvc", "half")
    bench.variant("upsampling", VVC, images_key="others")
    assert [entry.label for entry in bench.study().variants] == ["upsampling"]
    with refused("'none'", "kodak", "codec=none dataset=ko"):
        bench.study(anchors=["vvc", "none"])


def test_a_peer_has_rows_and_curves_and_no_complexity(bench):
    bench.variant("base", VVC)
    bench.codec("wide", faster(1.2), chroma="4:4:4")
    bench.codec("mine_444", faster(1.5), chroma="4:4:4")
    tables = bench.tables(peers=["wide", "mine_444"])
    rows = tables.results.set_index("variant")
    assert rows.mean_bd_rate.to_dict() == pytest.approx({"base": 0, "wide": 20, "mine_444": 50}, abs=1e-9)
    assert rows.vs_base_bd_rate["wide"] == pytest.approx(20, abs=1e-9)
    assert rows.kind.to_dict() == {"base": "variant", "wide": "codec", "mine_444": "codec"}
    assert rows.published_kmacs_px.isna().tolist() == [False, True, True]
    text = (bench.store.root / "tables/kodak-small-results.md").read_text()
    assert "| wide 4:4:4 | – | – | – | – | 20.0 (20.0…20.0) | 20.00 (20.00…20.00) | 24 | NA (1) |" in text
    assert "| mine_444 | – |" in text  # the label says it
    assert says(text, "wide (wide 1.0 slow, 4:4:4 8 bit)", "mine_444 (mine_444 1.0 slow, 4:4:4 8 bit)")
    assert "complexity not counted" not in text
    drawn = {plot.name: plot.data["panels"] for plot in plots(tables)}
    [panel] = drawn["rd_vmaf"]
    assert {curve["name"] for curve in panel["curves"]} == {"base", "vvc 4:2:0", "wide 4:4:4", "mine_444"}
    assert panel["order"] == ["base", "vvc", "wide", "mine_444"]
    [nlpd] = drawn["rd_nlpd"]
    assert nlpd["order"][:2] == ["mine_444", "wide"]  # as the curves lie: lower is better
    [against] = drawn["complexity"]
    assert [point["label"] for point in against["points"]] == ["base"]
    assert [(level["name"], round(level["bd_rate"])) for level in against["levels"]] == [
        ("wide 4:4:4", 20), ("mine_444", 50),
    ]  # fmt: skip
    assert (against["anchor"], against["described"]) == ("vvc 4:2:0", "vvc (vvc 1.0 slow, 4:2:0 8 bit)")


def test_peers_are_the_stores_newest_or_else_what_ships(bench):
    bench.variant("base", VVC)
    shipped = read_points(SHIPPED / "jpeg/kodak/points.csv")
    study = bench.study(peers=["jpeg"])
    assert study.entry("jpeg").points.equals(shipped)
    assert any(says(note, "other versions of", "(ffmpeg, source, torch): jpeg") for note in study.notes)
    bench.codec("jpeg", faster(3))
    bench.codec("jpeg", faster(2))
    bench.codec("jpeg", faster(9), metrics={"torch": "2"})  # cannot be compared with the variants
    bench.codec("jpeg", faster(8), status="running")
    bench.codec("jpeg", faster(7), images={"kodim01": "other pixels"})
    study = bench.study(peers=["jpeg"])
    assert study.entry("jpeg").points.bpp.tolist() == pytest.approx(faster(2).bpp.tolist())
    assert study.notes == ()


def test_all_are_those_of_every_image_but_the_anchors(bench):
    two = ["kodim01", "kodim02"]
    bench.variant("base", VVC)
    bench.codec("few", VVC[VVC.image.isin(two)], images={name: IMAGES[name] for name in two})
    bench.codec("failed", VVC[VVC.image != "kodim07"], failures=[{"image": "kodim07", "message": "hangs"}])
    bench.codec("old", VVC, metrics={"torch": "2"})
    bench.codec("elsewhere", VVC, images={"a": "other pixels"})
    tables = bench.tables(peers="all")
    ships = {path.parents[1].name for path in SHIPPED.glob("*/kodak/run.json")}
    assert ships > set(AS_PUBLISHED)
    assert set(tables.study.peers) == ships - {"vvc", *AS_PUBLISHED} | {"failed"}
    assert bench.study(peers=["jpeg_ijg"]).peers == ("jpeg_ijg",)
    told = "\n".join(sheets(tables)[0].notes)
    assert says(told, "few lacks kodim03 and 21 more of kodak")
    assert says(told, "old on kodak", "other versions of")
    assert "elsewhere" not in told
    assert "jpeg_ijg" not in told
    assert tables.results.set_index("variant").vmaf_images["failed"] == 23
    with refused("few lacks kodim03 and 21 more of kodak", "there: ", "codec=few datas"):
        bench.study(peers=["few"])


def test_a_codecs_decoding_time_is_that_of_latency_on_the_same_pictures(bench):
    made_by = {"codec": "mine", "settings": "slow", "source": "1"}
    bench.variant("base", VVC)
    bench.codec("mine", faster(2), codec=made_by)
    bench.timed("mine", made_by, 0.25, images={"kodim01": IMAGES["kodim01"]})
    bench.timed("mine", {**made_by, "settings": "fast"}, 0.5)
    bench.timed("mine", {**made_by, "source": "2"}, 0.75)
    bench.timed("mine", made_by, 1.0, busy=True)

    def seconds(label):
        return bench.tables(peers=["mine", "jpeg"]).results.set_index("variant").decode_s[label]

    text = bench.store.root / "tables/kodak-small-results.md"
    assert np.isnan(seconds("mine"))
    assert "Decoding on one core" not in text.read_text()
    bench.timed("mine", made_by, 0.0625)
    assert seconds("mine") == 0.0625
    assert np.isnan(seconds("jpeg"))
    assert "| 24 | 0.062 |" in text.read_text()
    assert "its start in it" in text.read_text()
    shipped = json.loads((SHIPPED / "jpeg/kodak/run.json").read_text())["codec"]
    bench.timed("jpeg", {**shipped, "library": "another version"}, 0.5)
    assert np.isnan(seconds("jpeg"))
    bench.timed("jpeg", {**shipped, "source": "of today"}, 0.003)  # of what ships the rest must be the same
    assert seconds("jpeg") == 0.003
    alone = Store(bench.store.root.parent / "alone")
    (alone.root / "latency").mkdir(parents=True)
    codecs = Selection(dataset="kodak", peers=["jpeg", "webp"])
    assert "decode" not in sheets(rebuild(alone, codecs, plots=False).tables[0])[0].columns[-1]
    (bench.store.root / "latency/jpeg").rename(alone.root / "latency/jpeg")
    sheet = sheets(rebuild(alone, codecs, plots=False).tables[0])[0]
    assert [row[-1] for row in sheet.lines()] == [("0.0030", ""), ("NA (1)", "")]
    assert sheet.reasons == ["not timed on an idle machine"]


def test_pictures_are_found_by_their_pixels_whatever_they_are_called(bench):
    names = {name: f"photo {name[-2:]}" for name in IMAGES}
    points = faster(1.3).assign(image=VVC.image.map(names))
    bench.codec("renamed", points, images={names[name]: pixels for name, pixels in IMAGES.items()})
    few = ["kodim03", "kodim11"]
    own = {"images": {name: IMAGES[name] for name in few}, "images_key": "few"}
    bench.variant("base", VVC[VVC.image.isin(few)], **own)
    entry = bench.study(peers=["renamed"]).entry("renamed")
    wanted = faster(1.3)[VVC.image.isin(few)].reset_index(drop=True)
    pd.testing.assert_frame_equal(entry.points, wanted)
    rows = bench.tables(peers=["renamed"], anchors=["hevc"]).results
    assert set(rows.images_most) == {2}  # of points of 24 that ship


def test_a_stores_copy_of_what_ships_is_of_the_pictures_that_it_was_made_for(tmp_path):
    """So that it is not taken for the points of more pictures than it has."""
    sample = load("sample")
    renamed = tuple(replace(image, name=f"my {image.name}") for image in sample.images[:2])
    chosen, store = settings("anchor=vvc"), Store(tmp_path)
    [codec] = anchor_codecs(chosen)
    run_anchor(chosen, codec, Dataset("mine", renamed), store, workers=None)
    [run] = store.runs("anchors")
    assert run.manifest["dataset"] == "mine"
    assert run.manifest["images"] == {image.name: image.sha256 for image in renamed}
    assert set(run.points()["image"]) == {image.name for image in renamed}


def test_a_peer_may_be_an_anchor_of_another_block(bench):
    bench.codec("half", faster(0.5))
    bench.variant("base", VVC, "vvc", "half")
    rows = bench.tables(peers=["half"]).results
    assert list(zip(rows.anchor, rows.variant, strict=True)) == [
        ("vvc", "base"), ("vvc", "half"), ("half", "base"),
    ]  # fmt: skip
    with refused("peers=half", "the anchor"):
        bench.study(anchors=["half"], peers=["half"])


def test_codecs_alone_need_neither_runs_nor_pictures(tmp_path):
    words = ["dataset=kodak", "peers=[jpeg,webp]"]
    commands = (["tables", *words], ["plots", *words])
    assert "torch" not in modules_loaded(*commands, cwd=tmp_path, coarsely=True)
    written = tree(tmp_path / "results")
    assert {name for name in written if name.endswith((".csv", ".md"))} == {
        f"tables/kodak-codecs-{name}" for name in ("results.csv", "results.md", "per_image.csv", "points.csv")
    }
    assert {"plots/kodak-codecs-overview.png", "plots/kodak-codecs-rd_vmaf.pdf"} <= written.keys()
    assert not any("complexity" in name for name in written)
    again, csv, direct, two, nothing, alone, unchosen, odd = several(
        ["tables", *words],
        ["tables", *words, "format=csv"],
        ["bdrate", "vvc/kodak", "jpeg/kodak", "format=csv"],
        ["tables", "dataset=kodak", "peers=hevc", "anchor=[jpeg,webp]"],
        ["tables", "dataset=kodak", "peers=[jpeg,vp9]"],
        ["tables", "dataset=folder", "dataset.path=photos", "peers=all"],
        ["tables", "peers=all"],
        ["tables", "dataset=kodak", "peers={a:1}"],
        cwd=tmp_path,
    )
    assert again.out.startswith("kodak: mean BD-rate\n")
    assert "kMACs" not in again.out
    assert csv.out == written["tables/kodak-codecs-results.csv"].decode()
    bd_rate = pd.read_csv(io.StringIO(csv.out)).set_index("variant").mean_bd_rate["jpeg"]
    truth = pd.read_csv(io.StringIO(direct.out)).set_index("metric").bd_rate["mean_of_seven"]
    assert bd_rate == pytest.approx(truth, abs=1e-9)
    assert two.code == 0
    read = pd.read_csv(tmp_path / "results/tables/kodak-codecs-results.csv")
    assert set(zip(read.anchor, read.variant, strict=True)) == {("jpeg", "hevc"), ("webp", "hevc")}
    fails(nothing, "'vp9'", "kodak (there: ", "anchor codec=vp9 dataset=kodak")
    fails(alone, "'vvc' on photos", "codec=vvc dataset=folder dataset.path=photos")
    fails(unchosen, "no finished run", "dataset=")
    fails(odd, "peers={'a': 1}: give labels of codecs", code=2)


def test_labels_of_peers():
    assert wanted_peers(None) == []
    assert wanted_peers("hevc") == ["hevc"]
    assert wanted_peers(["hevc", "av1", "hevc"]) == ["hevc", "av1"]
    assert wanted_peers("all") == wanted_peers(["all"]) == "all"


def test_names_say_the_chroma_format_once():
    def name(label, chroma):
        return Entry(label, "codec", VVC, chroma=chroma).name

    assert [name("vvc", "4:2:0"), name("hevc_444", "4:4:4"), name("x 4:2:0", "4:2:0"), name("y", "")] == [
        "vvc 4:2:0", "hevc_444", "x 4:2:0", "y",
    ]  # fmt: skip
    assert Entry("a", "codec", VVC, note="a 1, 4:2:0", chroma="4:2:0").described == "a (a 1, 4:2:0)"
    assert Entry("a", "codec", VVC, note="a 1", chroma="4:2:0").described == "a (a 1, 4:2:0)"


def test_codecs_alone_are_drawn_over_the_rates_of_interest():
    """The legend is in the order of the curves where all of them are."""
    upper = Curve("upper", "upper", "codec", (0.01, 0.1, 1.0, 4.0), (20.0, 30.0, 40.0, 50.0))
    lower = Curve("lower", "lower", "codec", (0.2, 0.4, 1.6), (26.0, 30.0, 52.0))  # above at the end alone
    panel = Panel("psnr_y", 1, (lower, upper))
    assert rate_limits(panel, from_zero=False) == (0.05, 1.25)
    assert by_height(panel) == ["upper", "lower"]
    short = Panel("psnr_y", 1, (Curve("a", "a", "codec", (0.1, 0.9), (20.0, 30.0)),))
    assert rate_limits(short)[1] == 0.9


def test_labels_at_the_edge_keep_apart_and_inside():
    assert spread([10.0, 11.0, 50.0], 8, 0, 100) == [10, 18, 50]
    assert spread([95.0, 96.0, 97.0], 8, 0, 100) == [84, 92, 100]
    assert spread([-5.0, 200.0], 8, 0, 100) == [0, 100]
    crowded = spread([5.0] * 4, 8, 0, 10)
    assert crowded == [0, 8, 16, 24]
