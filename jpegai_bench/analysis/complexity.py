"""Multiply-accumulate operations of the transform networks, in kMACs per image pixel, counted three ways.

Published: products with weights, as convolutions and linear layers make them, no bias; a transposed
convolution counted at its output size, as ptflops did before 0.7.5, when the paper was written. Input size:
the same, a transposed convolution counted at its input size, where its multiplications are done. All: the
second plus products without weights, as of the matrices of an attention. Element-wise operations (one for
each value that an addition, a product, an activation writes or a reduction reads) are a count of their own:
the simplified activation saves those and almost no MACs.

Convolutions are counted by ptflops (its `pytorch` backend, named explicitly) with hooks of our own; its own
figures would add biases and activations, and count nothing for a subclass. All other products are counted as
they are dispatched, by torch's formulas, whatever module or function makes them: with weights, where a factor
follows from parameters and buffers alone. What there is no formula for is refused by name. Networks run on
torch's meta device, where no arithmetic is done, or on the CPU where one of their modules cannot.

ptflops sees layers of torch, and no function that is called beside them. What the published counting holds of
such functions (a product by einsum, a functional convolution) is given as `unseen`.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from ptflops import get_model_complexity_info
from torch import Tensor, nn

from jpegai_bench.analysis.operations import OWN, Operations, layers_of
from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import Phase, at
from jpegai_bench.network.check import check_modules
from jpegai_bench.network.codec import ALIGNMENT, BRANCHES, Network, NetworkSize
from jpegai_bench.network.entropy import Part, Side
from jpegai_bench.network.modules import NetworkModules

SIDE = 256
"""Counted on an image of 256x256: every layer's output is whole."""
_PIXELS = 1000.0 * SIDE * SIDE
"""What counts are divided by: they are in thousands a pixel."""


@dataclass(frozen=True)
class Counts:
    """One part of the codec. kMACs and thousands of element-wise operations per image pixel; parameters."""

    published: float = 0.0
    input_size: float = 0.0
    all: float = 0.0
    elementwise: float = 0.0
    params: int = 0
    unseen: float = 0.0
    """What ptflops would not see of `published`."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.published + other.published,
            self.input_size + other.input_size,
            self.all + other.all,
            self.elementwise + other.elementwise,
            self.params + other.params,
            self.unseen + other.unseen,
        )


@dataclass(frozen=True)
class Complexity:
    """A variant: the luma synthesis by part, and the rest of the codec."""

    luma: dict[str, Counts] = field(default_factory=dict)
    """residual blocks, upsampling, attention, activation; of a whole synthesis its other children too"""
    chroma_synthesis: Counts = Counts()
    entropy: Counts = Counts()
    """Hyper-synthesis and context model of both branches: what the decoder runs to decode the latents."""
    analysis: Counts = Counts()
    """Analysis and hyper-analysis transforms of both branches: the encoder."""
    not_linear: tuple[str, ...] = ()
    """Transforms whose products are not linear in the pixels: their counts hold at `SIDE` x `SIDE` alone."""

    @property
    def luma_synthesis(self) -> Counts:
        """The figure that the paper compares."""
        return total(self.luma.values())

    @property
    def decoder(self) -> Counts:
        """Both synthesis transforms and the entropy part."""
        return self.luma_synthesis + self.chroma_synthesis + self.entropy

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the store."""
        return asdict(self)


PARTS = {"residual": "residual blocks", "up": "upsampling", "attention": "attention", "act": "activation"}
_STAGES = {
    "residual": "residual blocks",
    "attention_quarter": "attention 1/4",
    "attention_half": "attention 1/2",
}
"""Children of a synthesis whose names are not what people call them."""


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of several parts."""
    return sum(counts, Counts())


def luma_part(child: str) -> str:
    """What the part of the luma synthesis is called that this child of `Synthesis` is."""
    return f"luma {_STAGES.get(child, child)}"


def measure(size: NetworkSize, modules: NetworkModules) -> Complexity:
    """Count every part of a codec.

    Raises:
        BenchError: a module does not fit (`check_modules`), or cannot be counted.
    """
    with check_modules(modules, size):
        network = Network(size, modules)
    transforms = _transforms(network)
    operations = {name: _operations(*transform) for name, transform in transforms.items()}
    counted = {name: count(*transform, operations[name]) for name, transform in transforms.items()}
    luma = dict.fromkeys(PARTS.values(), Counts())
    for name, counts in counted.pop("luma synthesis").items():
        label = next((label for prefix, label in PARTS.items() if name.startswith(prefix)), name)
        luma[label] = luma.get(label, Counts()) + counts
    wholes = {name: total(by_child.values()) for name, by_child in counted.items()}
    return Complexity(
        luma,
        wholes["chroma synthesis"],
        total(wholes[f"{branch} hyper-synthesis"] for branch in BRANCHES) + context(network),
        total(counts for name, counts in wholes.items() if name.endswith("analysis")),
        tuple(name for name, done in operations.items() if not _is_linear(*transforms[name], done)),
    )


def by_part(network: Network) -> dict[str, Counts]:
    """Count a codec by the parts that can be timed: the luma synthesis stage by stage, the rest in wholes.

    Args:
        network: on the device that `check_modules` names.

    Raises:
        BenchError: a module cannot be counted.
    """
    transforms = _transforms(network)
    counted = {luma_part(name): counts for name, counts in count(*transforms.pop("luma synthesis")).items()}
    for name, (transform, shape) in transforms.items():
        branch, _, kind = name.partition(" ")
        part = kind if kind.startswith("hyper") else f"{branch} {kind}"  # hyper-transforms of both branches
        counted[part] = counted.get(part, Counts()) + whole(transform, shape)
    counted["context model"] = context(network)
    return counted


def context(network: Network) -> Counts:
    """The context models of both branches, without the hyperprior's own networks."""
    device = next(network.parameters()).device
    counted, decoded = Counts(), torch.empty(0, device=device)
    for branch, stride in zip(BRANCHES, (ALIGNMENT // 2, ALIGNMENT), strict=True):
        model, arithmetic, operations = network.entropy(branch), _Counting(), Operations(nn.Module())
        side = SIDE // stride
        features = torch.zeros(1, model.features, side, side, device=device)
        mean = torch.zeros(1, model.latent, side, side, device=device)
        reference = network.chroma_reference(decoded, arithmetic) if branch == "chroma" else None
        with torch.no_grad(), operations:
            decoded = model.walk(arithmetic, Side(features, mean, mean), _means, reference)
        counted += Counts(
            arithmetic.macs / _PIXELS,
            arithmetic.macs / _PIXELS,
            arithmetic.macs / _PIXELS,
            operations.elementwise.total() / _PIXELS if model.passes else 0.0,
            sum(parameter.numel() for parameter in model.passes.parameters()),
        )
    return counted


def _means(parts: Sequence[Part]) -> list[Tensor]:
    return [part.mean for part in parts]


class _Counting:
    """An arithmetic that counts the MACs of convolutions instead of doing them."""

    unit = 1

    def __init__(self) -> None:
        self.macs = 0

    def convolve(self, layer: nn.Conv2d, x: Tensor, phase: Phase | None = None) -> Tensor:
        rows, columns = at(x, phase).shape[-2:]
        self.macs += layer.weight.numel() * rows * columns
        return x.new_zeros(x.shape[0], layer.out_channels, rows, columns)

    def scale(self, x: Tensor, log2: Tensor) -> Tensor:
        return x * log2

    def interpolate(self, table: Tensor) -> Tensor:
        return table[:1, :, None, None]

    def limit(self, x: Tensor, most: float) -> Tensor:
        return x.clamp(-most, most)

    def constant(self, x: Tensor) -> Tensor:
        return x


def _transforms(network: Network) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Every transform, and its input's shape for an image of `SIDE`, without the batch."""
    size, shared, synthesis = network.size, network.shared, network.synthesis
    latent, small = SIDE // 16, SIDE // 32
    luma, chroma = size.latent_luma, size.latent_chroma
    priors = [network.entropy(branch) for branch in BRANCHES]
    return {
        "luma synthesis": (synthesis["luma"], (luma, latent, latent)),
        "chroma synthesis": (synthesis["chroma"], (luma + chroma, small, small)),
        "luma hyper-synthesis": (priors[0].synthesis, (size.hyper_luma, latent // 4, latent // 4)),
        "chroma hyper-synthesis": (priors[1].synthesis, (size.hyper_chroma, small // 4, small // 4)),
        "luma analysis": (shared["analysis_luma"], (1, SIDE, SIDE)),
        "chroma analysis": (shared["analysis_chroma"], (3, SIDE // 2, SIDE // 2)),
        "luma hyper-analysis": (priors[0].analysis, (luma, latent, latent)),
        "chroma hyper-analysis": (priors[1].analysis, (chroma, small, small)),
    }


def whole(module: nn.Module, shape: tuple[int, ...]) -> Counts:
    """Count one module; `shape` is its input without the batch."""
    return total(count(module, shape).values())


def count(
    module: nn.Module, shape: tuple[int, ...], operations: Operations | None = None
) -> dict[str, Counts]:
    """Count each child of `module` for an input of `shape`, without the batch; last what no child does.

    `operations`: what it does for such an input, where that is known.
    """
    published, needed = _convolutions(module, shape)
    operations = operations or _operations(module, shape)
    in_children = [parameter for child in module.children() for parameter in child.parameters()]
    params = {name: child.parameters() for name, child in module.named_children()}
    params[OWN] = (own for own in module.parameters() if all(own is not other for other in in_children))
    counted = {
        name: Counts(
            (published[name] + operations.published[name]) / _PIXELS,
            (needed[name] + operations.weighted[name]) / _PIXELS,
            (needed[name] + operations.weighted[name] + operations.unweighted[name]) / _PIXELS,
            operations.elementwise[name] / _PIXELS,
            sum(parameter.numel() for parameter in parameters),
            operations.unseen[name] / _PIXELS,
        )
        for name, parameters in params.items()
    }
    if counted[OWN] == Counts():
        del counted[OWN]
    return counted


def _operations(module: nn.Module, shape: tuple[int, ...]) -> Operations:
    x = _input(module, shape)
    with torch.no_grad(), Operations(module) as operations:
        module(x)
    return operations


def _input(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Zeros, so that a module that looks at its values does the same every time."""
    device = next((tensor.device for tensor in module.parameters()), torch.device("meta"))
    return torch.zeros(1, *shape, device=device)


def _is_linear(module: nn.Module, shape: tuple[int, ...], operations: Operations) -> bool:
    """Whether four times the pixels take four times the products of `operations`; convolutions do."""
    channels, height, width = shape
    usual = operations.products
    return not usual or 4 * usual == _operations(module, (channels, 2 * height, 2 * width)).products


def _convolutions(module: nn.Module, shape: tuple[int, ...]) -> tuple[Counter[str], Counter[str]]:
    """MACs of the convolutions of each child: published counting, and at input size."""
    child_of = {id(layer): name for name, layer in layers_of(module)}
    published, needed = Counter[str](), Counter[str]()

    def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        taps, x = layer.weight.numel(), inputs[0]
        at_output = output.shape[0] * output[0, 0].numel() * taps
        at_input = x.shape[0] * x[0, 0].numel() * taps
        transposed = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
        published[child_of[id(layer)]] += at_output
        needed[child_of[id(layer)]] += at_input if transposed else at_output
        layer.__flops__ += at_input if transposed else at_output  # type: ignore[operator,assignment]

    hooks: dict[type, Callable[..., None]] = {
        type(layer): hook for layer in module.modules() if isinstance(layer, nn.modules.conv._ConvNd)
    }
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        macs, _ = get_model_complexity_info(
            module,
            shape,
            as_strings=False,
            print_per_layer_stat=False,
            custom_modules_hooks=hooks,
            input_constructor=lambda shape: _input(module, shape),  # by itself it takes memory as it lies
            backend="pytorch",
        )
    if macs is None:
        lines = [line for line in said.getvalue().splitlines() if "Error" in line] or [said.getvalue()]
        raise BenchError(f"{type(module).__name__} cannot be run on an input of {shape}: {lines[0].strip()}")
    return published, needed
