"""Images to bitstreams and back, with a trained network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import from_420, to_420
from jpegai_bench.images.read import Image8
from jpegai_bench.network import rans
from jpegai_bench.network.bitstream import Bitstream, check_size
from jpegai_bench.network.codec import ALIGNMENT, Latents, Network, Planes
from jpegai_bench.network.entropy import (
    SCALES,
    Hyperprior,
    channel_indexes,
    estimate_bits,
    table_indexes,
)
from jpegai_bench.network.fixedpoint import from_fixed
from jpegai_bench.network.gain import QUALITY_STEP, Gain

BRANCHES = ("luma", "chroma")


@dataclass(frozen=True)
class Analyzed:
    """One image after the analysis transform: all that coding it at any rate needs."""

    width: int
    height: int
    latents: Latents
    sides: tuple[Tensor, Tensor]
    """Integer z of luma and chroma."""
    side_bits: float
    """Estimate for both z."""


@dataclass(frozen=True)
class Coded:
    """An image at one rate, before its decoding."""

    stream: Bitstream
    estimated_bits: float
    """The entropy model's estimate of the payloads."""


class Coder:
    """A network with the CDF tables and the id that belong to its shared weights."""

    def __init__(self, network: Network, tables: dict[str, rans.Tables], shared_id: bytes) -> None:
        """`tables`: `z_luma`, `z_chroma` and `y`; `shared_id`: 8 bytes."""
        self.network = network.eval()
        self.tables = tables
        self.shared_id = shared_id

    @torch.inference_mode()
    def analyze(self, image: Image8) -> Analyzed:
        """Run the analysis transform and the hyper-analysis, once for all rates, on RGB `[H, W, 3]`."""
        height, width = image.shape[:2]
        check_size(width, height)
        latents = self.network.analyze(_to_planes(image))
        sides, side_bits = [], 0.0
        for branch, latent in zip(BRANCHES, latents, strict=True):
            prior = self._prior(branch)
            z = torch.round(prior.side_information(latent))
            _, likelihood = prior.bottleneck(z, training=False)
            side_bits += float(-torch.log2(likelihood).sum())
            sides.append(z.long())
        return Analyzed(width, height, latents, (sides[0], sides[1]), side_bits)

    @torch.inference_mode()
    def encode(self, image: Analyzed, quality: float) -> Coded:
        """Code at a real quality in [0, qualities - 1]; rounded to thousandths."""
        step = self._quality_step(quality)
        payloads, bits = [], image.side_bits
        for branch, latent, z in zip(BRANCHES, image.latents, image.sides, strict=True):
            height, width = latent.shape[-2:]
            mean, log2_scale, log2_gain = self._parameters(branch, z, height, width, step)
            indexes = table_indexes(log2_scale, log2_gain)
            gain = torch.exp2(from_fixed(log2_gain))[:, None, None]
            symbols = torch.round((latent - mean) * gain).long()
            scale = torch.exp2(from_fixed(log2_scale + log2_gain[:, None, None]).double())
            bits += estimate_bits(symbols, scale.clamp(SCALES[0], SCALES[-1]))
            payloads.append(rans.encode(z, channel_indexes(z), self.tables[f"z_{branch}"]))
            payloads.append(rans.encode(symbols, indexes, self.tables["y"]))
        stream = Bitstream(image.width, image.height, step, self.shared_id, tuple(payloads))
        return Coded(stream, bits)

    @torch.inference_mode()
    def decode(self, stream: Bitstream) -> Image8:
        """Decode to RGB `[H, W, 3]`.

        Raises:
            BenchError: the stream was written with other shared weights, or names a quality out of range.
        """
        planes = self.network.synthesize(self.decode_latents(stream))
        return _to_image(planes, stream.width, stream.height)

    @torch.inference_mode()
    def decode_latents(self, stream: Bitstream) -> Latents:
        """The entropy-decoding half of `decode`: the same latents with any number of threads."""
        if stream.shared_id != self.shared_id:
            raise BenchError(
                f"the bitstream was written with other weights (id {stream.shared_id.hex()}, "
                f"these are {self.shared_id.hex()})"
            )
        if stream.quality > (self.network.size.qualities - 1) * QUALITY_STEP:
            raise BenchError(f"damaged bitstream: quality {stream.quality / QUALITY_STEP} is out of range")
        decoded = []
        for number, branch in enumerate(BRANCHES):
            stride = ALIGNMENT // 2 if branch == "luma" else ALIGNMENT
            height = _aligned(stream.height) // stride
            width = _aligned(stream.width) // stride
            z_shape = (1, self._hyper_channels(branch), -(-height // 4), -(-width // 4))
            z_data, y_data = stream.payloads[2 * number : 2 * number + 2]
            z = rans.decode(z_data, channel_indexes(torch.empty(z_shape)), self.tables[f"z_{branch}"])
            mean, log2_scale, log2_gain = self._parameters(branch, z, height, width, stream.quality)
            symbols = rans.decode(y_data, table_indexes(log2_scale, log2_gain), self.tables["y"])
            decoded.append(mean + symbols / torch.exp2(from_fixed(log2_gain))[:, None, None])
        return Latents(decoded[0], decoded[1])

    def _quality_step(self, quality: float) -> int:
        highest = self.network.size.qualities - 1
        if not 0 <= quality <= highest:
            raise BenchError(f"quality {quality:g} is out of range: 0 to {highest}")
        return round(quality * QUALITY_STEP)

    def _parameters(
        self, branch: str, z: Tensor, height: int, width: int, quality: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, log2_scale = self._prior(branch).parameters_of(z, height, width)
        gain = self.network.shared[f"gain_{branch}"]
        assert isinstance(gain, Gain)
        return mean, log2_scale, gain.fixed(quality)

    def _prior(self, branch: str) -> Hyperprior:
        prior = self.network.shared[f"prior_{branch}"]
        assert isinstance(prior, Hyperprior)
        return prior

    def _hyper_channels(self, branch: str) -> int:
        size = self.network.size
        return size.hyper_luma if branch == "luma" else size.hyper_chroma


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def _to_planes(image: Image8) -> Planes:
    height, width = image.shape[:2]
    padding = ((0, _aligned(height) - height), (0, _aligned(width) - width), (0, 0))
    luma, chroma = to_420(np.pad(image, padding, mode="edge"))
    return Planes(torch.from_numpy(luma)[None, None].float(), torch.from_numpy(chroma)[None].float())


def _to_image(planes: Planes, width: int, height: int) -> Image8:
    luma = planes.luma[0, 0, :height, :width].double().numpy()
    chroma = planes.chroma[0, :, : -(-height // 2), : -(-width // 2)].double().numpy()
    return from_420(luma, chroma)
