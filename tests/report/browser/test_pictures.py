"""The viewer: two pictures of the store on each other or side by side, at one place and zoom."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jpegai_bench.images.read import read_rgb
from jpegai_bench.store.pictures import original_path, picture_path
from jpegai_bench.store.store import Store

NEAR = 9.0
"""Mean levels of 255 that JPEG and scaling may change; the pictures here differ by several times as much."""


@pytest.fixture
def viewer(shown):
    shown.page.select_option("#picture-image", "a")
    shown.choose("zoom", 1)
    shown.page.locator("#pane").scroll_into_view_if_needed()
    return shown


def held(folder, label, rate):
    """The picture of image a in the store, by a variant at the rate of that number, and its point."""
    store = Store(folder / "results")
    [run] = [run for run in (*store.runs(), *store.runs("anchors")) if run.label == label]
    row = run.points().query("image == 'a'").sort_values("bpp").iloc[rate]
    path = picture_path(store, run.manifest["codec"], run.manifest["images"]["a"], row.quality)
    return read_rgb(path), row


def original(folder):
    store = Store(folder / "results")
    return read_rgb(original_path(store, store.runs()[0].manifest["images"]["a"]))


def seen(opened, pane="#pane"):
    """The picture as it stands on the screen at 1×, without the names on it.

    In the window's corner: the height of the text above, which fonts decide, moves it by no part of a pixel.
    """
    corner = f"{pane} {{ position: fixed; inset: 0 auto auto 0; width: 640px; height: 576px; z-index: 9 }}"
    opened.page.add_style_tag(content=f".tag, .border {{ visibility: hidden }} {corner}")
    shot = Image.open(io.BytesIO(opened.page.locator(pane).screenshot())).convert("RGB")
    top, left = (shot.height - 72) // 2, (shot.width - 80) // 2
    return np.array(shot)[top : top + 72, left : left + 80]


def apart(one, other):
    return np.abs(one.astype(float) - other).mean()


def wipe(opened, to):
    opened.page.locator("#wipe").evaluate(
        "(range, to) => { range.value = to; range.dispatchEvent(new Event('input')); }", to
    )


def test_the_wipe_shows_the_other_picture(viewer, finished):
    viewer.page.select_option("#picture-left", index=0)
    viewer.page.select_option("#picture-right", "combined")
    viewer.page.select_option("#picture-rate", index=0)
    left, (right, _) = original(finished[0]), held(finished[0], "combined", 0)
    assert apart(left, right) > 3 * NEAR
    assert viewer.page.inner_text("#match").startswith("combined at ")
    wipe(viewer, 100)
    assert apart(seen(viewer), left) < NEAR
    wipe(viewer, 0)
    assert apart(seen(viewer), right) < NEAR
    wipe(viewer, 50)
    half = seen(viewer)
    assert apart(half[:, :38], left[:, :38]) < NEAR
    assert apart(half[:, 42:], right[:, 42:]) < NEAR


def test_the_border_is_dragged_and_moved_by_keys(viewer):
    pane = viewer.page.locator("#pane").bounding_box()
    y = pane["y"] + 20
    viewer.page.mouse.move(pane["x"] + pane["width"] / 2, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(pane["x"] + pane["width"] / 4, y, steps=4)
    viewer.page.mouse.up()
    assert float(viewer.page.input_value("#wipe")) == pytest.approx(25, abs=1)
    viewer.page.locator("#pane").press("]")
    assert float(viewer.page.input_value("#wipe")) == pytest.approx(27, abs=1)
    viewer.page.locator("#wipe").press("Home")
    assert viewer.page.input_value("#wipe") == "0"


def test_the_figures_below_are_those_of_both_points(viewer, finished):
    viewer.page.select_option("#picture-left", "base")
    viewer.page.select_option("#picture-right", "jpeg")
    viewer.page.select_option("#picture-rate", index=1)
    _, base = held(finished[0], "base", 1)
    points = pd.concat(held(finished[0], "jpeg", at)[1].to_frame().T for at in range(4))
    nearest = points.iloc[int(np.abs(np.log(points.bpp.astype(float) / base.bpp)).argmin())]
    cells = viewer.cells("#picture-table")
    for name, label in (("bpp", "Rate, bpp"), ("vmaf", "VMAF"), ("nlpd", "NLPD (lower is better)")):
        assert float(cells[label]["left"]) == base[name]
        assert float(cells[label]["right"]) == nearest[name]
    more = 100 * (nearest.bpp / base.bpp - 1)
    assert f"{abs(more):.1f}% rate" in viewer.page.inner_text("#match")
    wipe(viewer, 0)
    at = int(np.flatnonzero(points.quality == nearest.quality)[0])
    assert apart(seen(viewer), held(finished[0], "jpeg", at)[0]) < NEAR


def test_one_rate_of_one_encoder_is_said_to_be_the_same(viewer):
    viewer.page.select_option("#picture-left", "base")
    viewer.page.select_option("#picture-right", "combined")
    assert viewer.page.inner_text("#match").startswith("Both at ")


def test_side_by_side_both_move_and_zoom_together(viewer):
    viewer.choose("view", "side")
    viewer.choose("zoom", 8)
    places = lambda: [  # noqa: E731
        viewer.page.locator(f"{pane} .shot").evaluate("node => [node.style.transform, node.style.width]")
        for pane in ("#pane", "#second-pane")
    ]
    before = places()
    assert before[0] == before[1]
    assert before[0][1] == "640px"
    assert "pixels" in viewer.page.get_attribute("#second-pane .shot", "class")
    box = viewer.page.locator("#second-pane").bounding_box()
    viewer.page.mouse.move(box["x"] + 100, box["y"] + 100)
    viewer.page.mouse.down()
    viewer.page.mouse.move(box["x"] + 60, box["y"] + 70, steps=3)
    viewer.page.mouse.up()
    dragged = places()
    assert dragged[0] == dragged[1] != before[0]
    viewer.page.locator("#pane").press("ArrowLeft")
    assert places()[0] == places()[1] != dragged[0]
    viewer.page.locator("#pane").press("-")
    assert places()[1][1] == "320px"
    assert viewer.page.is_checked('input[name="zoom"][value="4"]')


def test_the_error_map_is_that_of_the_lossless_picture(viewer, finished):
    viewer.page.select_option("#picture-left", "jpeg")
    viewer.page.select_option("#picture-right", index=0)
    quality = float(viewer.cells("#picture-table")["Quality, own scale"]["left"])
    [decoded] = [
        held(finished[0], "jpeg", at)[0] for at, own in enumerate((10, 25, 50, 80)) if own == quality
    ]
    levels = np.abs(original(finished[0]).astype(float) - decoded).mean(axis=2)
    viewer.page.check("#error-map")
    wipe(viewer, 100)
    brightness = seen(viewer).astype(float).sum(axis=2)
    assert np.corrcoef(brightness.ravel(), np.minimum(levels, 24).ravel())[0, 1] > 0.9
    wipe(viewer, 0)
    assert seen(viewer).max() <= 5  # the original has no error
    assert "Error map" in viewer.page.get_attribute("#pane .shot.left", "alt")


def test_every_picture_says_what_it_is(viewer):
    texts = viewer.page.locator("#pane img").evaluate_all("all => all.map(one => one.alt)")
    assert len(texts) == 2
    assert all(text.startswith("a, ") and " bpp" in text for text in texts)
