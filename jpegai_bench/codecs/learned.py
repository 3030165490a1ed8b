"""A variant of the JPEG AI transform network as a codec."""

import inspect
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from jpegai_bench.analysis.peak import Work
from jpegai_bench.analysis.stopwatch import Stopwatch
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.images import color
from jpegai_bench.images.read import Image8
from jpegai_bench.network import weights
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.codec import ALIGNMENT, Network, NetworkSize
from jpegai_bench.network.coding import Analyzed, Coder
from jpegai_bench.network.transforms import SynthesisModules
from jpegai_bench.sources import code_hash

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class LearnedCodec:
    """A variant with its weights. Weights are loaded when first needed, and once in each process."""

    name: str
    size: NetworkSize
    modules: SynthesisModules
    structure: dict[str, Any]
    """Structural numbers and modules as plain data; weights of another structure are refused."""
    folder: Path
    """Holds `shared.safetensors` and `<name>.safetensors`."""
    device: str = "cpu"
    """Where the network computes, as torch names it; symbols are range-coded on the CPU."""

    @cached_property
    def coder(self) -> Coder:
        """The loaded network; a `BenchError` where weights or device are missing or do not fit."""
        network = Network(self.size, self.modules)
        coder = weights.load(network, self.folder, self.name, self.structure, self.weight_ids)
        try:
            network.to(self.device)
        except (RuntimeError, AssertionError) as error:  # the latter of a torch without CUDA
            reason = str(error).partition("\n")[0]
            raise BenchError(f"device={self.device}: cannot be used ({reason})") from None
        return coder

    @cached_property
    def weight_ids(self) -> weights.WeightIds:
        """What the weights files hold when first asked; other processes are to find the same."""
        return weights.ids(self.folder, self.name)

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at a real quality; analysis runs once for all rates of an image."""
        coded = self.coder.encode(self._analyze(image), quality)
        return Encoded(coded.stream.to_bytes(), coded.estimated_bits)

    def qualities_for(self, image: Image8, targets: Sequence[float]) -> list[float]:
        """The qualities, in thousandths, whose rates come nearest to `targets` in bpp; nothing is decoded."""
        pixels = image.shape[0] * image.shape[1]
        return self.coder.qualities_for(self._analyze(image), [target * pixels for target in targets])

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`."""
        return self.coder.decode(Bitstream.from_bytes(data))

    def fingerprint(self) -> dict[str, str]:
        """Weights, structure, source of everything between image and bytes, a device other than the CPU."""
        return {
            "shared_weights": self.weight_ids.shared,
            "synthesis_weights": self.weight_ids.synthesis,
            "structure": repr(sorted(self.structure.items())),
            "source": source_hash(self.modules),
            **({"device": self.device} if self.device != "cpu" else {}),
        }

    @property
    def alignment(self) -> int:
        """The network works on sides that are multiples of it."""
        return ALIGNMENT

    def watched(self, watch: Stopwatch) -> AbstractContextManager[None]:
        """While the context lasts, the parts of encoding and decoding are timed by `watch`."""
        from jpegai_bench.codecs.parts import watched

        return watched(self.coder, watch)

    def work(self) -> dict[str, Work]:
        """The multiplications of each part that has some; a `BenchError` where they cannot be counted."""
        from jpegai_bench.codecs.parts import work

        return work(self.size, self.modules)

    def describe(self) -> str:
        """What the name leaves open."""
        place = f", on {self.device}" if self.device != "cpu" else ""
        return f"weights {self.folder.name}, encoder {self.weight_ids.shared}{place}"

    def _analyze(self, image: Image8) -> Analyzed:
        last: tuple[Image8, Analyzed] | None = self.__dict__.get("_last")
        if last is None or last[0] is not image:
            last = (image, self.coder.analyze(image))
            self.__dict__["_last"] = last
        return last[1]

    def __getstate__(self) -> dict[str, Any]:
        """Travels to another process without the loaded network."""
        return {key: value for key, value in self.__dict__.items() if key not in ("coder", "_last")}


def source_hash(modules: SynthesisModules) -> str:
    """Hash of the network package, of this file, and of the files that the modules under study come from.

    For a module of the user's own these are all loaded files of its package; for an installed library's, the
    one file that defines it.
    """
    package = Path(inspect.getfile(Network)).parent
    files = {*package.glob("*.py"), Path(__file__), Path(color.__file__)}
    for factory in vars(modules).values():
        target = factory.func if isinstance(factory, partial) else factory
        with suppress(TypeError, OSError):  # built in: its version is in the manifest
            files |= _files_behind(target)
    return code_hash(files)


def _files_behind(target: Any) -> set[Path]:
    file = Path(inspect.getfile(target))
    if "site-packages" in file.parts or file.is_relative_to(_PACKAGE):
        return {file}
    top = target.__module__.partition(".")[0]
    loaded = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == top]
    files = {getattr(module, "__file__", None) for module in loaded}
    return {file, *(Path(path) for path in files if path and path.endswith(".py"))}
