"""What the tables and the curves of the page say is what the store holds, and each control does its word."""

import io
import json
import math

import pandas as pd
import pytest
from command import bench
from messages import says
from synthetic import KMACS

from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.store.store import read_points

COSTS = ("published_kmacs_px", "input_size_kmacs_px", "all_kmacs_px", "decode_s")


@pytest.fixture(scope="module")
def tables(seven):
    """The CSVs that `jpegai-bench tables` writes of the store that the page is of."""
    done = bench("tables", "peers=all", cwd=seven[0])
    assert done.code == 0, done.err
    names = ("results", "per_image")
    paths = [seven[0] / f"results/tables/kodak-paper-{name}.csv" for name in names]
    frames = [pd.read_csv(path, keep_default_na=False, float_precision="round_trip") for path in paths]
    return dict(zip(names, frames, strict=True)) | {"bytes": {path.name: path.read_bytes() for path in paths}}


def same(shown, held):
    """A cell's value is the CSV's, to the twelve digits that this has; NA is NA."""
    return shown == "NA" if held in ("NA", "") else float(shown) == close(float(held))


def close(held):
    return pytest.approx(held, rel=1e-10)


def points_of(folder, label):
    [path] = folder.glob(f"results/*/{label}/*/points.csv")
    return read_points(path)


def number(value, digits=1):
    return f"{float(value):.{digits}f}".replace("-", "−")


def test_the_table_holds_the_numbers_of_the_csv(study_page, tables):
    table = tables["results"].set_index("variant")
    cells = study_page.cells("#results-table")
    assert list(cells) == list(table.index)[:7] == sorted(KMACS, key=lambda label: (label != "base", label))
    columns = [*(f"{name}_bd_rate" for name in (*average_of(), "mean")), *COSTS]
    for label, row in cells.items():
        assert all(same(row[column], table.loc[label, column]) for column in columns), row
        if label != "base":
            assert same(row["vs_base_bd_rate"], table.loc[label, "vs_base_bd_rate"])


def test_each_number_stands_with_its_interval_and_the_papers(study_page, tables):
    row = tables["results"].set_index("variant").loc["combined"]
    cell = study_page.page.locator("#results-table tr", has_text="combined").first
    lines = cell.locator('[data-key="mean_bd_rate"]').inner_text().split()
    value, low, high = (number(row[f"mean_{part}"]) for part in ("bd_rate", "ci_low", "ci_high"))
    assert lines == [value, f"{low}…{high}", "paper", "−27.5"]
    assert cell.locator('[data-key="published_kmacs_px"]').inner_text().split() == [
        "172.1",
        "−79.8%",
        "paper",
        "172.1",
    ]
    assert cell.locator('[data-key="decode_s"]').inner_text().split() == ["1.42", "1.39…1.49"]


def test_other_codecs_are_rows_where_they_are_asked_for(study_page, tables):
    study_page.page.check("#peers")
    row = study_page.cells("#results-table")["jpeg"]
    held = tables["results"].set_index("variant").loc["jpeg"]
    assert same(row["mean_bd_rate"], held["mean_bd_rate"])
    head = study_page.page.locator('#results-table th[data-key="mean_bd_rate"] button')
    head.click()
    head.click()
    assert list(study_page.cells("#results-table"))[-1] == "jpeg"  # below the variants however it is sorted


def test_each_csv_that_is_downloaded_is_that_of_the_tables(study_page, seven, tables, tmp_path):
    saved = {}
    for button in study_page.page.query_selector_all("#provenance [data-file]"):
        with study_page.page.expect_download() as download:
            button.click()
        name = download.value.suggested_filename
        download.value.save_as(tmp_path / name)
        saved[name] = (tmp_path / name).read_bytes()
    names = ("results", "per_image", "points", "complexity")
    assert set(saved) == {f"kodak-paper-{name}.csv" for name in names}
    assert {name: saved[name] for name in tables["bytes"]} == tables["bytes"]
    points = pd.read_csv(io.BytesIO(saved["kodak-paper-points.csv"]), float_precision="round_trip")
    own = points[points.codec == "combined"].drop(columns="codec").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, points_of(seven[0], "combined"), check_dtype=False)


def test_a_click_or_a_key_on_a_head_sorts(study_page, tables):
    held = tables["results"].query("kind == 'variant'")
    for column in ("mean_bd_rate", "vmaf_bd_rate"):
        known = held[held[column] != "NA"].assign(value=lambda frame, c=column: frame[c].astype(float))
        rising = known.sort_values("value").variant.tolist()
        head = study_page.page.locator(f'#results-table th[data-key="{column}"]')
        head.locator("button").click()
        assert list(study_page.cells("#results-table"))[: len(rising)] == rising
        assert head.get_attribute("aria-sort") == "ascending"
        head.locator("button").press("Enter")
        assert list(study_page.cells("#results-table"))[: len(rising)] == rising[::-1]
        assert head.get_attribute("aria-sort") == "descending"


def test_na_tells_its_reason_to_the_pointer_and_to_the_keyboard(study_page):
    tip = study_page.page.locator("#tip")
    absent = study_page.page.locator('#results-table [data-key="decode_s"] .na').first
    assert tip.is_hidden()
    absent.hover()
    assert "not timed" in tip.inner_text()
    assert "jpegai-bench latency +variant=activation dataset=kodak model=paper" in tip.inner_text()
    study_page.page.mouse.move(1, 1)
    assert tip.is_hidden()
    absent.focus()
    assert tip.is_visible()
    study_page.page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_a_curve_that_is_hidden_is_hidden_and_moves_no_axis(study_page):
    lines = study_page.page.locator("#curves-plot .scatterlayer .trace")
    axes, before = study_page.axes(), lines.count()
    entry = study_page.page.locator('#curves-legend [data-label="combined"]')
    assert (entry.get_attribute("aria-pressed"), study_page.curve("combined")["visible"]) == ("true", True)
    entry.click()
    assert (entry.get_attribute("aria-pressed"), study_page.curve("combined")["visible"]) == ("false", False)
    assert (lines.count(), study_page.axes()) == (before - 1, axes)
    told = study_page.page.get_attribute("#curves-plot", "aria-label")
    assert "combined_ds" in told
    assert "combined," not in told
    entry.press("Enter")
    assert (lines.count(), study_page.axes()) == (before, axes)
    assert entry.evaluate("node => node === document.activeElement")


def test_peers_are_hidden_until_they_are_asked_for(study_page):
    assert study_page.curve("jpeg")["visible"] is False
    axes = study_page.axes()
    study_page.page.click("#show-all")
    assert study_page.curve("jpeg")["visible"] is True
    assert study_page.axes() == axes
    study_page.page.click("#hide-peers")
    assert study_page.curve("jpeg")["visible"] is False


def test_one_image_shows_its_points(study_page, seven):
    points = points_of(seven[0], "combined").query("image == 'kodim05'").sort_values("bpp")
    study_page.page.select_option("#curves-image", "kodim05")
    for metric in ("psnr_y", "nlpd"):
        study_page.page.select_option("#curves-metric", metric)
        curve = study_page.curve("combined")
        assert curve["x"] == points.bpp.tolist()
        assert curve["y"] == points[metric].tolist()


def test_the_mean_is_over_the_images_that_all_have(study_page, seven):
    for metric, images in (("ms_ssim", 24), ("vmaf", 23)):
        study_page.page.select_option("#curves-metric", metric)
        points = points_of(seven[0], "vvc")
        points = points if images == 24 else points.query("image != 'kodim03'")
        mean = points.groupby("quality")[["bpp", metric]].mean().sort_values("bpp")
        curve = study_page.curve("vvc")
        assert curve["x"] == pytest.approx(mean.bpp.tolist())
        assert curve["y"] == pytest.approx(mean[metric].tolist())
        assert f"mean of {images} images" in study_page.page.inner_text("#curves-caption")


def test_the_rate_axis_is_logarithmic_or_linear(study_page):
    curve = study_page.curve("base")
    kind, low, high, *_ = study_page.axes()
    assert kind == "log"
    assert 10**low < min(curve["x"]) < max(curve["x"]) < 10**high
    study_page.choose("rate-axis", "linear")
    kind, low, high, *_ = study_page.axes()
    assert (kind, low) == ("linear", 0)
    assert max(curve["x"]) < high
    assert study_page.curve("base")["x"] == curve["x"]


def test_hovering_tells_the_figures_of_a_point(study_page, seven):
    study_page.page.select_option("#curves-image", "kodim01")
    point = points_of(seven[0], "vvc").query("image == 'kodim01' and bpp == 0.25").iloc[0]
    study_page.page.locator("#curves-plot").scroll_into_view_if_needed()
    place = study_page.page.evaluate(
        """([x, y]) => { const plot = document.getElementById('curves-plot'), all = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          const at = (axis, value) => axis._offset + axis.d2p(value);
          return [box.left + at(all.xaxis, x), box.top + at(all.yaxis, y)]; }""",
        [point.bpp, point.psnr_y],
    )
    study_page.page.mouse.move(place[0] - 3, place[1] - 3)
    study_page.page.mouse.move(*place)
    told = study_page.page.locator("#curves-plot .hovertext").text_content()
    assert "vvc 4:2:0" in told
    assert "0.250 bpp" in told
    assert f"PSNR-Y {point.psnr_y:.2f} dB" in told
    assert f"quality {point.quality:g}" in told


def test_the_points_as_a_table_follow_the_plot(study_page):
    study_page.page.locator("#curves-points summary").click()
    study_page.page.select_option("#curves-image", "kodim02")
    study_page.page.locator('#curves-legend [data-label="combined"]').click()
    names = study_page.page.locator("#curves-table tbody th").all_inner_texts()
    assert {name: names.count(name) for name in names} == {
        **{label: 5 for label in KMACS if label != "combined"},
        "vvc 4:2:0": 8,
    }


def test_the_per_image_table_holds_the_csv(study_page, tables):
    held = tables["per_image"]
    for metric in ("vif", "vmaf"):
        study_page.page.select_option("#image-metric", metric)
        cells = study_page.cells("#image-table")
        rows = held[(held.metric == metric) & (held.variant != "jpeg")]
        assert len(rows) == 7 * 24
        assert all(same(cells[row.image][row.variant], row.bd_rate) for row in rows.itertuples())
    absent = study_page.page.locator("#image-table .na")
    assert absent.count() == 1
    assert "not measured" in absent.get_attribute("data-tip")
    differences = [float(row["difference"]) for row in cells.values()]
    assert differences == sorted(differences, reverse=True)
    first = cells[next(iter(cells))]
    own = [abs(float(value) - float(first["base"])) for label, value in first.items() if label in KMACS]
    assert differences[0] == pytest.approx(max(own))


def test_the_mean_of_seven_of_an_image_is_that_of_its_seven(study_page, tables):
    held = tables["per_image"].query("variant == 'combined' and image == 'kodim07'")
    values = [float(row.bd_rate) for row in held.itertuples() if row.metric in average_of()]
    assert len(values) == 7
    cells = study_page.cells("#image-table")
    assert float(cells["kodim07"]["combined"]) == pytest.approx(math.fsum(values) / 7)
    assert cells["kodim03"]["combined_ds"] == "NA"


def test_a_row_leads_to_its_curve(study_page):
    study_page.page.select_option("#image-metric", "vif")
    study_page.page.locator("#image-table tr", has_text="kodim09").get_by_role("link", name="curve").click()
    assert study_page.page.input_value("#curves-image") == "kodim09"
    assert study_page.page.input_value("#curves-metric") == "vif"
    assert study_page.page.url.endswith("#curves")


def test_trade_off_by_each_cost(study_page, tables):
    table = tables["results"].query("kind == 'variant' and anchor == 'vvc'").set_index("variant")
    for column in COSTS:
        study_page.page.select_option("#cost", column)
        front, *points = study_page.page.evaluate("document.getElementById('trade-off-plot').data")
        known = table[(table[column] != "NA") & (table.mean_bd_rate != "NA")]
        drawn = {trace["meta"]: (trace["x"][0], trace["y"][0]) for trace in points}
        held = {label: (float(row[column]), float(row.mean_bd_rate)) for label, row in known.iterrows()}
        assert drawn.keys() == held.keys()
        assert all(drawn[label] == close(point) for label, point in held.items())
        beaten = [
            any(a <= x and b <= y and (a, b) != (x, y) for a, b in held.values()) for x, y in held.values()
        ]
        best = sorted(place for place, worse in zip(held.values(), beaten, strict=True) if not worse)
        assert (front["x"], front["y"]) == tuple(close(list(values)) for values in zip(*best, strict=True))
        row = known.loc["combined"]
        bars = next(trace for trace in points if trace["meta"] == "combined")["error_y"]
        assert bars["array"] == close([float(row.mean_ci_high) - float(row.mean_bd_rate)])
        assert bars["arrayminus"] == close([float(row.mean_bd_rate) - float(row.mean_ci_low)])
    caption = study_page.page.inner_text("#trade-off-caption")
    absent = "activation, attention_cs, attention_ds, combined_ds, upsampling"
    assert says(caption, f"Not drawn: {absent} (")


def test_bars_by_part_sum_to_the_whole_in_each_counting(study_page, seven):
    for column in COSTS[:3]:
        study_page.page.select_option("#cost", column)
        parts = study_page.page.evaluate("document.getElementById('parts-plot').data")
        for at, label in enumerate(parts[0]["y"]):
            [path] = seven[0].glob(f"results/runs/{label}/*/complexity.json")
            assert sum(part["x"][at] for part in parts) == pytest.approx(json.loads(path.read_text())[column])
