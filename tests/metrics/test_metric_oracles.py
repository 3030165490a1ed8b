"""Our scores are those of implementations that are not ours, on photographs coded at four qualities.

They are installed for the tests. Beside each tolerance stands the largest difference that was measured over
all of `NAMES` and `QUALITIES`. The crops are measured always, whole photographs at one quality each where an
oracle is not slow; all at every quality with `-m slow`.
"""

from collections.abc import Callable
from itertools import product

import oracles
import pytest
import torch
from photographs import CROPS, NAMES, QUALITIES, jpeg, photograph, scores

PAIRS = list(product(NAMES, QUALITIES))
ENDS = (QUALITIES[0], QUALITIES[-1])
WHOLE = list(zip([name for name in NAMES if name not in CROPS], QUALITIES, strict=True))
"""Each photograph at a quality of its own: what its size may change, it changes at any."""


def always(is_chosen: Callable[[str, int], bool]) -> pytest.MarkDecorator:
    """Over all pairs, those that are not chosen on demand."""
    cases = [pytest.param(*pair, marks=[] if is_chosen(*pair) else pytest.mark.slow) for pair in PAIRS]
    return pytest.mark.parametrize(("name", "quality"), cases)


def is_of_crops(name: str, quality: int) -> bool:
    """The largest of them at the ends alone."""
    return name in CROPS and (name != "even crop" or quality in ENDS)


crops_first = always(is_of_crops)
every_size = always(lambda name, quality: is_of_crops(name, quality) or (name, quality) in WHOLE)
crops_at_the_ends = always(lambda name, quality: name in CROPS and quality in ENDS)
"""For a second implementation beside piq, which has the crops at every quality."""


def pair(name: str, quality: int):
    return photograph(name), jpeg(name, quality)


@every_size
def test_ms_ssim_is_pytorch_msssims(name: str, quality: int) -> None:
    """In its own float32, as the framework calls it, to 1e-5 (measured: 5.2e-7); in float64 to 1e-9."""
    found = scores(name, quality).values["ms_ssim"]
    assert found == pytest.approx(
        oracles.ms_ssim_by_pytorch_msssim(*pair(name, quality), torch.float32), abs=1e-5
    )
    assert found == pytest.approx(
        oracles.ms_ssim_by_pytorch_msssim(*pair(name, quality), torch.float64), abs=1e-9
    )


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        pytest.param(name, quality, marks=[] if name == "even crop" else pytest.mark.slow)
        for name, quality in product(("even crop", "astronaut"), QUALITIES)
    ],
)
def test_ms_ssim_is_piqs_where_sides_halve_four_times(name: str, quality: int) -> None:
    """To 1e-5 (measured: 8.1e-7, which is pytorch-msssim's window in float32)."""
    expected = oracles.ms_ssim_by_piq(*pair(name, quality))
    assert scores(name, quality).values["ms_ssim"] == pytest.approx(expected, abs=1e-5)


def test_ms_ssim_is_not_piqs_at_odd_sides() -> None:
    """piq repeats the first row and column, the framework's library adds zeros: 0.003 apart at 451x300."""
    expected = oracles.ms_ssim_by_pytorch_msssim(*pair("chelsea", 10))
    assert expected - oracles.ms_ssim_by_piq(*pair("chelsea", 10)) == pytest.approx(-3.1e-3, abs=1e-4)


@crops_at_the_ends
def test_fsim_is_iqa_pytorchs(name: str, quality: int) -> None:
    """To 1.5e-5 (measured: 9.9e-6): of its colour matrix three decimals are kept, here and in piq four."""
    expected = oracles.fsim_by_iqa_pytorch(*pair(name, quality))
    assert scores(name, quality).values["fsim"] == pytest.approx(expected, abs=1.5e-5)


@crops_first
def test_fsim_is_piqs(name: str, quality: int) -> None:
    expected = oracles.fsim_by_piq(*pair(name, quality))
    assert scores(name, quality).values["fsim"] == pytest.approx(expected, abs=1e-9)


@every_size
def test_nlpd_is_iqa_pytorchs(name: str, quality: int) -> None:
    """To 1e-8 (measured: 2.5e-9): its filters are float32."""
    expected = oracles.nlpd_by_iqa_pytorch(*pair(name, quality))
    assert scores(name, quality).values["nlpd"] == pytest.approx(expected, abs=1e-8)


# The odd crop is filled up to 256 pixels a side: of odd sides themselves chelsea always is.
@always(lambda name, quality: (name in CROPS and quality in ENDS) or (name, quality) == ("chelsea", 10))
def test_iw_ssim_is_what_its_definition_gives(name: str, quality: int) -> None:
    """To 1e-6. Measured: 1e-13 on the crops, 3.3e-8 in nearly flat places, 2.9e-7 at odd sides.

    There piq, to which ours is equal, mirrors the pyramid's last row one sample late.
    """
    expected = oracles.iw_ssim_from_the_definition(*pair(name, quality))
    assert scores(name, quality).values["iw_ssim"] == pytest.approx(expected, abs=1e-6)


@crops_first
def test_iw_ssim_is_piqs(name: str, quality: int) -> None:
    expected = oracles.iw_ssim_by_piq(*pair(name, quality))
    assert scores(name, quality).values["iw_ssim"] == pytest.approx(expected, abs=1e-9)


@crops_at_the_ends
def test_vif_is_iqa_pytorchs(name: str, quality: int) -> None:
    """To 1e-7 (measured: 7.2e-9): it takes a variance below 1e-10 for none, and we and piq below 1e-8."""
    expected = oracles.vif_by_iqa_pytorch(*pair(name, quality))
    assert scores(name, quality).values["vif"] == pytest.approx(expected, abs=1e-7)


@crops_first
def test_vif_is_piqs(name: str, quality: int) -> None:
    expected = oracles.vif_by_piq(*pair(name, quality))
    assert scores(name, quality).values["vif"] == pytest.approx(expected, abs=1e-9)


def test_vif_in_float32_as_the_framework_has_it_is_a_little_off() -> None:
    """By 7.6e-5 here, the most that was measured."""
    expected = oracles.vif_by_piq(*pair("odd crop", 95), torch.float32)
    assert 1e-6 < abs(scores("odd crop", 95).values["vif"] - expected) < 2e-4


@every_size
def test_psnr_hvs_and_hvs_m_are_psnr_hvsms(name: str, quality: int) -> None:
    expected = oracles.hvs_by_psnr_hvsm(*pair(name, quality))
    found = {column: scores(name, quality).values[column] for column in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@every_size
def test_psnr_is_scikit_images(name: str, quality: int) -> None:
    expected = oracles.psnr_by_skimage(*pair(name, quality))
    found = {column: scores(name, quality).values[column] for column in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@every_size
def test_vmaf_is_the_binarys_own_answer(name: str, quality: int) -> None:
    assert scores(name, quality).values["vmaf"] == oracles.vmaf_by_the_binary(*pair(name, quality))


@every_size
def test_vmaf_is_vmaf_torchs(name: str, quality: int) -> None:
    """To 0.05 (measured: 0.046 on the odd crop, 0.020 on whole photographs)."""
    expected = oracles.vmaf_by_vmaf_torch(*pair(name, quality))
    assert scores(name, quality).values["vmaf"] == pytest.approx(expected, abs=0.05)
