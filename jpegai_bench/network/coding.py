"""Images to bitstreams and back, with a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

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
from jpegai_bench.network.search import nearest_step

BRANCHES = ("luma", "chroma")


@dataclass(frozen=True)
class Analyzed:
    """One image after the analysis transform: all that coding it at any rate needs, luma then chroma."""

    width: int
    height: int
    latents: Latents
    sides: tuple[Tensor, Tensor]
    """Integer z; it is the same at all rates."""
    side_payloads: tuple[bytes, bytes]
    """Both z, coded."""
    side_bits: float
    """Estimate for both z."""
    parameters: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
    """Mean and log2 of the scale, from z alone, as `Hyperprior.parameters_of` gives them."""


@dataclass(frozen=True)
class Coded:
    """An image at one rate, before its decoding."""

    stream: Bitstream
    estimated_bits: float
    """The entropy model's estimate of the payloads."""


class _Quantized(NamedTuple):
    """The latent of one branch at one rate, and what selects its CDFs."""

    symbols: Tensor
    log2_scale: Tensor
    """Before the gain."""
    log2_gain: Tensor


class Coder:
    """A network with the CDF tables and the id that belong to its shared weights."""

    def __init__(self, network: Network, tables: dict[str, rans.Tables], shared_id: bytes) -> None:
        """`tables`: `z_luma`, `z_chroma` and `y`; `shared_id`: 8 bytes."""
        self.network = network.eval()
        self.tables = tables
        self.shared_id = shared_id

    @property
    def device(self) -> torch.device:
        """Where the network is; symbols are range-coded on the CPU all the same."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def analyze(self, image: Image8) -> Analyzed:
        """Do on RGB `[H, W, 3]` what is done once for all rates: analysis, z, the parameters from z."""
        height, width = image.shape[:2]
        check_size(width, height)
        latents = self.network.analyze(to_planes(image, self.device))
        sides, coded, parameters, side_bits = [], [], [], 0.0
        for branch, latent in zip(BRANCHES, latents, strict=True):
            prior = self._prior(branch)
            z = torch.round(prior.side_information(latent))
            _, likelihood = prior.bottleneck(z, training=False)
            side_bits += float(-torch.log2(likelihood).sum())
            sides.append(z.long())
            coded.append(rans.encode(sides[-1], channel_indexes(z), self.tables[f"z_{branch}"]))
            parameters.append(prior.parameters_of(sides[-1], *latent.shape[-2:]))
        return Analyzed(
            width,
            height,
            latents,
            (sides[0], sides[1]),
            (coded[0], coded[1]),
            side_bits,
            (parameters[0], parameters[1]),
        )

    @torch.inference_mode()
    def encode(self, image: Analyzed, quality: float) -> Coded:
        """Code at a real quality in [0, qualities - 1]; rounded to thousandths."""
        step = self._quality_step(quality)
        quantized, bits = self._quantized(image, step), image.side_bits
        for one in quantized:
            scale = torch.exp2(from_fixed(one.log2_scale + one.log2_gain[:, None, None]).double())
            bits += estimate_bits(one.symbols, scale.clamp(SCALES[0], SCALES[-1]))
        return Coded(self._stream(image, step, quantized), bits)

    @torch.inference_mode()
    def qualities_for(self, image: Analyzed, target_bits: Sequence[float]) -> list[float]:
        """For each target the quality, in thousandths, whose whole file comes nearest to so many bits.

        Where a target is out of reach it is the nearest end of the scale. The lengths are those of real files
        of an image that is analysed already: nothing is decoded or synthesised. What is found for a target
        does not depend on the other targets.
        """

        @cache
        def length_of(step: int) -> int:
            return 8 * len(self._stream(image, step, self._quantized(image, step)).to_bytes())

        highest = (self.network.size.qualities - 1) * QUALITY_STEP
        return [nearest_step(length_of, bits, 0, highest) / QUALITY_STEP for bits in target_bits]

    @torch.inference_mode()
    def decode(self, stream: Bitstream) -> Image8:
        """Decode to RGB `[H, W, 3]`.

        Raises:
            BenchError: the stream was written with other shared weights, or names a quality out of range.
        """
        planes = self.network.synthesize(self.decode_latents(stream))
        return to_image(planes, stream.width, stream.height)

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
            z_indexes = channel_indexes(torch.empty(z_shape))
            z = rans.decode(z_data, z_indexes, self.tables[f"z_{branch}"]).to(self.device)
            mean, log2_scale = self._prior(branch).parameters_of(z, height, width)
            log2_gain = self._log2_gain(branch, stream.quality)
            indexes = table_indexes(log2_scale, log2_gain)
            symbols = rans.decode(y_data, indexes, self.tables["y"]).to(self.device)
            decoded.append(mean + symbols / torch.exp2(from_fixed(log2_gain))[:, None, None])
        return Latents(decoded[0], decoded[1])

    def _quality_step(self, quality: float) -> int:
        highest = self.network.size.qualities - 1
        if not 0 <= quality <= highest:
            raise BenchError(f"quality {quality:g} is out of range: 0 to {highest}")
        return round(quality * QUALITY_STEP)

    def _quantized(self, image: Analyzed, step: int) -> list[_Quantized]:
        """Both latents at a quality in thousandths."""
        found = []
        for branch, latent, parameters in zip(BRANCHES, image.latents, image.parameters, strict=True):
            mean, log2_scale = parameters
            log2_gain = self._log2_gain(branch, step)
            gain = torch.exp2(from_fixed(log2_gain))[:, None, None]
            found.append(_Quantized(torch.round((latent - mean) * gain).long(), log2_scale, log2_gain))
        return found

    def _stream(self, image: Analyzed, step: int, quantized: list[_Quantized]) -> Bitstream:
        payloads: list[bytes] = []
        for side, one in zip(image.side_payloads, quantized, strict=True):
            indexes = table_indexes(one.log2_scale, one.log2_gain)
            payloads += [side, rans.encode(one.symbols, indexes, self.tables["y"])]
        return Bitstream(image.width, image.height, step, self.shared_id, tuple(payloads))

    def _log2_gain(self, branch: str, step: int) -> Tensor:
        """Fixed point `[C]`, for a quality in thousandths."""
        gain = self.network.shared[f"gain_{branch}"]
        assert isinstance(gain, Gain)
        return gain.fixed(step)

    def _prior(self, branch: str) -> Hyperprior:
        prior = self.network.shared[f"prior_{branch}"]
        assert isinstance(prior, Hyperprior)
        return prior

    def _hyper_channels(self, branch: str) -> int:
        size = self.network.size
        return size.hyper_luma if branch == "luma" else size.hyper_chroma


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def to_planes(image: Image8, device: torch.device) -> Planes:
    """RGB `[H, W, 3]` to planes of a size that the network takes."""
    height, width = image.shape[:2]
    padding = ((0, _aligned(height) - height), (0, _aligned(width) - width), (0, 0))
    luma, chroma = to_420(np.pad(image, padding, mode="edge"))
    planes = torch.from_numpy(luma)[None, None].float(), torch.from_numpy(chroma)[None].float()
    return Planes(*(plane.to(device) for plane in planes))


def to_image(planes: Planes, width: int, height: int) -> Image8:
    """Planes to RGB `[height, width, 3]`."""
    luma = planes.luma[0, 0, :height, :width].cpu().double().numpy()
    chroma = planes.chroma[0, :, : -(-height // 2), : -(-width // 2)].cpu().double().numpy()
    return from_420(luma, chroma)
