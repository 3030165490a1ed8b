"""Bitstreams made on purpose, with valid checksums: what is known of the coder goes into them.

`python -m forged_streams SEED COUNT FOLDER` decodes COUNT of them or a few more, with `tiny` weights that it
saves in FOLDER. Each must become a picture of the size that it claims, or be refused. The one under test is
kept in FOLDER, for the case that it ends the process.
"""

import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from constriction import stream

from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import Exact
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.cdf_tables import LENGTH, NIBBLE, Tables, table_indexes
from jpegai_bench.network.coding import Coder

LONGEST = (1 << LENGTH) - 1
"""Nibbles that may be said of what lies outside a table."""


def written(
    places: Sequence[int],
    indexes: Sequence[int],
    lengths: Sequence[int],
    nibbles: Sequence[int],
    tables: Tables,
) -> bytes:
    """A stream of which a reader reads places under sorted `indexes`, lengths and nibbles."""
    encoder = stream.queue.RangeEncoder()

    def add(symbol: int, model: object) -> None:
        encoder.encode(np.array([symbol], np.int32), model)

    for place, index in zip(places, indexes, strict=True):
        add(place, tables.models[index])
    for values, bits in ((lengths, LENGTH), (nibbles, NIBBLE)):
        for value in values:
            add(value, stream.model.Uniform(1 << bits))
    return encoder.get_compressed().astype("<u4").tobytes()


@dataclass
class Forger:
    """Makes streams for one coder out of real ones."""

    coder: Coder
    real: Sequence[Bitstream]
    chance: random.Random

    def streams(self, count: int) -> Iterator[bytes]:
        """So many whole files."""
        kinds: list[Callable[[], Bitstream]] = [self._steps] * 4 + [
            self._spliced,
            self._damaged,
            self._words,
        ] * 2
        for _ in range(count):
            stream = self.chance.choice(kinds)()
            if self.chance.random() < 0.2:
                stream = self._header(stream)
            yield stream.to_bytes()

    def _steps(self) -> Bitstream:
        """Symbols and escapes of z of luma, any lengths and nibbles, then anything."""
        width, height = self.chance.choice([(1, 1), (33, 31), (33, 64)])
        quality, tables = self.chance.randrange(2001), self.coder.tables
        indexes = sorted(self._first_indexes(width, height, quality))
        rate = self.chance.choice([0.0, 0.02, 0.5, 1.0])
        escapes = [length - 2 for length in tables.length.tolist()]
        places = [
            escapes[index] if self.chance.random() < rate else self.chance.randrange(escapes[index])
            for index in indexes
        ]
        outside = sum(place == escapes[index] for place, index in zip(places, indexes, strict=True))
        lengths = [self.chance.choice([0, 1, 2, 6, LONGEST]) for _ in range(outside)]
        if self.chance.random() < 0.7:  # what an encoder takes
            lengths = [min(length, 5) for length in lengths]
        nibbles = [self._nibble() for _ in range(sum(lengths))]
        kept = self.chance.choice([len(nibbles), len(nibbles), self.chance.randrange(len(nibbles) + 1)])
        payload = written(places, indexes, lengths, nibbles[:kept], tables) + self._tail()
        return Bitstream(width, height, quality, self.coder.shared_id, payload)

    def _first_indexes(self, width: int, height: int, quality: int) -> list[int]:
        """The CDFs of z of luma, which nothing decoded decides."""
        model, exact = self.coder.network.entropy("luma"), Exact(quality)
        shape = self.coder._shapes("luma", width, height)[0]
        return table_indexes(model.side_scale(exact)).expand(shape).flatten().tolist()

    def _nibble(self) -> int:
        return self.chance.choice([0, 15, self.chance.randrange(16)])

    def _tail(self) -> bytes:
        count = self.chance.choice([0, 0, 0, 1, 1, 2, 9, 9, 500, 50_000])
        fill = self.chance.choice([b"\xff" * 4, bytes(4), None])
        return self.chance.randbytes(4 * count) if fill is None else fill * count

    def _spliced(self) -> Bitstream:
        """The beginning of one payload and the end of another."""
        first, second = self.chance.choices(self.real, k=2)
        cut, other = (self.chance.randrange(len(it.payload) + 1) & ~3 for it in (first, second))
        return self._with(first, first.payload[:cut] + self._tail() + second.payload[other:])

    def _damaged(self) -> Bitstream:
        """A few bits, or words, or the length."""
        stream = self.chance.choice(self.real)
        payload = bytearray(stream.payload)
        for _ in range(self.chance.choice([1, 1, 5, 50])):
            payload[self.chance.randrange(len(payload))] ^= 1 << self.chance.randrange(8)
        length = self.chance.choice([len(payload), self.chance.randrange(len(payload) + 1)])
        return self._with(
            stream, bytes(payload[:length]) + self.chance.randbytes(self.chance.choice([0, 0, 1, 4]))
        )

    def _words(self) -> Bitstream:
        """Words of few kinds."""
        kinds = [b"\xff" * 4, bytes(4), b"\x0f\0\0\0", b"\xff\xff\xff\x7f", self.chance.randbytes(4)]
        weights = [self.chance.random() ** 3 for _ in kinds]
        count = self.chance.choice([0, 1, 2, 3, 17, 300])
        return self._with(
            self.chance.choice(self.real), b"".join(self.chance.choices(kinds, weights, k=count))
        )

    def _with(self, stream: Bitstream, payload: bytes) -> Bitstream:
        return Bitstream(stream.width, stream.height, stream.quality, stream.shared_id, payload)

    def _header(self, stream: Bitstream) -> Bitstream:
        """Another size, quality or encoder."""
        sides = [0, 1, 2, 31, 33, 64, 65535]
        width, height = self.chance.choices(sides, k=2)
        if 10**5 < width * height < 2**26:  # a strip, which would take long
            width = height = 65535
        quality = self.chance.choice([stream.quality, 0, 2000, 2001, 65535])
        shared_id = self.chance.choice([stream.shared_id] * 4 + [self.chance.randbytes(8)])
        return Bitstream(width, height, quality, shared_id, stream.payload)


def check(data: bytes, coder: Coder) -> bool:
    """Whether a stream is decoded; refused is the other thing that may happen."""
    try:
        stream = Bitstream.from_bytes(data)
        picture = coder.decode(stream)
    except BenchError:
        return False
    assert picture.shape == (stream.height, stream.width, 3)
    assert str(picture.dtype) == "uint8"
    return True


def main(seed: int, count: int, folder: Path) -> None:
    """Print how many streams were decoded."""
    import tiny
    import torch

    warnings.simplefilter("error", RuntimeWarning)
    torch.set_num_threads(1)
    sizes, decoded, chance = [(1, 1), (32, 17), (37, 33)], 0, random.Random(seed)
    for context in tiny.CONTEXTS:
        coder = tiny.saved(folder / context, context=context)
        analyzed = [coder.analyze(tiny.picture(*size)) for size in sizes]
        real = [coder.encode(image, quality).stream for image in analyzed for quality in (0.0, 1.4, 2.0)]
        for data in Forger(coder, real, chance).streams(-(-count // len(tiny.CONTEXTS))):
            (folder / "last.jai").write_bytes(data)
            decoded += check(data, coder)
    print(decoded)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
