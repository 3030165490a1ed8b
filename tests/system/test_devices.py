"""Where torch computes: a device that is not there is named, and one that is computes in full float32."""

import pytest
import torch
from messages import refused
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from jpegai_bench.errors import UsageError
from jpegai_bench.system.devices import kind_of, prepare_device

FLAGS = (
    (torch.backends.cuda.matmul, "allow_tf32"),
    (torch.backends.cudnn, "allow_tf32"),
    (torch.backends.cudnn, "deterministic"),
)


@pytest.fixture
def rounded():
    """As torch may be set before: to TF32, and to kernels that sum in any order."""
    before = [getattr(*flag) for flag in FLAGS]
    for flag, value in zip(FLAGS, (True, True, False), strict=True):
        setattr(*flag, value)
    yield
    for flag, value in zip(FLAGS, before, strict=True):
        setattr(*flag, value)


def full_precision():
    return [getattr(*flag) for flag in FLAGS] == [False, False, True]


def test_a_gpu_computes_in_full_float32(rounded):
    prepare_device("cpu")
    assert not full_precision()
    with FakeTensorMode(shape_env=ShapeEnv()):
        prepare_device("cuda")
    assert full_precision()


@pytest.mark.parametrize("device", ["cuda:99", "toaster", "meta"])
def test_a_device_that_is_not_there_is_named(device, rounded):
    with refused(f"device={device}", "cannot be used") as error:
        prepare_device(device)
    assert error.type is UsageError
    assert not full_precision()


def test_which_of_several_gpus_it_is_decides_nothing():
    assert {kind_of(device) for device in ("cuda", "cuda:0", "cuda:1")} == {"cuda"}
