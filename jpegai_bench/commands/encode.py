"""Code one picture into a bitstream."""

from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import own_output, require_png, require_separate_files
from jpegai_bench.config.command_settings import DecodingSettings
from jpegai_bench.errors import UsageError
from jpegai_bench.system import console


@dataclass(kw_only=True)
class EncodeSettings(DecodingSettings):
    """What `encode` takes."""

    quality: float | None
    target_bpp: float | None
    rdo: bool
    reconstruction: str | None


USAGE = Command(
    "encode IN OUT [+variant=NAME] [quality=3 | target_bpp=0.25] [reconstruction=R.png]",
    "code one picture into a bitstream",
    """The quality is a real number from 0 (lowest rate) to model.qualities - 1; target_bpp finds the
one that meets a rate within 2%, or the nearest.

  jpegai-bench encode photo.png photo.jai
  jpegai-bench encode photo.png photo.jai +variant=combined quality=1.5
  jpegai-bench encode photo.png photo.jai target_bpp=0.25
  jpegai-bench encode photo.png photo.jai reconstruction=expected.png

  rdo=true             fewer bits, more error: a symbol nearer to zero where that pays
  weights=FOLDER       weights of your own; whoever decodes needs the same
  device=cuda          the network on a GPU; any device decodes it
  precision=bf16       reconstruction as `decode precision=bf16` shows it; the bitstream is the same""",
    settings=EncodeSettings,
    words=("IN", "OUT"),
    variant="base",
    results="the bitstream in OUT, its size on stdout.",
)

_QUALITY = 3.0
"""The rate where neither a quality nor a target is given; of a model with fewer, its highest."""


def command(settings: EncodeSettings, source: str, target: str) -> int:
    """Code `source` into `target`, print its size."""
    from jpegai_bench.codecs.rates import check_target
    from jpegai_bench.config.variants import variant_of
    from jpegai_bench.images.read import read_rgb, write_png
    from jpegai_bench.runner.inputs import learned_codec
    from jpegai_bench.system.files import write_bytes

    require_separate_files(IN=source, OUT=target, reconstruction=settings.reconstruction)
    require_png(reconstruction=settings.reconstruction)
    aim, quality = settings.target_bpp, settings.quality
    if quality is None:
        quality = min(_QUALITY, settings.model.qualities - 1)
    if aim is None:
        settings.model.rates_at([quality], "quality")
    elif settings.quality is not None:
        raise UsageError("quality and target_bpp are given; one of them says the rate")
    else:
        check_target("target_bpp", aim)
    image = read_rgb(source)
    with own_output():
        codec = learned_codec(
            settings, variant_of(settings), settings.rdo, settings.device, settings.precision
        )
        if aim is not None:
            [quality] = codec.qualities_for(image, [aim])
        encoded = codec.encode(image, quality)
        if settings.reconstruction:
            write_png(settings.reconstruction, codec.decode(encoded.data))
    write_bytes(Path(target), encoded.data, "give another file in a folder that exists")
    pixels = image.shape[0] * image.shape[1]
    assert encoded.estimated_bits is not None
    bpp = 8 * len(encoded.data) / pixels
    print(
        f"{console.escaped(target, console.BYTES)}: {len(encoded.data)} bytes, {bpp:.4f} bpp "
        f"(estimated {encoded.estimated_bits / pixels:.4f})" + _aimed(aim, bpp, quality)
    )
    return 0


def _aimed(aim: float | None, bpp: float, quality: float) -> str:
    """What came of a target rate."""
    from jpegai_bench.codecs.rates import is_reached

    if aim is None:
        return ""
    missed = "" if is_reached(bpp, aim) else f"; {aim:g} bpp is out of reach, this is the nearest"
    return f", quality {quality:g}{missed}"
