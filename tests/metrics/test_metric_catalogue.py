import subprocess
import sys

import pytest

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import METRICS, NAMES, average_of

PAPER = ("ms_ssim", "fsim", "nlpd", "iw_ssim", "vmaf", "vif", "psnr_hvs_m")


def test_the_average_is_of_the_papers_seven() -> None:
    assert average_of() == average_of("hvs_m") == PAPER
    assert average_of("hvs") == (*PAPER[:-1], "psnr_hvs")


def test_any_other_choice_is_refused() -> None:
    with pytest.raises(BenchError, match=r"metrics\.hvs=psnr"):
        average_of("psnr")


def test_only_nlpd_is_a_distance() -> None:
    assert [metric.name for metric in METRICS if not metric.higher_is_better] == ["nlpd"]
    assert len(set(NAMES)) == len(NAMES) == 12


def test_reading_the_catalogue_costs_no_torch() -> None:
    check = "import sys, jpegai_bench.metrics.catalogue; print({'torch', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
