"""On a GPU the scores are those of the CPU."""

import pytest
import torch
from photographs import jpeg, photograph

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.measure import Reference, measure


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["astronaut", "odd crop"])
def test_cuda_gives_the_scores_of_the_cpu(name) -> None:
    reference = Reference(photograph(name), device="cuda")
    for quality in (10, 75):
        expected = measure(photograph(name), jpeg(name, quality))
        assert reference.compare(jpeg(name, quality)).values == pytest.approx(expected.values, abs=1e-4)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_there_is_named(device) -> None:
    with pytest.raises(BenchError, match=f"device={device}: cannot be used"):
        measure(photograph("astronaut"), photograph("astronaut"), device=device)
