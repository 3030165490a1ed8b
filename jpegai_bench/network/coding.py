"""Images to bitstreams and back, with a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import from_420, to_420
from jpegai_bench.images.read import Image8
from jpegai_bench.network.arithmetic import FRACTION_BITS, QUALITY_STEP, Exact, RoundedWeights, from_exact
from jpegai_bench.network.bitstream import Bitstream, check_size
from jpegai_bench.network.cdf_tables import Histograms, Tables, table_indexes
from jpegai_bench.network.codec import ALIGNMENT, BRANCHES, Latents, Network, Planes
from jpegai_bench.network.entropy import Part
from jpegai_bench.network.range_coder import Reader, Writer
from jpegai_bench.network.search import nearest_step

RDO = 0.01
"""Squared quantisation steps that a bit is worth to an encoder that optimises.

On held-out photographs, BD-rate against rounding to the nearest in the mean of seven metrics: 0.005 saves
0.04%, 0.01 loses 0.02%, 0.02 loses 0.47%, 0.03 1.3%. By PSNR-Y 0.01 saves 0.3%, by NLPD 2.5%; VMAF loses 2%.
"""
_UNIT = 1 << FRACTION_BITS


@dataclass(frozen=True)
class Analyzed:
    """One image after the analysis transform: all that coding it at any rate needs, luma then chroma."""

    width: int
    height: int
    latents: Latents
    z: tuple[Tensor, Tensor]
    """Neither gained nor rounded."""


@dataclass(frozen=True)
class Coded:
    """An image at one rate, before its decoding."""

    stream: Bitstream
    estimated_bits: float
    """What the CDFs make of the payload."""
    latents: Latents
    """What a decoder finds."""


class Coder:
    """A network with the CDF tables and the id that belong to its shared weights."""

    def __init__(self, network: Network, tables: Tables, shared_id: bytes, rdo: float = 0.0) -> None:
        """`tables`: one CDF a scale; `shared_id`: 8 bytes; `rdo`: as `quantize` takes it."""
        self.network = network.eval()
        self.tables = tables
        self.shared_id = shared_id
        self.rdo = rdo
        self.histograms: Histograms | None = None
        """Counts what is encoded, where it is set."""
        self._rounded_weights = RoundedWeights()

    @property
    def device(self) -> torch.device:
        """Where the network is; symbols are range-coded on the CPU all the same."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def analyze(self, image: Image8) -> Analyzed:
        """Do on RGB `[H, W, 3]` what is done once for all rates: analysis and z."""
        height, width = image.shape[:2]
        check_size(width, height)
        latents = self.network.analyze(to_planes(image, self.device))
        luma, chroma = (
            self.network.entropy(branch).side_information(latent)
            for branch, latent in zip(BRANCHES, latents, strict=True)
        )
        return Analyzed(width, height, latents, (luma, chroma))

    @torch.inference_mode()
    def encode(self, image: Analyzed, quality: float) -> Coded:
        """Code at a real quality in [0, qualities - 1]; rounded to thousandths."""
        return self._encode(image, self._quality_step(quality))

    @torch.inference_mode()
    def qualities_for(self, image: Analyzed, target_bits: Sequence[float]) -> list[float]:
        """For each target the quality, in thousandths, whose whole file comes nearest to so many bits.

        Where a target is out of reach it is the nearest end of the scale. The lengths are those of real files
        of an image that is analysed already: nothing is decoded or synthesised. What is found for a target
        does not depend on the other targets.
        """

        @cache
        def length_of(step: int) -> int:
            return 8 * len(self._encode(image, step).stream.to_bytes())

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
        """The entropy-decoding half of `decode`: the same latents on every machine."""
        if stream.shared_id != self.shared_id:
            raise BenchError(
                f"the bitstream was written with other weights (id {stream.shared_id.hex()}, "
                f"these are {self.shared_id.hex()})"
            )
        if stream.quality > (self.network.size.qualities - 1) * QUALITY_STEP:
            raise BenchError(f"damaged bitstream: quality {stream.quality / QUALITY_STEP} is out of range")
        shapes = [self._shapes(branch, stream.width, stream.height) for branch in BRANCHES]
        reader = Reader(stream.payload)
        latents = self._walk(stream.quality, [_Decoding(self.tables, reader, *shape) for shape in shapes])
        reader.finish()
        return latents

    def _encode(self, image: Analyzed, step: int) -> Coded:
        """At a quality in thousandths."""
        writer = Writer()
        codings = [
            _Encoding(self, writer, z, latent) for z, latent in zip(image.z, image.latents, strict=True)
        ]
        latents = self._walk(step, codings)
        stream = Bitstream(image.width, image.height, step, self.shared_id, writer.finish())
        return Coded(stream, sum(coding.bits for coding in codings), latents)

    def _walk(self, step: int, codings: "Sequence[_Coding]") -> Latents:
        """Code both latents, pass by pass, at a quality in thousandths."""
        arithmetic, decoded = Exact(step, self._rounded_weights), list[Tensor]()
        for branch, coding in zip(BRANCHES, codings, strict=True):
            model = self.network.entropy(branch)
            coding.arithmetic, coding.log2_gain = arithmetic, self.network.log2_gain(branch, arithmetic)
            z = coding.side(model.side_scale(arithmetic), model.side_gain(arithmetic))
            side = model.side(arithmetic, z.to(self.device).double() * _UNIT, *coding.shape[-2:])
            reference = self.network.chroma_reference(decoded[0], arithmetic) if decoded else None
            decoded.append(model.walk(arithmetic, side, coding, reference))
        return Latents(*(from_exact(latent) for latent in decoded))

    def _quality_step(self, quality: float) -> int:
        highest = self.network.size.qualities - 1
        if not 0 <= quality <= highest:
            raise BenchError(f"quality {quality:g} is out of range: 0 to {highest}")
        return round(quality * QUALITY_STEP)

    def _shapes(self, branch: str, width: int, height: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of z and of the latent."""
        size, stride = self.network.size, ALIGNMENT // 2 if branch == "luma" else ALIGNMENT
        rows, columns = (aligned(length) // stride for length in (height, width))
        hyper = size.hyper_luma if branch == "luma" else size.hyper_chroma
        latent = size.latent_luma if branch == "luma" else size.latent_chroma
        return (1, hyper, -(-rows // 4), -(-columns // 4)), (1, latent, rows, columns)


class _Coding:
    """Codes z and the parts of one latent, with exact parameters."""

    shape: tuple[int, ...]
    """Of the latent."""
    log2_gain: Tensor
    arithmetic: Exact

    def __call__(self, parts: Sequence[Part]) -> list[Tensor]:
        gains = [part.channels_of(self.log2_gain) for part in parts]
        symbols = self.symbols(parts, gains, indexes_of(parts, gains))
        return dequantize(parts, gains, symbols, self.arithmetic)

    def side(self, log2_scale: Tensor, log2_gain: Tensor) -> Tensor:
        """Integers of z, coded under gained scales `[1, C, 1, 1]`."""
        raise NotImplementedError

    def symbols(self, parts: Sequence[Part], gains: list[Tensor], indexes: list[Tensor]) -> list[Tensor]:
        """Integers of each part, coded under the CDFs that `indexes` names, all on the CPU."""
        raise NotImplementedError


class _Decoding(_Coding):
    def __init__(
        self, tables: Tables, reader: Reader, z_shape: tuple[int, ...], shape: tuple[int, ...]
    ) -> None:
        self.tables, self.reader, self.z_shape, self.shape = tables, reader, z_shape, shape

    def side(self, log2_scale: Tensor, log2_gain: Tensor) -> Tensor:
        return self.reader.read(table_indexes(log2_scale).cpu().expand(self.z_shape), self.tables)

    def symbols(self, parts: Sequence[Part], gains: list[Tensor], indexes: list[Tensor]) -> list[Tensor]:
        read = self.reader.read(_joined(indexes), self.tables)
        pieces = read.split([index.numel() for index in indexes])
        return [piece.reshape(index.shape) for piece, index in zip(pieces, indexes, strict=True)]


class _Encoding(_Coding):
    def __init__(self, coder: Coder, writer: Writer, z: Tensor, latent: Tensor) -> None:
        self.tables, self.rdo, self.histograms = coder.tables, coder.rdo, coder.histograms
        self.writer, self.z, self.latent = writer, z.double(), latent.double()
        self.shape = tuple(latent.shape)
        self.bits = 0.0

    def side(self, log2_scale: Tensor, log2_gain: Tensor) -> Tensor:
        symbols = torch.round(self.z * torch.exp2(log2_gain / _UNIT)).long().cpu()
        self._write(symbols, table_indexes(log2_scale).cpu().expand_as(symbols))
        return symbols

    def symbols(self, parts: Sequence[Part], gains: list[Tensor], indexes: list[Tensor]) -> list[Tensor]:
        symbols = []
        for part, log2_gain, index in zip(parts, gains, indexes, strict=True):
            residual = (part.of(self.latent) - part.mean / _UNIT) * torch.exp2(log2_gain / _UNIT)
            symbols.append(quantize(residual.cpu(), index, self.tables, self.rdo))
        self._write(_joined(symbols), _joined(indexes))
        return symbols

    def _write(self, symbols: Tensor, indexes: Tensor) -> None:
        self.writer.add(symbols, indexes, self.tables)
        self.bits += float(self.tables.bits(symbols, indexes).sum())
        if self.histograms:
            self.histograms.add(symbols, indexes)


def quantize(residual: Tensor, indexes: Tensor, tables: Tables, rdo: float) -> Tensor:
    """Gained residuals to integer symbols, int64.

    Args:
        residual: in quantisation steps.
        indexes: the CDF of each, in `tables`.
        tables: what a symbol costs.
        rdo: squared quantisation steps that a bit is worth; 0 rounds to the nearest. A symbol moves one
            towards zero where that saves more bits than its error is worth; what its value tells the passes
            that follow is not weighed.
    """
    nearest = torch.round(residual)
    if not rdo or not bool(torch.isfinite(residual).all()):
        return nearest.long()
    lower = nearest - torch.sign(nearest)
    saved = tables.bits(nearest, indexes) - tables.bits(lower, indexes)
    error = (residual - lower).square() - (residual - nearest).square()
    return torch.where(error < rdo * saved, lower, nearest).long()


def indexes_of(parts: Sequence[Part], log2_gains: Sequence[Tensor]) -> list[Tensor]:
    """The CDF of each symbol of each part."""
    return [table_indexes(part.log2_scale + gain).cpu() for part, gain in zip(parts, log2_gains, strict=True)]


def dequantize(
    parts: Sequence[Part], log2_gains: Sequence[Tensor], symbols: Sequence[Tensor], arithmetic: Exact
) -> list[Tensor]:
    """Symbols to the latent that encoder and decoder go on with: over the mean, divided by the gain."""
    return [
        part.mean + arithmetic.scale(symbol.to(part.mean) * _UNIT, -gain)
        for part, gain, symbol in zip(parts, log2_gains, symbols, strict=True)
    ]


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def aligned(length: int) -> int:
    """The height or width that the network works on."""
    return -(-length // ALIGNMENT) * ALIGNMENT


def to_planes(image: Image8, device: torch.device) -> Planes:
    """RGB `[H, W, 3]` to planes of a size that the network takes."""
    height, width = image.shape[:2]
    padding = ((0, aligned(height) - height), (0, aligned(width) - width), (0, 0))
    luma, chroma = to_420(np.pad(image, padding, mode="edge"))
    planes = torch.from_numpy(luma)[None, None].float(), torch.from_numpy(chroma)[None].float()
    return Planes(*(plane.to(device) for plane in planes))


def to_image(planes: Planes, width: int, height: int) -> Image8:
    """Planes to RGB `[height, width, 3]`."""
    luma = planes.luma[0, 0, :height, :width].cpu().double().numpy()
    chroma = planes.chroma[0, :, : -(-height // 2), : -(-width // 2)].cpu().double().numpy()
    return from_420(luma, chroma)
