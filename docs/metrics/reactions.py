"""How metrics react to what can happen to a picture: `python docs/metrics/reactions.py [METRIC …]`.

The picture is scikit-image's astronaut, 512x512. Prints a Markdown table, a kind of distortion a row.
"""

import io
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from jpegai_bench import Reference
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.catalogue import METRICS, chosen

DEFAULT = tuple(metric.name for metric in METRICS if metric.name not in ("psnr_u", "psnr_v"))


def main() -> None:
    """Print the table of the metrics that the command line names."""
    names = chosen(sys.argv[1:] or DEFAULT)
    metrics = [metric for metric in METRICS if metric.name in names]
    picture = data.astronaut()
    reference = Reference(picture, only=names)
    print(f"| distortion | {' | '.join(metric.label for metric in metrics)} |")
    print(f"|---|{'---:|' * len(metrics)}")
    for what, distort in DISTORTIONS.items():
        values = reference.compare(distort(picture)).values
        cells = [f"{values[metric.name]:.{metric.decimals}f}" for metric in metrics]
        print(f"| {what} | {' | '.join(cells)} |")


def _rounded(samples: np.ndarray) -> Image8:
    return np.rint(np.clip(samples, 0, 255)).astype(np.uint8)


def _jpeg(quality: int) -> Callable[[Image8], Image8]:
    def code(picture: Image8) -> Image8:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return code


def _blurred(picture: Image8) -> Image8:
    return _rounded(gaussian_filter(picture.astype(float), (1.5, 1.5, 0)))


def _sharpened(picture: Image8) -> Image8:
    return _rounded(2.0 * picture - gaussian_filter(picture.astype(float), (1.5, 1.5, 0)))


def _noisy(picture: Image8) -> Image8:
    return _rounded(picture + np.random.default_rng(0).normal(0, 10, picture.shape))


def _brighter(picture: Image8) -> Image8:
    return _rounded(picture + 10.0)


def _more_contrast(picture: Image8) -> Image8:
    return _rounded(128 + 1.2 * (picture - 128.0))


def _colourless(picture: Image8) -> Image8:
    """Gray of the same BT.709 luma."""
    return _rounded(np.repeat(picture @ [[0.2126], [0.7152], [0.0722]], 3, axis=2))


def _shifted(picture: Image8) -> Image8:
    """A pixel to the right; the first column is repeated."""
    return np.concatenate([picture[:, :1], picture[:, :-1]], axis=1)


def _with_a_hole(picture: Image8) -> Image8:
    """A black square of 32x32 on the face."""
    holed = picture.copy()
    holed[100:132, 210:242] = 0
    return holed


DISTORTIONS: dict[str, Callable[[Image8], Image8]] = {
    "none": lambda picture: picture,
    "JPEG, quality 50": _jpeg(50),
    "JPEG, quality 10": _jpeg(10),
    "blur, sigma 1.5": _blurred,
    "sharpened": _sharpened,
    "noise, sigma 10": _noisy,
    "10 levels brighter": _brighter,
    "contrast × 1.2": _more_contrast,
    "colour removed": _colourless,
    "one pixel to the right": _shifted,
    "black square, 32×32": _with_a_hole,
    "negative": lambda picture: 255 - picture,
}

if __name__ == "__main__":
    main()
