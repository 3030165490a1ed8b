"""Anybody's codec, by two command lines."""

import io
import math
import os
import shlex
import string
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from jpegai_bench.codecs import planes, program
from jpegai_bench.codecs.planes import CHROMAS, Chroma
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError, one_of
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images import color
from jpegai_bench.images.read import Image8, read_rgb

_FORMATS: dict[str, tuple[Chroma, int]] = {
    "png": ("4:4:4", 8),
    "ppm": ("4:4:4", 8),
    "yuv420p": ("4:2:0", 8),
    "yuv444p": ("4:4:4", 8),
    "yuv420p10": ("4:2:0", 10),
    "yuv444p10": ("4:4:4", 10),
}
_PICTURES = ("png", "ppm")
_SIZE = struct.Struct(">HH")


class Command:
    """A codec that is a program or two: one codes a picture file, one decodes what the first wrote.

    `quality` is the program's own scale. The bytes are the file that the encoder writes, less `overhead`;
    where a side is raw planes, 4 of our own come before (width and height, 16 bits each, big-endian). All are
    counted. With a side in 4:2:0, pictures of odd size are padded by repeating the edge, and cropped later.
    """

    def __init__(
        self,
        *,
        encode: str,
        decode: str,
        qualities: Sequence[float],
        name: str = "command",
        input: str = "png",
        output: str = "png",
        suffix: str = "bin",
        quality: Sequence[float] | None = None,
        overhead: str = "",
        version: str = "",
        chroma: str = "",
        timeout: float = 3600.0,
    ) -> None:
        """Check the settings; no program is run yet.

        Args:
            encode: a command line with `{input}`, `{output}` and `{quality}`; `{width}` and `{height}` are
                those of what the program is given. Words are quoted as in a shell, but there is none. It runs
                in a temporary folder: words that name a file or folder from here are made absolute.
            decode: likewise, with `{input}` and `{output}`; size only where a side is raw planes.
            qualities: what is measured where nothing else is asked for.
            name: label in tables and plots.
            input: what the encoder is given: `png` or `ppm`, 8-bit RGB; `yuv420p`, `yuv444p`, `yuv420p10` or
                `yuv444p10`, raw planes Y, U, V, BT.709, full range, the latter two with 16-bit little-endian
                samples.
            output: what the decoder writes, likewise.
            suffix: of the coded file.
            quality: lowest and highest that make sense; None: no limits.
            overhead: in hexadecimal, bytes that each coded file begins with, as a container's, and that are
                not counted: they are cut off, and put back before decoding.
            version: a command whose first line tells the version.
            chroma: what captions call the codec, `4:2:0` or `4:4:4`; empty: as the input, RGB being 4:4:4.
            timeout: seconds after which one encoding or decoding is taken to hang.

        Raises:
            BenchError: a setting that makes no sense.
        """
        one_of(f"{name}: input", input, tuple(_FORMATS))
        one_of(f"{name}: output", output, tuple(_FORMATS))
        self.name, self.input, self.output, self.suffix = name, input, output, suffix
        self.chroma = chroma or _FORMATS[input][0]
        one_of(f"{name}: chroma", self.chroma, CHROMAS)
        self.pads = "4:2:0" in (_FORMATS[input][0], _FORMATS[output][0])
        self.holds_size = self.pads or output not in _PICTURES
        size = ("width", "height")
        self.encoder = _words(f"{name}: encode", encode, ("input", "output", "quality"), size)
        self.decoder = _words(f"{name}: decode", decode, ("input", "output"), size if self.holds_size else ())
        self.version = _words(f"{name}: version", version, (), ()) if version else ()
        self.overhead = _bytes(f"{name}: overhead", overhead)
        self.range = _limits(f"{name}: quality", quality)
        self.qualities = tuple(float(one) for one in qualities)
        for one in self.qualities:
            self._check_quality(one)
        self.timeout = timeout

    def check(self) -> None:
        """Raises BenchError: a program is missing."""
        for words in filter(None, (self.encoder, self.decoder, self.version)):
            self._program(words)

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at the program's `quality`.

        Raises:
            BenchError: `quality` is out of range, the picture is too large, or the program is missing, fails,
                hangs, or writes nothing.
        """
        self._check_quality(quality)
        height, width = image.shape[:2]
        if self.holds_size and max(height, width) > 0xFFFF:
            raise BenchError(f"{self.name}: {width}x{height} pixels; a side may have at most 65535")
        doing = f"{self.name}: encoding {width}x{height} at quality {quality:g}"
        given = planes.pad(image, 1) if self.pads else image
        with program.workplace(doing) as folder:
            source, made = folder / f"input.{_suffix(self.input)}", folder / f"coded.{self.suffix}"
            _write(source, given, self.input)
            values = {"input": source, "output": made, "quality": _told(quality)}
            command = self._command(self.encoder, values, *given.shape[:2])
            data = program.make(command, made, self.timeout, doing)
        if not data.startswith(self.overhead):
            start = data[: len(self.overhead)].hex()
            raise BenchError(f"{doing}: the file begins with {start}, not with the overhead given")
        ours = _SIZE.pack(width, height) if self.holds_size else b""
        return Encoded(ours + data[len(self.overhead) :])

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: the program is missing, fails, hangs, or writes nothing, or no picture, or one of
                another size than was coded.
        """
        doing = f"{self.name}: decoding {len(data)} bytes"
        width = height = high = wide = 0
        if self.holds_size:
            if len(data) <= _SIZE.size or 0 in _SIZE.unpack_from(data):
                raise BenchError(f"{self.name}: {len(data)} bytes are no picture")
            width, height = _SIZE.unpack_from(data)
            data = data[_SIZE.size :]
            high, wide = (planes.padded(side, 1) if self.pads else side for side in (height, width))
        with program.workplace(doing) as folder:
            source, made = folder / f"coded.{self.suffix}", folder / f"output.{_suffix(self.output)}"
            source.write_bytes(self.overhead + data)
            command = self._command(self.decoder, {"input": source, "output": made}, high, wide)
            picture = program.make(command, made, self.timeout, doing)
            if self.output in _PICTURES:
                decoded = _read(made, doing)
                if self.holds_size and decoded.shape != (high, wide, 3):
                    size = f"{decoded.shape[1]}x{decoded.shape[0]}"
                    raise BenchError(f"{doing}: {size} pixels came out, {wide}x{high} went in")
                return decoded[:height, :width] if self.holds_size else decoded
        chroma, bits = _FORMATS[self.output]
        if len(picture) != (expected := planes.size_of(high, wide, chroma, bits)):
            size = f"{wide}x{high} in {self.output}"
            raise BenchError(f"{doing}: {len(picture)} bytes came out; a picture of {size} has {expected}")
        return planes.from_planes(picture, high, wide, chroma, bits)[:height, :width]

    def fingerprint(self) -> dict[str, str]:
        """Command lines, version, contents of every program and file that they name, and of our source."""
        commands = " | ".join(map(" ".join, (self.encoder, self.decoder)))
        given = [self.input, self.output, self.chroma, self.overhead.hex()]
        named = {path for words in (self.encoder, self.decoder) for path in self._files(words)}
        return {
            "codec": "command",
            "settings": " ".join(filter(None, [commands, *given])),
            "version": self._version(),
            "files": " ".join(f"{path}={program.content_hash(path)}" for path in sorted(named)),
            "source": code_hash([__file__, program.__file__, planes.__file__, color.__file__]),
        }

    def describe(self) -> str:
        """One line for captions, as `cjxl v0.7.0, -q Q -e 7, 4:4:4 8 bit`."""
        left_out = ("{input}", "{output}", "-o", "-i", "--")
        words = (word.replace("{quality}", "Q") for word in self.encoder[1:] if word not in left_out)
        own, version = Path(self.encoder[0]).name, self._version().split(" [")[0]
        parts = [version if own in version else f"{own} {version}".strip(), " ".join(words)]
        parts.append(f"{self.chroma} {_FORMATS[self.input][1]} bit")
        if self.overhead:
            parts.append(f"{len(self.overhead)} bytes of container not counted")
        return ", ".join(filter(None, parts))

    def _check_quality(self, quality: float) -> None:
        low, high = self.range
        if not (low <= quality <= high and math.isfinite(quality)):
            limits = f"from {low:g} to {high:g}" if math.isfinite(low) else "that is finite"
            raise BenchError(f"{self.name}: quality {quality:g} is not a number {limits}")

    def _program(self, words: Sequence[str]) -> str:
        return program.find(words[:1], self.name, "install it, or give its path in the command line")

    def _command(self, words: Sequence[str], values: dict[str, object], height: int, width: int) -> list[str]:
        filled = [word.format(**values, width=width, height=height) for word in words[1:]]
        return [self._program(words), *filled]

    def _files(self, words: Sequence[str]) -> list[str]:
        """The program, and the other files that a command line names."""
        named = (word.rpartition("=")[2] for word in words[1:])
        return [
            self._program(words),
            *(word for word in named if os.path.isabs(word) and os.path.isfile(word)),
        ]

    def _version(self) -> str:
        if not self.version:
            return ""
        command = (self._program(self.version), *self.version[1:])
        doing = f"{self.name}: asking for the version"
        status, told = program.says(command, program.content_hash(command[0]), doing)
        lines = [line.strip() for line in told.splitlines() if line.strip()]
        if status or not lines:
            raise BenchError(
                f"{doing}: `{shlex.join(self.version)}` failed ({' '.join(lines[-1:]) or status})"
            )
        return lines[0][:200]


def _words(where: str, command: str, needed: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line, its placeholders checked, and paths in it made absolute."""
    try:
        words = shlex.split(command)
        fields = {
            part[1:] for word in words for part in string.Formatter().parse(word) if part[1] is not None
        }
    except (ValueError, AttributeError) as error:
        raise BenchError(f"{where}: {command!r} is no command line ({error})") from None
    if not words:
        raise BenchError(f"{where}: give a command line")
    places = [*needed, *allowed]
    for field, layout, conversion in sorted(fields, key=str):
        if field not in places or layout or conversion:
            there = ", ".join(f"{{{place}}}" for place in places) or "none"
            raise BenchError(f"{where}: unknown placeholder {{{field}}}; there are {there} ({{{{ is a brace)")
    if missing := [place for place in needed if place not in {field for field, *_ in fields}]:
        raise BenchError(f"{where}: needs {{{missing[0]}}} somewhere in {command!r}")
    return (words[0] if os.sep not in words[0] else _absolute(words[0]), *map(_absolute, words[1:]))


def _absolute(word: str) -> str:
    """A word that names something from the current folder, as it must be told elsewhere."""
    before, equals, last = word.rpartition("=")
    path = os.path.expanduser(last)
    # With neither a dot nor a slash it is rather a value, by chance the name of a file too.
    if ("." in path or os.sep in path) and os.path.exists(path):
        return f"{before}{equals}{os.path.abspath(path)}"
    return word


def _bytes(where: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError):
        raise BenchError(f"{where}: {text!r} is not bytes in hexadecimal; put them in quotes") from None


def _limits(where: str, limits: Sequence[float] | None) -> tuple[float, float]:
    if limits is None:
        return (-math.inf, math.inf)
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not low <= high:
        raise BenchError(f"{where}: {limits} is no range; give the lowest and the highest, as [0,100]")
    return low, high


def _told(quality: float) -> str:
    """Without the `.0` that programs with whole numbers refuse."""
    return str(int(quality)) if quality == int(quality) else repr(float(quality))


def _suffix(kind: str) -> str:
    return kind if kind in _PICTURES else "yuv"


def _write(path: Path, image: Image8, kind: str) -> None:
    if kind not in _PICTURES:
        path.write_bytes(planes.to_planes(image, *_FORMATS[kind]))
        return
    # Not straight to the file: on a full disk Pillow may lose the end of it without a word.
    file = io.BytesIO()
    Image.fromarray(image).save(file, format=kind, **({"compress_level": 1} if kind == "png" else {}))
    path.write_bytes(file.getvalue())


def _read(path: Path, doing: str) -> Image8:
    try:
        return read_rgb(path)
    except BenchError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise BenchError(f"{doing}: what came out cannot be read ({reason})") from None
