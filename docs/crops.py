"""Crops of photographs beside each other: the original, two variants, VVC and JPEG at equal rate.

    python docs/crops.py docs/crops.png dataset=kodak

Nothing in it is chosen by taste: the first, the middle and the last picture of the data set, the square of
160 samples in its middle. Variants meet 0.12 and 0.25 bpp; of VVC and JPEG it is the quality whose rate is
nearest to that of the first variant. Further words are settings of `run`. Rates and MS-SSIM are of the whole
pictures.
"""

import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jpegai_bench import Reference
from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.protocol import Codec
from jpegai_bench.codecs.rates import nearest_quality
from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.config.composition import composed
from jpegai_bench.config.variants import packaged_variant
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.images.read import Image8
from jpegai_bench.runner.inputs import anchor_codecs, images, learned_codec
from jpegai_bench.system.files import make_folder, write_bytes
from jpegai_bench.system.progress import progress

VARIANTS = ("base", "combined")
ANCHORS = {"vvc": range(24, 57), "jpeg": range(1, 96)}
"""Codecs, and the qualities that are tried."""
TARGETS = (0.12, 0.25)
"""In bpp."""
SIDE = 160
"""Of a crop, in samples, each a pixel of the figure."""
GAP, HEAD, FOOT = 6, 22, 36
"""Between crops, above a row and below a crop, in pixels."""


@dataclass(frozen=True)
class Coded:
    """A picture as a codec has it."""

    codec: str
    decoded: Image8
    bpp: float = math.inf
    """Infinite of the original."""
    ms_ssim: float = 1.0


def chosen(pictures: Sequence[ImageFile]) -> list[ImageFile]:
    """The first, the middle and the last, each once."""
    numbers = (0, len(pictures) // 2, len(pictures) - 1)
    return [pictures[number] for number in dict.fromkeys(numbers)]


def middle(picture: Image8) -> Image8:
    """The square of `SIDE` in the middle of `[H, W, 3]`, smaller where the picture is."""
    height, width = picture.shape[:2]
    top, left = max(0, height - SIDE) // 2, max(0, width - SIDE) // 2
    return picture[top : top + SIDE, left : left + SIDE]


def at_equal_rates(
    picture: Image8, variants: Sequence[LearnedCodec], anchors: Sequence[Codec]
) -> list[list[Coded]]:
    """For each of `TARGETS` the original, then what each codec makes of `[H, W, 3]`."""
    reference = Reference(picture, only=["ms_ssim"])
    encoders = {codec.name: cache(partial(codec.encode, picture)) for codec in (*variants, *anchors)}

    def rate(name: str, quality: float) -> float:
        return 8 * len(encoders[name](quality).data) / (picture.shape[0] * picture.shape[1])

    def coded(codec: Codec, quality: float) -> Coded:
        decoded = codec.decode(encoders[codec.name](quality).data)
        score = reference.compare(decoded).values["ms_ssim"]
        return Coded(codec.name, decoded, rate(codec.name, quality), score)

    rows = []
    for qualities in zip(*(codec.qualities_for(picture, TARGETS) for codec in variants), strict=True):
        row = [coded(codec, quality) for codec, quality in zip(variants, qualities, strict=True)]
        for codec in anchors:
            rate_of = partial(rate, codec.name)
            row.append(coded(codec, nearest_quality(ANCHORS[codec.name], rate_of, row[0].bpp)))
        rows.append([Coded("original", picture), *row])
    return rows


def figure(rows: Sequence[tuple[str, Sequence[Coded]]]) -> Image.Image:
    """Crops of each row beside each other, its title above, codec, rate and MS-SSIM below each."""
    width, height = GAP + SIDE, HEAD + SIDE + FOOT
    sheet = Image.new("RGB", (GAP + width * len(rows[0][1]), height * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font, bold = ImageFont.load_default(12), ImageFont.load_default(14)
    for row, (title, pictures) in enumerate(rows):
        draw.text((GAP, row * height + 3), title, "black", bold)
        for column, coded in enumerate(pictures):
            left, top = GAP + column * width, row * height + HEAD
            sheet.paste(Image.fromarray(np.ascontiguousarray(middle(coded.decoded))), (left, top))
            draw.text((left, top + SIDE + 2), label(coded), "black", font, spacing=2)
    return sheet


def label(coded: Coded) -> str:
    """What stands below a crop."""
    if math.isinf(coded.bpp):
        return coded.codec
    score = "NA" if math.isnan(coded.ms_ssim) else f"{coded.ms_ssim:.4f}"
    return f"{coded.codec}, {coded.bpp:.3f} bpp\nMS-SSIM {score}"


def rows_of(settings: RunSettings) -> list[tuple[str, list[Coded]]]:
    """Title and crops of each picture and target."""
    how = (settings.rdo, settings.device, settings.precision)
    variants = [learned_codec(settings, packaged_variant(settings, name), *how) for name in VARIANTS]
    anchors = anchor_codecs(settings)
    for codec in anchors:
        if codec.name not in ANCHORS:
            raise UsageError(f"anchor={codec.name}: crops are of {' and '.join(ANCHORS)}")
        codec.check()
    pictures, rows = chosen(images(settings).images), []
    with progress("crops", len(pictures), "pictures") as advance:
        for number, picture in enumerate(pictures, 1):
            for target, row in zip(TARGETS, at_equal_rates(picture.read(), variants, anchors), strict=True):
                rows.append((f"{picture.name} at {target:g} bpp", row))
            advance(completed=number)
    return rows


def main(path: str, *words: str) -> None:
    """Write the figure.

    Raises:
        BenchError: it is no PNG, which is told before any work; a setting or a codec is wrong; or the figure
            cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"{path}: give the path of a .png")
    make_folder(Path(path).parent)
    anchors = [f"anchor=[{','.join(ANCHORS)}]", "anchor.jpeg.options={optimize: true}"]
    rows = composed(["+variant=base", *anchors, *words], rows_of, RunSettings)
    if rows is None:  # it was asked what the settings are
        return
    png = io.BytesIO()
    figure(rows).save(png, "png", optimize=True)
    write_bytes(Path(path), png.getvalue())
    print(path)


if __name__ == "__main__":
    if not sys.argv[1:]:
        print("usage: python docs/crops.py FIGURE.png [SETTING=VALUE ...]", file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except BenchError as error:
        print(f"crops: {error}", file=sys.stderr)
        sys.exit(error.status)
