"""VIF in the pixel domain (VIFp) of the luma.

Source: H. Sheikh, A. Bovik, "Image information and visual quality", IEEE Trans. Image Processing 15(2), 2006,
and its authors' pixel-domain approximation; computed by piq.
"""

import piq
import torch

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.planes import Planes, zero_pad

WINDOW = 17
"""Pixels of the widest window; an image with a side below it is refused: its score would be the padding's."""
SIDE = 64
"""Smaller images are padded with zeros, as in the JPEG AI quality framework."""


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `vif`, 1 when identical, above 1 where contrast was raised; not symmetric.

    In float32, which is off by up to 2e-4: float64 takes ten times as long and 8 GB for 2048x1536.

    Raises:
        NotApplicableError: a side is below `WINDOW`, or the reference is flat (VIF would be 1 whatever the
            distortion).
    """
    require_side(reference, WINDOW, "VIF's window")
    require_structure(reference, "reference")
    with torch.inference_mode():
        value = piq.vif_p(_samples(distorted), _samples(reference), data_range=1.0)
    return {"vif": value.item()}


def _samples(image: Planes) -> torch.Tensor:
    return torch.from_numpy(zero_pad(image.luma, SIDE)).to(torch.float32).clamp(0.0, 1.0)[None, None]
