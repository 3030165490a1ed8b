"""The most memory that a call takes, above what its process held before."""

import ctypes
import gc
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def peak_bytes(call: Callable[[], object], device: str = "cpu") -> int | None:
    """Make a call, and tell the most that it took at once.

    Args:
        call: what is measured; what it returns is held to its end and not longer.
        device: `cpu`: resident memory of this process, by Linux's high-water mark. A GPU, as torch names it:
            what torch's allocator gave out there.

    Returns:
        Bytes above the level before the call, to about a megabyte; None where the system does not tell.
    """
    gc.collect()
    if device != "cpu":
        return _on_gpu(call, device)
    with suppress(OSError, AttributeError):  # another C library: freed memory may count as held before
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR.write_text("5")  # the high-water mark begins anew
        before = _status("VmRSS")
        call()
        return max(0, _status("VmHWM") - before)
    except (OSError, LookupError):
        return None


def _status(name: str) -> int:
    line = re.search(rf"^{name}:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    if line is None:
        raise LookupError(name)
    return 1024 * int(line[1])


def _on_gpu(call: Callable[[], object], device: str) -> int:
    import torch

    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before
