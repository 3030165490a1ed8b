"""A variant of the JPEG AI transform network as a codec."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.codecs import fingerprint
from jpegai_bench.codecs.protocol import Encoded, Work
from jpegai_bench.codecs.stopwatch import Stopwatch
from jpegai_bench.images.read import Image8
from jpegai_bench.network import weight_files
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.system.devices import BF16, CPU, FLOAT32, computing, kind_of, prepare_device

if TYPE_CHECKING:
    from jpegai_bench.network.codec import Network
    from jpegai_bench.network.coding import Analyzed, Coder


@dataclass(frozen=True)
class LearnedCodec:
    """A variant with its weights. Torch and weights are loaded when first needed, once in each process."""

    name: str
    make_network: Callable[[], "Network"]
    """Builds the network, untrained; picklable."""
    structure: dict[str, Any]
    """Structural numbers and modules as plain data; weights of another structure are refused."""
    folder: Path
    """Holds `shared.safetensors` and `<name>.safetensors`."""
    rdo: bool = False
    """Whether the encoder weighs the bits of a symbol against its error (`coding.quantize`)."""
    device: str = CPU
    """Where the network computes, as torch names it; symbols are range-coded on the CPU."""
    precision: str = FLOAT32
    """What the synthesis computes in, one of `PRECISIONS`; streams and latents do not depend on it."""

    @cached_property
    def coder(self) -> "Coder":
        """The loaded network; a `BenchError` where weights or device are missing or do not fit."""
        from jpegai_bench.network import weights
        from jpegai_bench.network.bfloat16 import use_bfloat16
        from jpegai_bench.network.coding import RDO
        from jpegai_bench.network.kernels.decoder import use_kernels

        prepare_device(self.device)
        network = self.make_network()
        coder = weights.load(network, self.folder, self.name, self.structure, self.weight_ids)
        coder.rdo = RDO if self.rdo else 0.0
        with computing():
            network.to(self.device)
        if self.precision == BF16:
            use_bfloat16(network.synthesis)
        elif self.device == CPU:
            use_kernels(network.synthesis)
        return coder

    @cached_property
    def weight_ids(self) -> weight_files.WeightIds:
        """What the weights files hold when first asked; other processes are to find the same."""
        return weight_files.ids(self.folder, self.name)

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at a real quality; analysis runs once for all rates of an image."""
        with self._computing() as coder:
            coded = coder.encode(self._analyze(image), quality)
        data = coded.stream.to_bytes()
        container = len(data) - len(coded.stream.payload)
        return Encoded(data, coded.estimated_bits + 8 * container)

    def qualities_for(self, image: Image8, targets: Sequence[float]) -> list[float]:
        """The qualities, in thousandths, whose rates come nearest to `targets` in bpp; nothing is decoded."""
        pixels = image.shape[0] * image.shape[1]
        with self._computing() as coder:
            return coder.qualities_for(self._analyze(image), [target * pixels for target in targets])

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`."""
        with self._computing() as coder:
            return coder.decode(Bitstream.from_bytes(data))

    def fingerprint(self) -> dict[str, str]:
        """All that decides bytes and picture: weights, structure, source, encoder's choices, device."""
        place = {"device": kind_of(self.device)} if self.device != CPU else {}
        choices = {"rdo": "yes"} if self.rdo else {}
        return fingerprint.fingerprint(self.weight_ids, self.structure, self.precision) | place | choices

    def sources(self) -> dict[str, str]:
        """Name and hash of every part of the source that the fingerprint is of."""
        return fingerprint.sources(self.structure, self.precision)

    @property
    def alignment(self) -> int:
        """The network works on sides that are multiples of it."""
        from jpegai_bench.network.codec import ALIGNMENT

        return ALIGNMENT

    def watched(self, watch: Stopwatch) -> AbstractContextManager[None]:
        """While the context lasts, the parts of encoding and decoding are timed by `watch`."""
        from jpegai_bench.codecs.timed_parts import watched

        return watched(self.coder, watch)

    def work(self) -> dict[str, Work]:
        """The multiplications of each part that has some; a `BenchError` where they cannot be counted."""
        from jpegai_bench.codecs.timed_parts import work

        return work(self.make_network, self.precision)

    def describe(self) -> str:
        """What the name leaves open."""
        place = f", on {kind_of(self.device)}" if self.device != CPU else ""
        place += f", decoded in {self.precision}" if self.precision != FLOAT32 else ""
        own = self.folder.parent.name + "/" if self.folder.name == "weights" else ""  # of a training
        rdo = ", rate-distortion optimised" if self.rdo else ""
        return f"weights {own}{self.folder.name}, encoder {self.weight_ids.shared}{rdo}{place}"

    @contextmanager
    def _computing(self) -> Iterator["Coder"]:
        """The loaded network, while torch computes as `computing` has it."""
        coder = self.coder  # before: modules of a user's may set torch otherwise as they are loaded
        with computing():
            yield coder

    def _analyze(self, image: Image8) -> "Analyzed":
        last: tuple[Image8, Analyzed] | None = self.__dict__.get("_last")
        if last is None or last[0] is not image:
            last = (image, self.coder.analyze(image))
            self.__dict__["_last"] = last
        return last[1]

    def __getstate__(self) -> dict[str, Any]:
        """Travels to another process without the loaded network."""
        return {key: value for key, value in self.__dict__.items() if key not in ("coder", "_last")}
