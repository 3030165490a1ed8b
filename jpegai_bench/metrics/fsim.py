"""FSIMc of the 10-bit RGB: phase congruency, gradient and chroma.

Source: L. Zhang et al., "FSIM: A feature similarity index for image quality assessment", IEEE Trans. Image
Processing 20(8), 2011; computed by piq.
"""

import piq
import torch

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.planes import Planes

SIDE = 48
"""The coarsest of the four log-Gabor scales has a wavelength of 6 * 2**3 = 48 pixels."""


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `fsim`, 1 when identical.

    Raises:
        NotApplicableError: a side is below `SIDE`, or either image is flat (phase congruency is then
            the quotient of two rounding errors).
    """
    require_side(reference, SIDE, "one period of FSIM's coarsest filter")
    require_structure(reference, "reference")
    require_structure(distorted, "distorted image")
    with torch.inference_mode():
        value = piq.fsim(_samples(distorted), _samples(reference), data_range=1.0, chromatic=True)
    return {"fsim": value.item()}


def _samples(image: Planes) -> torch.Tensor:
    return torch.from_numpy(image.rgb).clamp(0.0, 1.0)[None]
