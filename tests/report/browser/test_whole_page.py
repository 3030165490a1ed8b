"""The page as a whole: nothing loaded, nothing executed, any width, either theme, on paper, of any store."""

import json
import shlex

import numpy as np
import pytest
from command import bench
from messages import says

SECTIONS = ("results", "curves", "trade-off", "pictures", "per-image", "provenance")


def test_every_section_is_there_and_the_page_loads_nothing(shown):
    for section in SECTIONS:
        assert shown.page.locator(f"#{section}").is_visible()
        assert shown.page.locator(f"#{section} h2").count() == 1
    assert [url for url in shown.asked if not url.startswith("data:")] == [shown.url]
    assert shown.page.title() == "photos, model small"
    told = shown.page.inner_text("#about")
    assert all(word in told for word in ("2 of photos", "base, combined", "jpeg", "qualities 0, 1.5, 3, 5"))


def test_a_command_is_copied_and_runs(shown, finished):
    shown.page.locator("#provenance .commands button").first.click()
    copied = shown.page.evaluate("navigator.clipboard.readText()")
    assert copied == shown.page.locator("#provenance .commands code").first.inner_text()
    assert copied.startswith("jpegai-bench tables ")
    done = bench(*shlex.split(copied)[1:], cwd=finished[0])
    assert done.code == 0, done.err


def test_the_provenance_of_each_run_is_its_manifest(shown, finished):
    [path] = finished[0].glob("results/runs/combined/*/run.json")
    manifest = json.loads(path.read_text())
    run = shown.page.locator(".run", has_text=manifest["key"])
    run.locator("summary").click()
    text = run.inner_text()
    assert manifest["images"]["a"] in text
    assert manifest["codec"]["synthesis_weights"] in text
    assert manifest["versions"]["torch"] in text
    assert '"restormer_blocks": 1' in text


@pytest.mark.parametrize("width", [1280, 400])
def test_no_width_makes_the_page_scroll_sideways(finished, open_page, width):
    opened = open_page(finished[1], width=width)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    cut = opened.page.evaluate(
        """width => [...document.querySelectorAll('main *')]
          .filter(node => !node.closest('.scroll, .pane, svg'))
          .filter(node => node.getBoundingClientRect().right > width + 1)
          .map(node => node.outerHTML.slice(0, 80))""",
        width,
    )
    assert cut == []


def test_the_theme_of_the_system_is_followed_while_the_page_is_open(finished, open_page):
    opened = open_page(finished[1], dark=True)
    ground = lambda: opened.page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    curve = opened.curve("base")["line"]["color"]
    assert ground() == "rgb(20, 23, 26)"
    opened.page.emulate_media(color_scheme="light")
    assert ground() == "rgb(255, 255, 255)"
    drawn = "document.getElementById('curves-plot').data.some(trace => trace.line?.color === '#0072B2')"
    opened.page.wait_for_function(drawn)  # the page is told at its next frame
    assert opened.curve("base")["line"]["color"] == "#0072B2" != curve


def test_all_is_reached_by_the_tab_key(shown):
    shown.page.keyboard.press("Tab")
    reached = set()
    for _ in range(200):
        reached |= set(
            shown.page.evaluate(
                """[document.activeElement].flatMap(node => [node.id, node.name, node.dataset?.label,
                  node.closest('section')?.id]).filter(Boolean)"""
            )
        )
        shown.page.keyboard.press("Tab")
    wanted = {
        "curves-metric",
        "rate-axis",
        "combined",
        "cost",
        "picture-left",
        "view",
        "zoom",
        "wipe",
        "pane",
    }
    assert wanted | set(SECTIONS) <= reached


def test_on_paper_no_table_is_cut(finished, open_page):
    opened = open_page(finished[1], width=1031)  # what A4 across leaves between its margins
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    cut = opened.page.evaluate(
        """[...document.querySelectorAll('table, .plot')].filter(node => node.offsetParent)
          .filter(node => node.getBoundingClientRect().right > 1031
            || node.scrollWidth > node.clientWidth + 1)
          .map(node => node.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    assert opened.page.locator(".reasons").is_visible()  # what only hovering tells on the screen
    assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_names_of_the_users_are_text_and_na_everywhere_has_reasons(hostile, open_page):
    opened = open_page(hostile)
    name = "</script><img src=x onerror=hacked=1><script>hacked=1"
    assert opened.page.evaluate("typeof hacked") == "undefined"
    assert list(opened.cells("#image-table")) == [name]
    opened.page.select_option("#curves-image", name)
    assert opened.curve("combined")["y"]
    assert opened.page.locator("main img").count() == 0
    absent = opened.page.locator('#results-table [data-key$="bd_rate"] .na')
    assert absent.count() == 8
    reasons = absent.evaluate_all("all => all.map(one => one.dataset.tip)")
    assert all("fewer than four points" in reason or "no BD-rate" in reason for reason in reasons)
    missing = opened.page.inner_text("#missing")
    assert says(missing, "combined", "4 rates of an image")
    assert "jpegai-bench run +variant=base" in missing
    assert "0 image" not in opened.page.inner_text("main")
    commands = opened.page.locator("code").all_text_contents()
    assert not [command for command in (*commands, opened.page.inner_text("main")) if "=…" in command]
    assert "no decoded pictures" in opened.page.inner_text("#pictures")


def test_a_store_that_is_half_finished_says_what_failed_and_what_goes_on(half_finished, open_page):
    opened = open_page(half_finished[1])
    missing = opened.page.text_content("#missing")
    assert "variant base on photos: failed" in missing
    assert "the disk is full" in missing
    commands = opened.page.locator("#missing code").all_text_contents()
    assert any(command.startswith("jpegai-bench run +variant=base dataset=folder") for command in commands)
    assert list(opened.cells("#results-table")) == ["combined"]
    pictures = opened.page.locator("#pictures code").all_text_contents()
    assert [command.split()[1] for command in pictures] == ["run", "anchor"]


def test_an_empty_store_gives_a_page_that_says_how_to_begin(tmp_path, open_page):
    done = bench("report", cwd=tmp_path)
    assert (done.code, done.out) == (0, "results/report/index.html\n")
    opened = open_page(tmp_path / "results/report/index.html")
    assert opened.page.locator("main").is_hidden()
    assert opened.page.inner_text("#missing code") == "jpegai-bench run -m +variant=base,combined"


def test_linked_pictures_stand_beside_the_page(finished, open_page):
    folder, path = finished
    embedded = path.read_bytes()
    done = bench("report", "images=linked", cwd=folder)
    assert done.code == 0, done.err
    beside = sorted((path.parent / "pictures").glob("*.png"))
    kept = {picture.name: picture.read_bytes() for picture in folder.glob("results/pictures/*/*.png")}
    pictures = [picture for picture in beside if "error" not in picture.name]
    assert 2 * (1 + 2 * 4) <= len(pictures) <= len(kept)
    assert all(picture.read_bytes() == kept[picture.name] for picture in pictures)
    opened = open_page(path)
    sizes = opened.page.locator("#pane img").evaluate_all(
        "all => Promise.all(all.map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert sizes == [80, 80]
    path.write_bytes(embedded)


def test_lines_are_seen_on_either_ground(finished, open_page):
    for dark in (False, True):
        opened = open_page(finished[1], dark=dark)
        ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        levels = np.array([int(one) for one in ground[4:-1].split(",")], float)
        for label in ("base", "combined", "jpeg"):
            colour = opened.curve(label)["line"]["color"]
            line = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], float)
            assert np.abs(line - levels).max() > 90
