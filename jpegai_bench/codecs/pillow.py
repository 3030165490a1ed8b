"""Conventional codecs through Pillow: JPEG, JPEG 2000, WebP, AVIF."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import PIL
from PIL import Image, features

from jpegai_bench.codecs import bt601, ijg
from jpegai_bench.codecs.planes import CHROMAS, Chroma
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError, one_of
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images.read import MAX_PIXELS, Image8


@dataclass(frozen=True)
class _Format:
    """A format of Pillow's, and what is asked of it."""

    pillow: str
    """As Pillow calls it."""
    feature: str
    """What Pillow must have been built with."""
    library: str
    """As Pillow's `features` calls it."""
    title: str
    """The library's own name."""
    chromas: tuple[Chroma, ...]
    lowest: float
    highest: float
    whole: bool
    """Whether `quality` is a whole number."""
    qualities: tuple[float, ...]
    """The Kodak photographs' 0.06 to 1 bpp, as far as the codec goes."""
    options: dict[str, Any]
    """Of Pillow's `save`, besides quality and chroma."""
    arguments: Callable[[float, Chroma, int], dict[str, Any]]
    """Of Pillow's `save`, by quality, chroma and shortest side."""


def _quality(quality: float, chroma: Chroma, side: int) -> dict[str, Any]:
    return {"quality": int(quality)}


def _sampled(quality: float, chroma: Chroma, side: int) -> dict[str, Any]:
    return {"quality": int(quality), "subsampling": chroma}


def _rate(bpp: float, chroma: Chroma, side: int) -> dict[str, Any]:
    # OpenJPEG refuses more resolutions than the shortest side can be halved.
    return {"quality_layers": [24 / bpp], "num_resolutions": min(6, int(math.log2(side)) + 1)}


# Options that a caption leaves out.
_PLUMBING = ("max_threads", "no_jp2", "quality_mode", "irreversible", "mct")

_FORMATS = {
    "jpeg": _Format(
        pillow="JPEG",
        feature="jpg",
        library="libjpeg_turbo",
        title="libjpeg-turbo",
        chromas=CHROMAS,
        lowest=1,
        highest=95,
        whole=True,
        qualities=(4.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 75.0, 88.0),
        options={},
        arguments=_sampled,
    ),
    "jpeg2000": _Format(
        pillow="JPEG2000",
        feature="jpg_2000",
        library="jpg_2000",
        title="OpenJPEG",
        chromas=("4:4:4",),
        lowest=0.001,
        highest=24,
        whole=False,
        qualities=(0.04, 0.06, 0.09, 0.12, 0.18, 0.25, 0.37, 0.5, 0.75, 1.0, 1.5),
        # mct, the colour transform, is off in Pillow unless asked for, which costs 3 dB and more.
        options={"irreversible": True, "mct": 1, "quality_mode": "rates", "no_jp2": True},
        arguments=_rate,
    ),
    "webp": _Format(
        pillow="WEBP",
        feature="webp",
        library="webp",
        title="libwebp",
        chromas=("4:2:0",),
        lowest=0,
        highest=100,
        whole=True,
        qualities=(0.0, 1.0, 3.0, 7.0, 14.0, 25.0, 40.0, 60.0, 78.0, 90.0),
        options={"method": 6},
        arguments=_quality,
    ),
    "avif": _Format(
        pillow="AVIF",
        feature="avif",
        library="avif",
        title="libavif",
        chromas=CHROMAS,
        lowest=0,
        highest=100,
        whole=True,
        qualities=(0.0, 8.0, 15.0, 24.0, 34.0, 46.0, 58.0, 70.0, 82.0),
        options={"codec": "aom", "speed": 4, "max_threads": 1},
        arguments=_sampled,
    ),
}


@dataclass(frozen=True)
class Pillow:
    """A still-picture codec of Pillow's, 8 bit.

    `quality` is the library's own, a higher one means a higher rate: JPEG 1 to 95, WebP and AVIF 0 to 100,
    whole numbers; JPEG 2000 the rate in bpp, which its encoder meets or stays just below. The bytes are what
    a decoder needs, all counted: of JPEG, WebP and AVIF the whole file, of JPEG 2000 the bare codestream.
    """

    format: Literal["jpeg", "jpeg2000", "webp", "avif"]
    name: str = ""
    """Empty: the format's, with `_444` where 4:4:4 is chosen of two."""
    chroma: Chroma | None = None
    """None: 4:2:0, which only JPEG and AVIF leave open; of JPEG 2000 4:4:4."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of Pillow's `save`, as `optimize: true` for JPEG or `speed: 0` for AVIF."""
    upsampling: Literal["", "ijg"] = ""
    """Of JPEG's halved chroma: empty, as libjpeg-turbo does it; `ijg`, as IJG's libjpeg from version 7 on."""
    conversion: Literal["", "bt601"] = ""
    """`bt601`: JPEG 2000 codes 8-bit limited-range YCbCr of BT.601, as ffmpeg gives it, and not RGB."""
    qualities: tuple[float, ...] = ()
    """What is measured where nothing else is asked for; empty: the format's."""

    def __post_init__(self) -> None:
        one_of("format", self.format, tuple(_FORMATS))
        own = _FORMATS[self.format]
        chroma = self.chroma or own.chromas[0]
        name = self.format + ("_444" if chroma != own.chromas[0] else "")
        object.__setattr__(self, "chroma", chroma)
        object.__setattr__(self, "name", self.name or name)
        object.__setattr__(self, "qualities", tuple(self.qualities) or own.qualities)
        object.__setattr__(self, "options", {**own.options, **self.options})
        one_of(f"{self.name}: chroma", chroma, own.chromas)
        one_of(f"{self.name}: upsampling", self.upsampling, ("", "ijg"))
        one_of(f"{self.name}: conversion", self.conversion, ("", "bt601"))
        sequential = self.format == "jpeg" and chroma == "4:2:0" and not self.options.get("progressive")
        if self.upsampling and not sequential:
            raise BenchError(f"{self.name}: upsampling={self.upsampling} is for sequential JPEG of 4:2:0")
        if self.conversion and (self.format != "jpeg2000" or self.options["mct"]):
            raise BenchError(f"{self.name}: conversion={self.conversion} is for JPEG 2000 with options.mct=0")
        for quality in self.qualities:
            self._check_quality(quality)

    def check(self) -> None:
        """Raises BenchError: this Pillow was built without the format."""
        if not features.check(self._own.feature):
            raise BenchError(
                f"{self.name}: Pillow {PIL.__version__} cannot write {self._own.pillow}; "
                "pip install --upgrade 'pillow>=11.3'"
            )

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at the library's `quality`.

        Raises:
            BenchError: `quality` is out of range, or the picture or an option is none for this format.
        """
        own, (height, width) = self._own, image.shape[:2]
        self._check_quality(quality)
        assert self.chroma is not None
        file = io.BytesIO()
        if self.conversion:
            image = bt601.to_ycbcr(image, limited=True)
        try:
            arguments = own.arguments(quality, self.chroma, min(height, width)) | self.options
            Image.fromarray(image).save(file, format=own.pillow, **arguments)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BenchError(f"{self.name}: {width}x{height} pixels cannot be coded ({error})") from None
        return Encoded(file.getvalue())

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not a file of this format, or a damaged one.
        """
        kind = self._own.pillow
        try:
            with Image.open(io.BytesIO(data), formats=[kind]) as picture:
                if picture.mode != "RGB" or picture.width * picture.height > MAX_PIXELS:
                    size = f"{picture.width}x{picture.height}"
                    raise BenchError(f"{self.name}: {size} {picture.mode} is none of ours")
                picture.load()
                decoded = np.array(picture, dtype=np.uint8)
            if self.upsampling:
                return ijg.decode(data)
            return bt601.to_rgb(decoded, limited=True) if self.conversion else decoded
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise BenchError(
                f"{self.name}: {len(data)} bytes are no {kind} file, or a damaged one ({error})"
            ) from None

    def describe(self) -> str:
        """One line for captions, as `Pillow 13.0.0 (libwebp 1.6.0) method=6, 4:2:0 8 bit`."""
        shown = (f"{key}={value}" for key, value in self.options.items() if key not in _PLUMBING)
        settings = "".join(f" {word}" for word in shown)
        library = f"Pillow {PIL.__version__} ({self._own.title} {self._version}){settings}"
        return ", ".join([library, f"{self.chroma} 8 bit", *self._differs()])

    def fingerprint(self) -> dict[str, str]:
        """Settings, versions of Pillow and the library, and a hash of this file."""
        options = sorted((key, value) for key, value in self.options.items() if key != "max_threads")
        own = [(key, value) for key in ("upsampling", "conversion") if (value := getattr(self, key))]
        files = [__file__]
        if own:
            files += [bt601.__file__, *([ijg.__file__] if self.upsampling else [])]
        return {
            "codec": self.format,
            "settings": " ".join([str(self.chroma), *(f"{key}={value}" for key, value in options + own)]),
            "pillow": PIL.__version__,
            "library": self._version,
            "source": code_hash(files),
        }

    def _check_quality(self, quality: float) -> None:
        own = self._own
        fits = own.lowest <= quality <= own.highest
        if not fits or (own.whole and quality != int(quality)):
            kind = "a whole number" if own.whole else "a rate in bpp"
            raise BenchError(
                f"{self.name}: quality {quality:g} is not {kind} from {own.lowest:g} to {own.highest:g}"
            )

    def _differs(self) -> list[str]:
        """What is not as the format has it by default."""
        told = []
        if self.upsampling:
            told.append("chroma enlarged as by IJG's libjpeg 9")
        if self.options.get("irreversible") is False:
            told.append("5/3 wavelet")
        if self.conversion:
            told.append("behind limited-range YCbCr of BT.601")
        return told

    @property
    def _own(self) -> _Format:
        return _FORMATS[self.format]

    @property
    def _version(self) -> str:
        library = self._own.library
        found = (
            features.version_feature(library) if library in features.features else features.version(library)
        )
        return found or features.version(self._own.feature) or "unknown"
