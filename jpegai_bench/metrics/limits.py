"""Where a metric has no meaning: too small, or without structure."""

from jpegai_bench.metrics.planes import Planes


class NotApplicableError(Exception):
    """A metric has no value for this pair; the message says why and ends up beside the NA.

    It begins as `failures` lists them; any other NA counts as a failure, which is measured again.
    """


def require_side(image: Planes, side: int, why: str) -> None:
    """Refuse images with a side of less than `side` pixels."""
    if min(image.height, image.width) < side:
        size = f"{image.width}x{image.height}"
        raise NotApplicableError(f"image too small: {size}, needs {side}x{side} ({why})")


def require_structure(image: Planes, which: str) -> None:
    """Refuse a flat image, `which` being its name in the message.

    A metric that compares structure divides nothing by nothing there: some return the ideal value for any
    distortion at all, which would pass unnoticed in an average.
    """
    luma = image.yuv10[0]
    if luma.min() == luma.max():
        raise NotApplicableError(f"flat {which}: there is no structure to compare")
