"""Decode one bitstream into a PNG."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import own_output, require_png, require_separate_files
from jpegai_bench.config.command_settings import DecodingSettings
from jpegai_bench.errors import BenchError
from jpegai_bench.system import console

if TYPE_CHECKING:
    from jpegai_bench.codecs.learned import LearnedCodec


@dataclass(kw_only=True)
class DecodeSettings(DecodingSettings):
    """What `decode` takes."""

    max_megapixels: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_megapixels > 0:
            raise BenchError(f"max_megapixels={self.max_megapixels:g}: must be above 0")


USAGE = Command(
    "decode IN OUT [+variant=NAME]",
    "decode a bitstream into a PNG",
    """Any variant whose synthesis was trained on the same encoder can decode a bitstream.

  jpegai-bench decode photo.jai photo.png
  jpegai-bench decode photo.jai photo.png +variant=combined
  jpegai-bench decode photo.jai photo.png weights=FOLDER
  jpegai-bench decode photo.jai photo.png max_megapixels=200

  weights=FOLDER       those that the bitstream was written with, where they do not ship
  max_megapixels=50    what claims more is refused before any work: a few bytes can claim any size
  device=cuda          the network on a GPU: the same symbols, pictures within a level of the CPU's
  precision=bf16       the synthesis in bfloat16: the same symbols, pictures a few levels apart at most""",
    settings=DecodeSettings,
    words=("IN", "OUT"),
    variant="base",
    results="the picture in OUT, its size on stdout.",
)

_LARGE = 4e6
"""Pixels that take long: the work is told, and how it goes on."""
_BYTES = 10
"""Memory in bytes for each pixel and channel of the luma synthesis at 1/2: 6 to 9 were measured."""


def command(settings: DecodeSettings, source: str, target: str) -> int:
    """Decode `source` into `target`, print the picture's size."""
    from jpegai_bench.config.variants import variant_of
    from jpegai_bench.images.read import write_png
    from jpegai_bench.runner.inputs import learned_codec
    from jpegai_bench.system.devices import prepare_device

    require_separate_files(IN=source, OUT=target)
    require_png(OUT=target)
    with _errors_with_name(source):
        data, pixels = _read_bitstream(Path(source), settings)
    with own_output():
        codec = learned_codec(
            settings, variant_of(settings), rdo=False, device=settings.device, precision=settings.precision
        )
        prepare_device(settings.device)
        with _errors_with_name(source), _progress_shown(codec, pixels, settings):
            image = codec.decode(data)
    write_png(target, image)
    print(f"{console.escaped(target, console.BYTES)}: {image.shape[1]}x{image.shape[0]}")
    return 0


@contextmanager
def _errors_with_name(source: str) -> Iterator[None]:
    """What is wrong with the file is told with its name."""
    try:
        yield
    except BenchError as error:
        raise BenchError(f"{source}: {error}") from None
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror})") from None


def _read_bitstream(path: Path, settings: DecodeSettings) -> tuple[bytes, int]:
    """A whole file, and the pixels that its header claims; the rest is read where the header is in order.

    Raises:
        BenchError: no file, none of ours, or too large a picture.
    """
    from jpegai_bench.network.bitstream import HEADER_BYTES, Bitstream, check_size

    if path.is_dir():
        raise BenchError("is a folder, not a bitstream")
    if path.exists() and not path.is_file():
        raise BenchError("is no regular file, but a pipe or a device; give a file")
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        claimed = Bitstream.from_header(header)
        check_size(claimed.width, claimed.height)
        pixels = claimed.width * claimed.height
        if pixels > 1e6 * settings.max_megapixels:
            raise BenchError(
                f"claims {claimed.width}x{claimed.height}, {pixels / 1e6:.4g} megapixels, which take "
                f"{_gigabytes(pixels, settings):.2g} GB or so; where you trust it, "
                f"max_megapixels={-(-pixels // 10**6)} (now {settings.max_megapixels:g})"
            )
        return header + file.read(), pixels


def _gigabytes(pixels: int, settings: DecodeSettings) -> float:
    """The memory that decoding takes, roughly."""
    widths = settings.model.luma
    return _BYTES * pixels * (widths[0] if isinstance(widths, list) else widths) / 1e9


@contextmanager
def _progress_shown(codec: "LearnedCodec", pixels: int, settings: DecodeSettings) -> Iterator[None]:
    """Tell the work of a large picture before it is done, and the progress of its synthesis."""
    from jpegai_bench.system.progress import progress

    if pixels < _LARGE:
        yield
        return
    macs = sum(work.kmacs_px for part, work in codec.work().items() if not part.endswith("analysis"))
    console.report(
        f"{pixels / 1e6:.4g} megapixels: {macs * pixels / 1e9:.3g} TMACs, "
        f"about {_gigabytes(pixels, settings):.2g} GB of memory"
    )
    branches = codec.coder.network.synthesis.values()
    layers = [layer for branch in branches for layer in branch.children()]
    with progress("decode", len(layers), "layers") as step:

        def on_layer(*_: Any) -> None:
            step()

        hooks = [layer.register_forward_hook(on_layer) for layer in layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
