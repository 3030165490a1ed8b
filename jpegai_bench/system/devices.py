"""Where torch computes: the CPU, or a GPU that is there and computes in full precision."""

from jpegai_bench.errors import UsageError

CPU = "cpu"
FLOAT32, BF16 = PRECISIONS = ("float32", "bf16")
"""What a synthesis computes in; all else of a codec is in float32 or in exact integers."""


def prepare_device(device: str) -> None:
    """Make sure that torch computes on a device, as `cpu` or `cuda`, and alike each time.

    On a GPU TF32 is off for this process: what decides bits and pictures keeps the whole of float32. Of cuDNN
    only kernels are taken that sum in the same order each time.

    Raises:
        UsageError: there is no such device, or it cannot be used.
    """
    import torch

    try:
        torch.ones(1, device=device).item()
    except Exception as error:  # torch raises whatever its backend does
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].partition(". ")[0]
        raise UsageError(f"device={device}: cannot be used ({reason}); there is device=cpu") from None
    if device != CPU:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True


def kind_of(device: str) -> str:
    """`cuda` of `cuda:1`: which of several alike it is decides nothing."""
    return device.partition(":")[0]
