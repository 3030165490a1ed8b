"""BT.709 full-range colour conversion, 4:2:0 sampling and rounding to a bit depth.

Source: ITU-R BT.709-6, item 3 (luma coefficients and colour-difference scaling), full range as the
JPEG AI common test conditions use it. Planes are float arrays; luma lies in [0, 1], chroma is centred
at 0.5 and lies in [0, 1].
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

_KR, _KB = 0.2126, 0.0722
_KG = 1.0 - _KR - _KB

RGB_TO_YUV = np.array(
    [
        [_KR, _KG, _KB],
        [-_KR / (2 * (1 - _KB)), -_KG / (2 * (1 - _KB)), 0.5],
        [0.5, -_KG / (2 * (1 - _KR)), -_KB / (2 * (1 - _KR))],
    ]
)
YUV_TO_RGB = np.linalg.inv(RGB_TO_YUV)


def rgb_to_yuv(rgb: Array) -> Array:
    """Convert `[H, W, 3]` RGB in [0, 1] to `[3, H, W]` YUV, chroma centred at 0.5. Not clamped."""
    yuv = np.einsum("kc,hwc->khw", RGB_TO_YUV.astype(rgb.dtype), rgb)
    yuv[1:] += 0.5
    return yuv


def yuv_to_rgb(yuv: Array) -> Array:
    """Convert `[3, H, W]` YUV, chroma centred at 0.5, to `[H, W, 3]` RGB. Not clamped."""
    centred = np.concatenate([yuv[:1], yuv[1:] - 0.5])
    return np.einsum("ck,khw->hwc", YUV_TO_RGB.astype(yuv.dtype), centred)


def quantize(values: Array, bits: int) -> Array:
    """Clamp to [0, 1] and round to the grid of `bits` bits; the result stays in [0, 1]."""
    peak = 2**bits - 1
    return np.rint(np.clip(values, 0.0, 1.0) * peak) / peak


def to_uint8(rgb: Array) -> npt.NDArray[np.uint8]:
    """Round (never truncate) RGB in [0, 1] to 8 bits, clamping what lies outside."""
    return np.rint(np.clip(rgb, 0.0, 1.0) * 255.0).astype(np.uint8)


def halve(plane: Array) -> Array:
    """Reduce `[..., H, W]` to `[..., ceil(H/2), ceil(W/2)]` by 2x2 averaging; an odd edge is repeated."""
    height, width = plane.shape[-2:]
    pad = [(0, 0)] * (plane.ndim - 2) + [(0, height % 2), (0, width % 2)]
    plane = np.pad(plane, pad, mode="edge")
    return 0.25 * (
        plane[..., 0::2, 0::2] + plane[..., 1::2, 0::2] + plane[..., 0::2, 1::2] + plane[..., 1::2, 1::2]
    )


def double(plane: Array, height: int, width: int) -> Array:
    """Enlarge `[..., ceil(H/2), ceil(W/2)]` to `[..., H, W]`, bilinear, sited in the middle of 2x2 samples.

    The inverse siting of `halve`: each output sample is 3/4 of the nearest input and 1/4 of the next one.
    """
    for axis, size in ((-2, height), (-1, width)):
        pad = [(0, 0)] * plane.ndim
        pad[plane.ndim + axis] = (1, 1)
        wide = np.moveaxis(np.pad(plane, pad, mode="edge"), axis, -1)
        centre, before, after = wide[..., 1:-1], wide[..., :-2], wide[..., 2:]
        pairs = np.stack([0.75 * centre + 0.25 * before, 0.75 * centre + 0.25 * after], axis=-1)
        plane = np.moveaxis(pairs.reshape(*pairs.shape[:-2], -1)[..., :size], -1, axis)
    return plane


def to_420(rgb: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
    """8-bit RGB `[H, W, 3]` to luma `[H, W]` and chroma `[2, ceil(H/2), ceil(W/2)]`, float64, not rounded."""
    yuv = rgb_to_yuv(rgb.astype(np.float64) / 255.0)
    return yuv[0], halve(yuv[1:])


def from_420(luma: Array, chroma: Array) -> npt.NDArray[np.uint8]:
    """Luma `[H, W]` and chroma `[2, ceil(H/2), ceil(W/2)]` to 8-bit RGB `[H, W, 3]`, rounded."""
    height, width = luma.shape
    full = np.concatenate([luma[None], double(chroma, height, width)])
    return to_uint8(yuv_to_rgb(full))
