"""Target rates through the real command."""

import pandas as pd
import pytest
from command import RUN, TINY, fails, manifests, photographs, picture, several
from messages import says

AIMS = (0.3, 0.4, 2.0, 3.0)


@pytest.fixture(scope="module")
def targeted(tiny_weights, tmp_path_factory):
    """A folder in which base was run twice at target rates."""
    folder = tmp_path_factory.mktemp("targeted")
    photographs(folder / "photos")
    at_targets = [word for word in RUN if not word.startswith("qualities=")]
    own = (*at_targets, f"weights={tiny_weights}", "workers=1", "rates=target", f"targets={[*AIMS]}")
    own += ("metrics.only=[psnr_y,ms_ssim]",)
    return folder, several(["run", *own], ["run", *own, "format=csv"], ["list", "runs"], cwd=folder)


def test_points_are_at_the_targets_and_what_is_out_of_reach_is_on_record(targeted):
    manifest = manifests(targeted[0] / "results")["base"]
    points = pd.read_csv(targeted[0] / f"results/runs/base/{manifest['key']}/points.csv")
    assert points.target_bpp.tolist() == [*AIMS, *AIMS]
    inside = points[points.target_bpp < 1]
    assert (inside.bpp / inside.target_bpp - 1).abs().max() <= 0.02
    assert (points.quality[points.target_bpp > 1] == 5).all()
    assert (manifest["rates"], manifest["targets"]) == ("target", [*AIMS])
    assert manifest["units_computed"] == 0  # this is the second run
    assert [(one["image"], one["target_bpp"]) for one in manifest["out_of_reach"]] == [
        (image, target) for image in "ab" for target in (2.0, 3.0)
    ]


def test_tables_and_plots_say_that_rates_were_targets_and_which_are_out_of_reach(targeted):
    folder, (ran, as_csv, listed) = targeted
    assert ran.code == as_csv.code == 0, (ran, as_csv)
    written = {path.name for kind in ("tables", "plots") for path in (folder / "results" / kind).glob("*.*")}
    assert {"photos-small-target-results.md", "photos-small-target-overview.png"} <= written
    assert all(name.startswith(("photos-small-target-", ".")) for name in written)
    assert "photos at target rates, model small: complexity" in ran.out
    for target in ("2", "3"):
        assert says(ran.out, f"{target} bpp is out of reach", "2 images of base")
    assert [line.split(",")[0] for line in as_csv.out.splitlines()] == ["variant", "base"]
    assert "2 images, target rates" in listed.out


def test_one_picture_is_encoded_at_a_target_rate(tmp_path, tiny_weights):
    picture(80, 72, seed=1).save(tmp_path / "photo.png")
    own = ("encode", "photo.png", "photo.jai", *TINY, f"weights={tiny_weights}")
    met, missed, twice, negative = several(
        [*own, "target_bpp=0.4"],
        [*own, "target_bpp=4"],
        [*own, "target_bpp=0.4", "quality=3"],
        [*own, "target_bpp=-1"],
        cwd=tmp_path,
    )
    assert met.code == missed.code == 0, (met, missed)
    assert float(met.out.split(" bpp")[0].split()[-1]) == pytest.approx(0.4, rel=0.02)
    assert "out of reach" not in met.out
    assert says(missed.out, "quality 5; 4 bpp is out of reach")
    size = (tmp_path / "photo.jai").stat().st_size
    assert missed.out.startswith(f"photo.jai: {size} bytes, {8 * size / (80 * 72):.4f} bpp")
    fails(twice, "quality and target_bpp are given", code=2)
    fails(negative, "target_bpp: -1 is no rate", code=2)


def test_target_rates_are_refused_where_they_mean_nothing(tmp_path):
    wrong = {
        ("run", "targets=[0.3]"): ("targets=… are for rates=target", 2),
        ("run", "rates=target", "qualities=[1]"): ("leave qualities=… out", 2),
        ("run", "rates=target", "targets=0.3"): ("targets: needs a list, as targets=[…]", 2),
        ("anchor", "rates=target"): ("anchor takes no rates", 2),
        ("tables", "rates=target"): ("tables takes no rates", 2),
        ("decode", "a", "b", "target_bpp=1"): ("decode takes no target_bpp", 2),
    }
    for done, (said, code) in zip(several(*wrong, cwd=tmp_path), wrong.values(), strict=True):
        fails(done, said, code=code)
    assert list(tmp_path.iterdir()) == []
