"""Decoded photographs in memory that all who read them share: each is decoded once, not once a reader."""

import mmap
import multiprocessing
import os
from typing import Any

import numpy as np

from jpegai_bench.images.read import Image8


class PhotographCache:
    """What any of the readers that are forked after it has kept, all of them see.

    Readers that are spawned have a part of the memory each, to themselves.
    """

    def __init__(self, photographs: int, size: float, readers: int = 1) -> None:
        """`photographs`: how many; `size`: bytes of pixels, at most all memory; `readers`: who share them."""
        self._arguments = photographs, size / max(1, readers)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self._pixels = _shared(int(min(size, memory)), np.uint8)
        self._places = _shared(3 * photographs + 1, np.int64)
        """Height, width and end of each that is kept, then how many bytes are taken."""
        self._lock = multiprocessing.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def get(self, number: int) -> Image8 | None:
        """Photograph `number` `[H, W, 3]`, not to be written to; None where it is not kept."""
        with self._lock:
            height, width, end = self._places[3 * number : 3 * number + 3].tolist()
        return self._pixels[end - 3 * height * width : end].reshape(height, width, 3) if end else None

    def keep(self, number: int, image: Image8) -> None:
        """Keep a photograph, as far as there is room."""
        with self._lock:
            begin = int(self._places[-1])
            end = begin + image.nbytes
            if end > len(self._pixels) or self._places[3 * number + 2]:
                return
            self._places[-1] = end
        self._pixels[begin:end] = image.reshape(-1)
        with self._lock:
            self._places[3 * number : 3 * number + 3] = *image.shape[:2], end


def _shared(count: int, kind: Any) -> np.ndarray[Any, Any]:
    """Zeros, which take memory as they are written."""
    kept = mmap.mmap(-1, max(1, count * np.dtype(kind).itemsize))
    return np.frombuffer(kept, kind, count)
