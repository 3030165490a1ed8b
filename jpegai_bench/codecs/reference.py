"""The reference software of VVC and HEVC, VTM and HM, which the user has built."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jpegai_bench.codecs import planes, program
from jpegai_bench.codecs.planes import CHROMAS, Chroma
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError, one_of
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images import color
from jpegai_bench.images.read import Image8

_BITS = 10
_SIZE = struct.Struct(">HH")


@dataclass(frozen=True)
class _Software:
    """A reference software: what its programs and files are called."""

    title: str
    encoders: tuple[str, ...]
    """Names that builds give it; `decoders` likewise."""
    decoders: tuple[str, ...]
    banner: str
    """What its encoder calls itself: group 1 is the version."""
    configs: dict[Chroma, str]
    """Its own all-intra configuration."""
    highest: int
    """QPs are whole numbers from 0."""
    qualities: tuple[float, ...]


_SOFTWARE = {
    "vtm": _Software(
        title="VTM",
        encoders=("EncoderAppStatic", "EncoderApp"),
        decoders=("DecoderAppStatic", "DecoderApp"),
        banner=r"VTM Encoder Version (\S+)",
        configs={"4:2:0": "encoder_intra_vtm.cfg", "4:4:4": "encoder_intra_vtm.cfg"},
        highest=63,
        qualities=(17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 47.0, 52.0),
    ),
    "hm": _Software(
        title="HM",
        encoders=("TAppEncoderStatic", "TAppEncoder"),
        decoders=("TAppDecoderStatic", "TAppDecoder"),
        banner=r"HM software: Encoder Version \[([^]]+)\]",
        configs={"4:2:0": "encoder_intra_main10.cfg", "4:4:4": "encoder_intra_main_rext.cfg"},
        highest=51,
        qualities=(17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 46.0, 51.0),
    ),
}


@dataclass(frozen=True)
class ReferenceSoftware:
    """VTM or HM on still pictures: its own intra configuration, 10 bit, BT.709 full range, one picture.

    `quality` is the QP, a whole number (VTM 0 to 63, HM 0 to 51); a higher one means a lower rate. The bytes
    are 4 of our own (width and height, 16 bits each, big-endian), as planes do not tell their size, and the
    bitstream as the encoder wrote it; all are counted. Odd sizes are padded by repeating the edge and cropped
    after decoding; to the size of coding blocks the encoder pads by itself.
    """

    format: Literal["vtm", "hm"]
    name: str = ""
    """Empty: the format's, with `_444` for 4:4:4."""
    encoder: str = ""
    """Name or path of the encoder; empty: as builds call it, on PATH."""
    decoder: str = ""
    """Of the decoder; empty: as builds call it, beside the encoder or on PATH."""
    config: str | Sequence[str] = ()
    """One or several configuration files; empty: the software's own, in `cfg/` above the encoder."""
    options: Sequence[str] = ()
    """Further words for the encoder's command line, as `--Level=6.2`."""
    chroma: Chroma = "4:2:0"
    qualities: tuple[float, ...] = ()
    """What is measured where nothing else is asked for; empty: 0.06 to 1 bpp and beyond on Kodak's."""
    timeout: float = 86400.0
    """Seconds after which one encoding or decoding is taken to hang; pictures of 40 megapixels take hours."""

    def __post_init__(self) -> None:
        one_of("format", self.format, tuple(_SOFTWARE))
        name = self.format + ("_444" if self.chroma == "4:4:4" else "")
        object.__setattr__(self, "name", self.name or name)
        files = [self.config] if isinstance(self.config, str) else self.config
        object.__setattr__(self, "config", tuple(str(Path(file).expanduser().absolute()) for file in files))
        object.__setattr__(self, "options", tuple(map(str, self.options)))
        object.__setattr__(self, "qualities", tuple(self.qualities) or self._own.qualities)
        one_of(f"{self.name}: chroma", self.chroma, CHROMAS)

    def check(self) -> None:
        """Raises BenchError: a program or the configuration is missing, or the encoder is another one."""
        self._decoder()
        self._configs()
        self._version()

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at QP `quality`.

        Raises:
            BenchError: `quality` is no QP, the picture is too large, or the encoder is missing, fails, hangs
                or writes nothing.
        """
        own = self._own
        if quality not in range(own.highest + 1):
            raise BenchError(
                f"{self.name}: quality {quality:g} is no QP; give a whole number from 0 to {own.highest}"
            )
        height, width = image.shape[:2]
        if max(height, width) > 0xFFFF:
            raise BenchError(f"{self.name}: {width}x{height} pixels; a side may have at most 65535")
        padded = planes.pad(image, 1)
        doing = f"{self.name}: encoding {width}x{height} at QP {quality:g}"
        with program.workplace(doing) as folder:
            (folder / "input.yuv").write_bytes(planes.to_planes(padded, self.chroma, _BITS))
            configs = [word for path in self._configs() for word in ("-c", path)]
            files = ["-i", "input.yuv", "-b", "coded.bin", "-o", "/dev/null"]
            size = ["-wdt", str(padded.shape[1]), "-hgt", str(padded.shape[0])]
            command = [self._encoder(), *configs, *files, *size, "-q", str(int(quality)), *self._settings()]
            stream = program.make(command, folder / "coded.bin", self.timeout, doing)
        return Encoded(_SIZE.pack(width, height) + stream)

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not what `encode` wrote, or the decoder is missing, fails or hangs.
        """
        if len(data) <= _SIZE.size or 0 in _SIZE.unpack_from(data):
            raise BenchError(f"{self.name}: {len(data)} bytes are no picture")
        width, height = _SIZE.unpack_from(data)
        doing = f"{self.name}: decoding {width}x{height}"
        with program.workplace(doing) as folder:
            (folder / "coded.bin").write_bytes(data[_SIZE.size :])
            command = [self._decoder(), "-b", "coded.bin", "-o", "output.yuv", "-d", str(_BITS)]
            raw = program.make(command, folder / "output.yuv", self.timeout, doing)
        high, wide = planes.padded(height, 1), planes.padded(width, 1)
        if len(raw) != planes.size_of(high, wide, self.chroma, _BITS):
            raise BenchError(f"{doing}: the stream holds a picture of another size; it is damaged")
        return planes.from_planes(raw, high, wide, self.chroma, _BITS)[:height, :width]

    def fingerprint(self) -> dict[str, str]:
        """Settings, version, contents of the programs and configuration files, and of our own source."""
        return {
            "codec": self.format,
            "settings": " ".join([self.chroma, *self._settings()]),
            "version": self._version(),
            "config": " ".join(map(program.content_hash, self._configs())),
            "programs": " ".join(map(program.content_hash, (self._encoder(), self._decoder()))),
            "source": code_hash([__file__, program.__file__, planes.__file__, color.__file__]),
        }

    def describe(self) -> str:
        """One line for captions, as `VTM 11.1 encoder_intra_vtm.cfg, 4:2:0 10 bit`."""
        words = [self._own.title, self._version(), *(Path(path).name for path in self._configs())]
        return f"{' '.join([*words, *self.options])}, {self.chroma} {_BITS} bit"

    @property
    def _own(self) -> _Software:
        return _SOFTWARE[self.format]

    def _settings(self) -> list[str]:
        chroma = self.chroma.replace(":", "")
        return [
            *("-f", "1", "-fr", "1"),
            *(f"--{which}BitDepth={_BITS}" for which in ("Input", "Internal", "Output")),
            *(f"--{which}={chroma}" for which in ("InputChromaFormat", "ChromaFormatIDC")),
            "--ConformanceWindowMode=1",
            *self.options,
        ]

    def _encoder(self) -> str:
        return self._found("encoder", [self.encoder] if self.encoder else self._own.encoders)

    def _decoder(self) -> str:
        if self.decoder:
            return self._found("decoder", [self.decoder])
        beside = [Path(self._encoder()).with_name(name) for name in self._own.decoders]
        return self._found(
            "decoder", [*(str(path) for path in beside if path.is_file()), *self._own.decoders]
        )

    def _found(self, setting: str, names: Sequence[str]) -> str:
        advice = f"build {self._own.title} and give anchor.{self.name}.{setting}=PATH"
        return program.find(names, self.name, advice)

    def _configs(self) -> list[str]:
        """The configuration files.

        Raises:
            BenchError: there is none.
        """
        advice = f"give anchor.{self.name}.config=PATH, of a file in cfg/ of {self._own.title}'s source"
        for path in self.config:
            if not Path(path).is_file():
                raise BenchError(f"{self.name}: there is no configuration {path}; {advice}")
        if self.config:
            return list(self.config)
        wanted = self._own.configs[self.chroma]
        for folder in Path(self._encoder()).resolve().parents:
            if (found := folder / "cfg" / wanted).is_file():
                return [str(found)]
        raise BenchError(f"{self.name}: no cfg/{wanted} above {self._encoder()}; {advice}")

    def _version(self) -> str:
        """As the encoder tells it.

        Raises:
            BenchError: it tells of another software.
        """
        encoder = self._encoder()
        doing = f"{self.name}: asking for the version"
        # The exit status of --help is 1.
        _, told = program.says((encoder, "--help"), program.content_hash(encoder), doing)
        if not (found := re.search(self._own.banner, told)):
            first = next(filter(str.strip, told.splitlines()), "nothing").strip()[:80]
            raise BenchError(f"{self.name}: {encoder} is no encoder of {self._own.title} (it says: {first})")
        return found[1]
