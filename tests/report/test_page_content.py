"""What a page is made of, without a browser: the same bytes, the size, what it may hold, the commands."""

import json
import math
import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest
from command import bench, fails, modules_loaded
from PIL import Image
from plausible_store import make_report
from synthetic import KMACS, study

from jpegai_bench.config.experiment import packaged_experiment
from jpegai_bench.images.read import read_rgb, write_png
from jpegai_bench.report.page import pictures, write
from jpegai_bench.report.page.appearance import appearance, contrast, on_dark
from jpegai_bench.report.page.figures import paper_figures
from jpegai_bench.report.page.picture_choice import Scene, Shot
from jpegai_bench.store.store import Store


def data_of(path):
    [text] = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL
    )
    return json.loads(text)


def test_an_equal_store_gives_equal_bytes_without_torch(seven, tmp_path):
    shutil.copytree(seven[0] / "results", tmp_path / "results")
    loaded = modules_loaded(["report"], cwd=tmp_path)
    assert "torch" not in loaded
    assert (tmp_path / "results/report/index.html").read_bytes() == seven[1].read_bytes()


def test_the_page_holds_its_numbers_at_full_precision(seven):
    [shown] = data_of(seven[1])["studies"]
    [run] = [run for run in Store(seven[0] / "results").runs() if run.label == "combined"]
    points = run.points().query("image == 'kodim05'").sort_values("bpp")
    assert shown["points"]["combined"]["kodim05"]["vif"] == points.vif.tolist()
    assert {row["variant"] for row in shown["results"]} == {*KMACS, "jpeg"}


def test_the_axes_hold_what_is_shown_of_every_variant(seven):
    [shown] = data_of(seven[1])["studies"]
    for metric, images in shown["axes"].items():
        for image, axes in images.items():
            (low, high), (first, last) = axes["quality"], axes["log"]
            for label in KMACS:
                curve = (
                    shown["means"][metric]["curves"][label] if image == "" else shown["points"][label][image]
                )
                values = curve["quality"] if image == "" else curve[metric]
                inside = [(b, v) for b, v in zip(curve["bpp"], values, strict=True) if v is not None]
                assert all(first <= b <= last and low <= v <= high for b, v in inside)
                assert axes["linear"][1] >= last / 1.06


def test_text_of_any_kind_neither_ends_the_data_nor_becomes_markup():
    hostile = "</script><!-- <b>&amp; \u2028 {{css}} {{data}}"
    made = write.page({"studies": [], "missing": [{"what": hostile}], "version": "1"})
    start = made.index('id="data">') + len('id="data">')
    inside = made[start : made.index("</script>", start)]
    assert json.loads(inside)["missing"][0]["what"] == hostile
    assert not set("<>&") & set(inside)
    titled = write.page({"studies": [{"name": "<i>&", "pictures": {}}], "missing": [], "version": "1"})
    assert "<title>&lt;i&gt;&amp;</title>" in titled


def test_every_command_of_a_page_is_understood(seven):
    shown = data_of(seven[1])
    [study_shown] = shown["studies"]
    commands = [lack["command"] for lack in (*shown["missing"], *study_shown["lacks"])]
    commands += [one["command"] for one in (*study_shown["commands"], *study_shown["runs"])]
    kinds = {command.split()[1] for command in commands}
    assert kinds == {"run", "anchor", "latency", "tables", "plots", "report"}
    for kind in sorted(kinds):
        words = shlex.split(next(command for command in commands if command.split()[1] == kind))
        done = bench(*words[1:], "--cfg", "job", cwd=seven[0])
        assert done.code == 0, (words, done.err)
        assert "name: kodak" in done.out


def test_a_codec_that_is_named_and_not_there_is_an_error(seven):
    fails(bench("report", "anchor=nonsense", cwd=seven[0]), "no points of 'nonsense'")
    fails(bench("report", "images=none", cwd=seven[0]), "images=none", "embedded, linked", code=2)


def test_codecs_alone_have_a_page(tmp_path):
    done = bench("report", "dataset=kodak", cwd=tmp_path)
    assert done.code == 0, done.err
    [shown] = data_of(tmp_path / "results/report/index.html")["studies"]
    assert shown["anchors"] == ["vvc"]
    assert {row["variant"] for row in shown["results"]} >= {"jpeg", "av1", "hevc"}


def test_several_studies_are_one_page(seven, tmp_path):
    shutil.copytree(seven[0] / "results", tmp_path / "results")
    for path in (tmp_path / "results").glob("runs/base/*/run.json"):
        other = {**json.loads(path.read_text()), "model": "small", "key": "other"}
        folder = path.parent.parent / "other"
        shutil.copytree(path.parent, folder)
        (folder / "run.json").write_text(json.dumps(other))
    names = [shown["name"] for shown in data_of(make_report(tmp_path))["studies"]]
    assert names == ["kodak, model paper", "kodak, model small"]


def noise(folder, name, side):
    path = folder / f"{name}.png"
    waves = np.random.default_rng(len(name)).normal(128, 40, (side, side, 3))
    write_png(path, waves.clip(0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Three images of noise, which takes the most room, of two codecs at six rates."""
    folder = tmp_path_factory.mktemp("noise")
    made = []
    for image in "abc":
        shots = {
            codec: [
                Shot(noise(folder, f"{image}{codec}{at}", 160), at, 0.1 * (at + 1), {}, "") for at in range(6)
            ]
            for codec in ("one", "other")
        }
        made.append(Scene(image, noise(folder, image, 160), [0.1 * (at + 1) for at in range(6)], shots))
    return made


@pytest.mark.parametrize(
    ("budget", "images", "rates"),
    [(10_000_000, 3, 6), (1_500_000, 3, None), (200_000, 1, None), (1_000, 0, 0)],
)
def test_pictures_fit_into_the_room_there_is_and_what_is_left_out_is_said(scenes, budget, images, rates):
    gallery = pictures.embedded(scenes, budget)
    assert sum(map(len, gallery.files.values())) <= budget
    shown = {len(scene["rates"]) for scene in gallery.scenes}
    if rates is None:
        assert max(shown) < 6
        assert "images=linked shows all" in gallery.about
    assert len(gallery.scenes) <= images if rates is None else len(gallery.scenes) == images
    if rates == 6:
        assert shown == {6}
        assert "To stay small" not in gallery.about
    if rates == 0:
        assert "do not fit" in gallery.about


def test_few_rates_are_spread_over_all(scenes):
    assert scenes[0].thinned(6) is scenes[0]
    assert scenes[0].thinned(2).rates == pytest.approx([0.2, 0.5])
    assert scenes[0].thinned(1).rates == pytest.approx([0.4])
    thinned = scenes[0].thinned(3)
    assert [shot.bpp for shot in thinned.shots["other"]] == thinned.rates


def test_linked_pictures_are_lossless_and_errors_are_levels(scenes, tmp_path):
    gallery = pictures.linked(scenes[:1], tmp_path / "pictures")
    scene = gallery.scenes[0]
    original = read_rgb(tmp_path / gallery.files[scene["original"]])
    shot = scene["shots"]["one"][2]
    decoded = read_rgb(tmp_path / gallery.files[shot["picture"]])
    assert decoded.tolist() == read_rgb(scenes[0].shots["one"][2].path).tolist()
    levels = np.abs(original.astype(float) - decoded).mean(axis=2)
    shown = np.array(Image.open(tmp_path / gallery.files[shot["error"]]))
    assert np.abs(shown - np.minimum(levels / pictures.FULL, 1) * 255).max() <= 0.5 + 1e-9


def test_several_attempts_read_each_picture_once(scenes, monkeypatch):
    read, whole = [], pictures.read_rgb
    monkeypatch.setattr(pictures, "read_rgb", lambda path: read.append(path) or whole(path))
    gallery = pictures.embedded(scenes, 10_000_000)
    everything = sum(map(len, gallery.files.values()))
    read.clear()
    smaller = pictures.embedded(scenes, everything - 1)
    assert sum(map(len, smaller.files.values())) < everything
    assert len(read) == len(set(read))


def test_of_a_large_picture_the_middle_is_embedded_at_its_own_size(tmp_path):
    path = noise(tmp_path, "large", 1100)
    scene = Scene("large", path, [0.5], {"one": [Shot(path, 1, 0.5, {}, "")]})
    [shown] = pictures.embedded([scene], 10_000_000).scenes
    assert (shown["width"], shown["height"], shown["whole"]) == (1024, 1024, [1100, 1100])


def test_lines_keep_their_style_and_are_seen_on_dark_ground():
    shown = study()
    styles = {entry.label: appearance(shown, entry.label) for entry in shown.entries}
    assert styles["base"]["light"] == "#0072B2"
    assert styles["vvc"]["light"] == "#000000"
    assert len({json.dumps(style) for style in styles.values()}) == len(styles)
    assert all(contrast(style["dark"], "#14171a") >= 6 for style in styles.values())
    assert on_dark("#e69f00") == "#e69f00"  # light enough as it is
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_the_papers_figures_are_those_of_its_conclusion_and_table():
    figures = paper_figures(study(), packaged_experiment("vcip2023"))
    assert figures["base"]["mean_bd_rate"]["value"] == -27.3
    assert figures["combined"]["mean_bd_rate"]["value"] == -27.5
    assert figures["combined"]["published_kmacs_px"] == {
        "value": 172.1,
        "where": "Low-complexity transform network for JPEG AI (VCIP 2023), table",
    }
    assert "study as a whole" in figures["attention_ds"]["vs_base_bd_rate"]["where"]
    assert math.isclose(figures["base"]["published_kmacs_px"]["value"], 833)


def test_paper_figures_of_complexity_stand_beside_the_papers_model_alone(seven):
    from jpegai_bench.report.page.figures import figures
    from jpegai_bench.report.tables.results import build_tables

    small = study(
        entries=tuple(
            replace(entry, model="small" if entry.kind == "variant" else "") for entry in study().entries
        )
    )
    shown = figures(build_tables(small, resamples=50), [], "results", packaged_experiment("vcip2023"))[
        "paper"
    ]
    assert "published_kmacs_px" not in shown["combined"]
    assert shown["combined"]["mean_bd_rate"]["value"] == -27.5
    assert "published_kmacs_px" in data_of(seven[1])["studies"][0]["paper"]["combined"]
