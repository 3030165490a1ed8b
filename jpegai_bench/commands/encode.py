"""Code one picture into a bitstream."""

from pathlib import Path

from jpegai_bench.atomic import write_bytes
from jpegai_bench.commands.output import require_two_files
from jpegai_bench.config import Settings, variant_of


def command(settings: Settings, source: str, target: str) -> int:
    """Code `source` into `target`, print its size."""
    from jpegai_bench.images.read import read_rgb, write_png
    from jpegai_bench.runner import learned_codec

    require_two_files(source, target)
    image = read_rgb(source)
    codec = learned_codec(settings, variant_of(settings))
    encoded = codec.encode(image, settings.quality)
    if settings.reconstruction:
        write_png(settings.reconstruction, codec.decode(encoded.data))
    write_bytes(Path(target), encoded.data, "give another file in a folder that exists")
    pixels = image.shape[0] * image.shape[1]
    print(
        f"{target}: {len(encoded.data)} bytes, {8 * len(encoded.data) / pixels:.4f} bpp "
        f"(estimated {encoded.estimated_bits / pixels:.4f})"
    )
    return 0
