"""`metrics.backend=piq`: four metrics by piq itself, on our planes; points of two backends are not mixed."""

import oracles
import pytest
from photographs import jpeg, photograph, scores

from jpegai_bench.metrics.backends import backend_of
from jpegai_bench.metrics.by_piq import PiqReference
from jpegai_bench.metrics.fingerprint import fingerprint
from jpegai_bench.store.keys import unit_key

ORACLES = {
    "ms_ssim": oracles.ms_ssim_by_piq,
    "fsim": oracles.fsim_by_piq,
    "iw_ssim": oracles.iw_ssim_by_piq,
    "vif": oracles.vif_by_piq,
}


@pytest.mark.parametrize("name", ["even crop", "odd crop", "small crop"])
def test_four_are_piqs_and_the_rest_ours(name):
    pair = photograph(name), jpeg(name, 30)
    values, own = PiqReference(pair[0]).compare(pair[1]).values, scores(name, 30).values
    assert {column: values[column] for column in ORACLES} == {
        column: oracle(*pair) for column, oracle in ORACLES.items()
    }
    for column, value in values.items():
        if column != "ms_ssim":
            assert value == pytest.approx(own[column], abs=1e-9), column
    assert abs(values["ms_ssim"] - own["ms_ssim"]) < (1e-6 if name == "even crop" else 1e-2)


def test_what_is_not_applicable_is_not_by_either():
    small = photograph("even crop")[:10, :10]
    assert PiqReference(small).compare(small).reasons.keys() >= ORACLES.keys()


def test_the_backend_is_part_of_the_units_key():
    own, piq = fingerprint(), fingerprint("piq")
    assert own.items() < piq.items()
    assert (backend_of(own), backend_of(piq)) == ("own", "piq")
    assert unit_key({}, own, "image", 1.0) != unit_key({}, piq, "image", 1.0)
