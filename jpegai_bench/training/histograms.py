"""What a trained network codes of its photographs: the symbols that its CDF tables are made of."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import Histograms
from jpegai_bench.network.coding import Coder
from jpegai_bench.system.progress import progress
from jpegai_bench.training.data import centre_crop
from jpegai_bench.training.recipe import Recipe

_PHOTOGRAPHS = 48
_SIDE = 256
_QUALITIES = 3


def count(coder: Coder, photographs: Sequence[Path], recipe: Recipe) -> Histograms:
    """Code the middle of photographs spread over all of them, each at qualities of its own.

    Args:
        coder: with Gaussian tables.
        photographs: those of the training; what cannot be decoded is left out.
        recipe: reduced as its crops are, and its seed draws the qualities.
    """
    random = np.random.default_rng(recipe.seed)
    coder.histograms = Histograms()
    sample = photographs[:: max(1, len(photographs) // _PHOTOGRAPHS)]
    with progress("counting symbols for the CDF tables", len(sample), "photographs") as advance:
        for number, path in enumerate(sample):
            try:
                picture = coder.analyze(centre_crop(path, _SIDE, recipe.reduction))
            except BenchError:
                continue
            spread = (np.arange(_QUALITIES) + random.random(_QUALITIES)) / _QUALITIES
            for quality in spread * (coder.network.size.qualities - 1):
                coder.encode(picture, float(quality))
            advance(completed=number + 1)
    return coder.histograms
