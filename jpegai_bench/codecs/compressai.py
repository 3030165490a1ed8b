"""Learned peers: any CompressAI image model with its checkpoints as a codec."""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.codecs.planes import Chroma
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.fingerprint.dependencies import reached
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images.read import MAX_PIXELS, Image8
from jpegai_bench.store.keys import content_key
from jpegai_bench.system.devices import CPU, kind_of, prepare_device
from jpegai_bench.system.imports import locate

if TYPE_CHECKING:
    from jpegai_bench.codecs.checkpoints import Peer

AUTOREGRESSIVE = ("mbt2018", "mbt2018-vbr", "cheng2020-anchor", "cheng2020-attn")
ARCHITECTURES = (
    "bmshj2018-factorized",
    "bmshj2018-factorized-relu",
    "bmshj2018-hyperprior",
    "bmshj2018-hyperprior-vbr",
    "mbt2018-mean",
    "mbt2018-mean-vbr",
    "cheng2020-anchor-checkerboard",
    "elic2022-official",
    "elic2022-chandelier",
    *AUTOREGRESSIVE,
)
_VBR_LEVELS = 8
_MAGIC = b"CAI1"
_CRC = struct.Struct(">I")
_INTEGER, _BYTES, _SEQUENCE, _MAPPING = range(4)


@dataclass(frozen=True)
class CompressAI:
    """A CompressAI image model, RGB 8 bit, on one thread of the CPU or on a GPU.

    `quality` k is the k-th of the checkpoints, a whole number from 1. A `-vbr` model has one checkpoint: 1 to
    8 are its gains (CompressAI's s + 1), and real numbers between them are interpolated; a higher one means a
    higher rate. The bytes hold the model's own rANS strings and latent shape, width, height, quality, lengths
    and a CRC-32; all are counted. They decode exactly on the machine that wrote them; on another, floats that
    differ in a last digit can select other CDFs (CompressAI's issue 279). Autoregressive models are slow.
    """

    arch: str = ""
    """One of `ARCHITECTURES`, or `package.module.Class` of a `CompressionModel` of the user's."""
    checkpoint: str | tuple[str, ...] = ()
    """A file, or one a rate."""
    name: str = ""
    """Empty: `arch`, or the name of the user's class."""
    qualities: tuple[float, ...] = ()
    """What is measured where nothing else is asked for; empty: all checkpoints, or all 8 gains."""
    device: str = CPU
    """Where the network computes, as torch names it; symbols are range-coded on the CPU."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or (self.arch or "compressai").rpartition(".")[2])
        given: Any = self.checkpoint
        files = tuple(given or ()) if isinstance(given, list | tuple | None) else (given,)
        for file in files:
            if not isinstance(file, str | Path) or not str(file):
                raise BenchError(f"{self.name}: checkpoint is a file or a list of files, not {file!r}")
        if len(set(files)) < len(files):
            raise BenchError(f"{self.name}: checkpoint names a file twice; one file a rate is wanted")
        object.__setattr__(self, "checkpoint", tuple(str(Path(file).expanduser()) for file in files))
        count = _VBR_LEVELS if self._is_vbr else len(files)
        qualities = self.qualities or range(1, count + 1)
        object.__setattr__(self, "qualities", tuple(float(quality) for quality in qualities))

    @property
    def chroma(self) -> Chroma:
        """RGB is coded at full size."""
        return "4:4:4"

    def check(self) -> None:
        """Raises BenchError: no such file or device, or `arch` or `checkpoint` is not given or of no use."""
        self._require_files()
        if self.device != CPU:
            prepare_device(self.device)

    def _require_files(self) -> None:
        """Raises as `check`, but for the device: what is in a store is found without."""
        if not self.arch or not self.checkpoint:
            raise UsageError(
                f"{self.name}: needs the weights of a network: give arch=mbt2018-mean, or another of "
                "CompressAI's, and checkpoint=FILE or checkpoint=[FILE,FILE], one a rate"
            )
        path = self.arch.split(".")
        if self.arch not in ARCHITECTURES and not (len(path) > 1 and all(map(str.isidentifier, path))):
            names = ", ".join(ARCHITECTURES)
            raise UsageError(f"arch={self.arch}: choose one of {names}, or my_package.my_module.MyModel")
        if self._is_vbr and len(self.checkpoint) > 1:
            raise UsageError(f"{self.name}: one checkpoint has all rates, {len(self.checkpoint)} are given")
        for file in self.checkpoint:
            if not Path(file).is_file():
                raise BenchError(f"{self.name}: {file}: no such checkpoint; nothing is ever downloaded")

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]`.

        Sides are padded to multiples of 64 with black, half of it before, as CompressAI's evaluation does.

        Raises:
            BenchError: `quality` is out of range, the checkpoint cannot be loaded, or its network fails on
                this picture.
        """
        height, width = image.shape[:2]
        step = self._step(quality)
        with self._peer(step) as peer:
            body = _MAGIC + _pack((width, height, step, *peer.compress(image, step)))
        return Encoded(body + _CRC.pack(zlib.crc32(body, self._seed)))

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not of this codec, truncated, damaged, or written with other checkpoints.
        """
        # First of all: CompressAI's range decoder makes garbage of damaged bytes, or ends the process.
        body = data[: -_CRC.size]
        if not body.startswith(_MAGIC) or _CRC.pack(zlib.crc32(body, self._seed)) != data[-_CRC.size :]:
            raise BenchError(
                f"{self.name}: {len(data)} bytes are none of this codec, damaged, of other checkpoints, "
                "or of another device"
            )
        width, height, step, strings, shape = _unpack(body, len(_MAGIC))[0]
        if width * height > MAX_PIXELS:
            raise BenchError(f"{self.name}: {width}x{height} pixels are more than {MAX_PIXELS}")
        with self._peer(step) as peer:
            return peer.decompress(strings, shape, step, width, height)

    def describe(self) -> str:
        """One line for captions, as `CompressAI 1.2.8 mbt2018-mean, 4 checkpoints, RGB 4:4:4 8 bit`."""
        slow = ", autoregressive" if self.arch in AUTOREGRESSIVE else ""
        count = f", {len(self.checkpoint)} checkpoints" if len(self.checkpoint) > 1 else ""
        place = f", on {kind_of(self.device)}" if self.device != CPU else ""
        return f"CompressAI {version('compressai')} {self.arch}{slow}{count}, RGB {self.chroma} 8 bit{place}"

    def fingerprint(self) -> dict[str, str]:
        """Architecture, content of the checkpoints, versions, and a hash of this code and of a user's class.

        Raises:
            BenchError: as for `check`, or a user's class cannot be imported.
        """
        if "." in self.arch:
            self._class()
        code = code_hash([Path(__file__), Path(__file__).with_name("checkpoints.py")])
        return {
            "codec": "compressai",
            "settings": f"{self.arch} {self._seed:08x}",
            "checkpoints": " ".join(self._hashes),
            "compressai": version("compressai"),
            "torch": version("torch"),
            "source": content_key([code, reached([self.arch])]),
            **({"device": kind_of(self.device)} if self.device != CPU else {}),
        }

    @property
    def _is_vbr(self) -> bool:
        return self.arch.endswith("-vbr")

    @cached_property
    def _hashes(self) -> tuple[str, ...]:
        """SHA-256 of the files when first asked; other processes are to find the same."""
        self._require_files()
        try:
            return tuple(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in self.checkpoint)
        except OSError as error:
            raise BenchError(f"{self.name}: {error.filename}: cannot be read ({error.strerror})") from None

    @cached_property
    def _seed(self) -> int:
        """Starts the CRC, so that other weights or devices do not pass it, at no cost in bytes."""
        place = [] if self.device == CPU else [kind_of(self.device)]
        return zlib.crc32(" ".join((self.arch, *self._hashes, *place)).encode())

    def _step(self, quality: float) -> int:
        """A quality in thousandths."""
        self._require_files()
        highest = _VBR_LEVELS if self._is_vbr else len(self.checkpoint)
        if not 1 <= quality <= highest or (not self._is_vbr and quality != int(quality)):
            kind = "a real" if self._is_vbr else "a whole"
            raise BenchError(f"{self.name}: quality {quality:g} is not {kind} number from 1 to {highest}")
        return round(1000 * quality)

    def _class(self) -> Any:
        """The model's class, CompressAI's or the user's."""
        from jpegai_bench.codecs.compressai_models import MODELS

        if "." not in self.arch:
            if self.arch not in MODELS:
                raise BenchError(f"arch={self.arch}: CompressAI {version('compressai')} has none")
            return MODELS[self.arch]
        found: Any = locate(self.arch, "arch")
        wanted = ("from_state_dict", "update", "compress", "decompress")
        missing = [method for method in wanted if not callable(getattr(found, method, None))]
        if missing or not isinstance(found, type):
            lack = f", it has no {', '.join(missing)}" if missing else ""
            raise BenchError(f"arch={self.arch}: no class such as CompressAI's models{lack}")
        return found

    @contextmanager
    def _peer(self, step: int) -> Iterator["Peer"]:
        """The network of a quality; errors in the block are said to be this codec's."""
        from jpegai_bench.codecs import checkpoints

        index = 0 if self._is_vbr else step // 1000 - 1
        try:
            path = Path(self.checkpoint[index])
            yield checkpoints.peer(self._class(), path, self._hashes[index], self._is_vbr, self.device)
        except BenchError as error:
            raise BenchError(f"{self.name}: {error}") from None


def _pack(item: Any) -> bytes:
    """Nested sequences and mappings of bytes and sizes: before each item its kind and its value or length."""
    if isinstance(item, bytes):
        return _head(_BYTES, len(item)) + item
    if isinstance(item, list | tuple):
        return _head(_SEQUENCE, len(item)) + b"".join(map(_pack, item))
    if isinstance(item, Mapping):
        pairs = (_pack(str(key).encode()) + _pack(value) for key, value in item.items())
        return _head(_MAPPING, len(item)) + b"".join(pairs)
    if isinstance(item, int) and item >= 0:
        return _head(_INTEGER, item)
    raise BenchError(f"compress() must return bytes and sizes, not {type(item).__name__} {str(item)[:40]}")


def _head(kind: int, value: int) -> bytes:
    """Kind in the lowest 2 bits, then the value; 7 bits a byte, lowest first."""
    rest, out = value << 2 | kind, bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def _unpack(data: bytes, position: int) -> tuple[Any, int]:
    """The item that begins at `position` of bytes whose checksum is right, and where it ends.

    Sizes come back as a tuple, as the shape that a model gave, other sequences as a list.
    """
    head = shift = 0
    while True:
        byte = data[position]
        position += 1
        head |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    kind, value = head & 3, head >> 2
    if kind == _INTEGER:
        return value, position
    if kind == _BYTES:
        return data[position : position + value], position + value
    items = []
    for _ in range(value * (2 if kind == _MAPPING else 1)):
        item, position = _unpack(data, position)
        items.append(item)
    if kind == _MAPPING:
        return dict(zip((key.decode() for key in items[::2]), items[1::2], strict=True)), position
    return tuple(items) if all(isinstance(item, int) for item in items) else items, position
