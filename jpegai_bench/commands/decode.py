"""Decode one bitstream into a PNG."""

from pathlib import Path
from typing import TYPE_CHECKING

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import require_png, require_separate_files
from jpegai_bench.errors import BenchError

if TYPE_CHECKING:
    from jpegai_bench.config.schema import Settings

USAGE = Command(
    "decode IN OUT [+variant=NAME]",
    "decode a bitstream into a PNG",
    """Any variant whose synthesis was trained on the same encoder can decode a bitstream.

  jpegai-bench decode photo.jai photo.png
  jpegai-bench decode photo.jai photo.png +variant=combined
  jpegai-bench decode photo.jai photo.png weights=FOLDER

  weights=FOLDER       those that the bitstream was written with, where they do not ship""",
    words=("IN", "OUT"),
    variant="base",
    results="the picture in OUT, its size on stdout.",
)


def command(settings: "Settings", source: str, target: str) -> int:
    """Decode `source` into `target`, print the picture's size."""
    from jpegai_bench.config.variants import variant_of
    from jpegai_bench.images.read import write_png
    from jpegai_bench.runner.inputs import learned_codec

    require_separate_files(IN=source, OUT=target)
    require_png(OUT=target)
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror})") from None
    codec = learned_codec(settings, variant_of(settings), rdo=False)
    try:
        image = codec.decode(data)
    except BenchError as error:
        raise BenchError(f"{source}: {error}") from None
    write_png(target, image)
    print(f"{target}: {image.shape[1]}x{image.shape[0]}")
    return 0
