"""Where torch computes: the CPU, or a GPU that is there; in full precision, and alike each time."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from jpegai_bench.errors import BenchError, UsageError

CPU = "cpu"
FLOAT32, BF16 = PRECISIONS = ("float32", "bf16")
"""What a synthesis computes in; all else of a codec is in float32 or in exact integers."""


def require_name(device: str) -> None:
    """Refuse what is not `cpu`, `cuda`, or one of several GPUs as `cuda:1`; without torch.

    Raises:
        UsageError: which names the device.
    """
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", device):
        raise UsageError(f"device={device}: choose cpu, or cuda for a GPU; of several GPUs one, as cuda:1")


def prepare_device(device: str) -> None:
    """Make sure that torch can compute on a device.

    Raises:
        UsageError: it is no name of a device, there is none, or it cannot be used.
    """
    import torch

    require_name(device)
    try:
        torch.ones(1, device=device).item()
    except Exception as error:  # torch raises whatever its backend does
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].partition(". ")[0]
        raise UsageError(f"device={device}: cannot be used ({reason}); there is device=cpu") from None


@contextmanager
def computing() -> Iterator[None]:
    """While the block runs, torch keeps the whole of float32 and sums in the same order each time.

    What a training or a user's module has set before, as TF32, is set again when it ends.

    Raises:
        BenchError: the memory of the GPU is full.
    """
    import torch

    choices = list(_exact_choices())
    before = [_chosen(get, exact) for get, _, exact in choices]
    try:
        for _, choose, exact in choices:
            choose(exact)
        yield
    except torch.OutOfMemoryError as error:
        raise BenchError(
            "the memory of the GPU is full: with fewer processes each has more, as with workers=1; "
            "device=cpu needs none of it"
        ) from error
    finally:
        for (_, choose, _), value in zip(choices, before, strict=True):
            choose(value)


def _exact_choices() -> Iterator[tuple[Callable[[], Any], Callable[[Any], None], Any]]:
    """What torch may round or sum in another order: what tells and what sets it, and when it does not.

    From 2.9 on torch has each precision in an old way and a new one, and raises where the two do not agree:
    both are set, the old way first, for it sets the new one too.
    """
    import torch

    backends: Any = torch.backends
    cudnn = backends.cudnn
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"
    switches: list[tuple[Any, str, Any]]
    switches = [(cudnn, "allow_tf32", False), (cudnn, "deterministic", True), (cudnn, "benchmark", False)]
    if hasattr(cudnn, "conv"):
        of_gpu, of_cpu = (backends.cuda.matmul, cudnn.conv, cudnn.rnn), backends.mkldnn
        parts = (*of_gpu, of_cpu.matmul, of_cpu.conv, of_cpu.rnn)
        switches += [(part, "fp32_precision", "ieee") for part in parts]
    for place, name, exact in switches:
        yield partial(getattr, place, name), partial(setattr, place, name), exact


def _chosen(get: Callable[[], Any], exact: Any) -> Any:
    try:
        return get()
    except RuntimeError:  # only the new way was set, and is told by itself
        return exact


def kind_of(device: str) -> str:
    """`cuda` of `cuda:1`: which of several alike it is decides nothing."""
    return device.partition(":")[0]
