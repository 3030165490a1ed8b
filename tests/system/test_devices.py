"""Where torch computes: a device that is not there is named, and one that is computes in full float32."""

from collections import namedtuple

import pytest
import torch
from messages import refused
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from jpegai_bench.errors import UsageError
from jpegai_bench.system.devices import computing, kind_of, prepare_device

Backends = namedtuple("Backends", "matmul conv rnn on_cpu deterministic quickest")
EXACT = Backends("ieee", "ieee", "ieee", "ieee", deterministic=True, quickest=False)


def backends():
    torch_backends = torch.backends
    cudnn = torch_backends.cudnn
    parts = (torch_backends.cuda.matmul, cudnn.conv, cudnn.rnn, torch_backends.mkldnn.matmul)
    return Backends(*(part.fp32_precision for part in parts), cudnn.deterministic, cudnn.benchmark)


def by_name():
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True


def for_all():
    torch.backends.fp32_precision = "tf32"


def in_any_order():
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True


@pytest.fixture
def torch_as_it_comes():
    """Puts back what a test sets."""
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    before = torch.backends.fp32_precision, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark
    yield
    torch.backends.fp32_precision, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = before
    torch.set_float32_matmul_precision(precision)


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="needs torch 2.9")
@pytest.mark.parametrize("choose", [by_name, for_all, in_any_order])
def test_what_a_user_or_a_training_has_set_rests_while_a_codec_computes(choose, torch_as_it_comes):
    choose()
    chosen = backends()
    assert chosen != EXACT
    with computing():
        assert backends() == EXACT
        assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is False
        with torch.backends.cudnn.flags(enabled=False), computing():
            assert backends() == EXACT
    assert backends() == chosen
    with pytest.raises(ZeroDivisionError), computing():
        print(1 / 0)
    assert backends() == chosen


def test_what_is_set_while_a_codec_computes_ends_with_it(torch_as_it_comes):
    before = backends()
    with computing():
        by_name()
    assert backends() == before


def test_a_full_gpu_is_told_with_what_to_do():
    with refused("memory of the GPU", "workers=1", "device=cpu"), computing():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def test_a_gpu_is_looked_for_and_nothing_is_set():
    before = backends()
    with FakeTensorMode(shape_env=ShapeEnv()):
        prepare_device("cuda")
    assert backends() == before


def test_a_device_that_is_not_there_is_named():
    with refused("device=cuda:99", "cannot be used") as error:
        prepare_device("cuda:99")
    assert error.type is UsageError


@pytest.mark.parametrize("device", ["gpu", "CUDA", "True", "cpu:0", "cuda:", "toaster", "meta", ""])
def test_what_names_no_device_is_told_what_does(device):
    with refused(f"device={device}: ", "cpu", "cuda", "cuda:1") as error:
        prepare_device(device)
    assert error.type is UsageError


def test_which_of_several_gpus_it_is_decides_nothing():
    assert {kind_of(device) for device in ("cuda", "cuda:0", "cuda:1")} == {"cuda"}
