"""Multiply-accumulate operations of the transform networks, in kMACs per image pixel, counted three ways.

Published: products with weights, as convolutions and linear layers make them, no bias; a transposed
convolution counted at its output size, as ptflops did before 0.7.5, when the paper was written. Input size:
the same, a transposed convolution counted at its input size, where its multiplications are done. All: the
second plus products without weights, as of the matrices of an attention. Element-wise operations (one for
each value that an addition, a product, an activation writes or a reduction reads) are a count of their own:
the simplified activation saves those and almost no MACs.

Products are counted as torch computes them, by the shapes of each operation, whatever module or function
makes them: with weights, where a factor follows from parameters and buffers alone. What there is no formula
for is refused by name. Networks run on torch's meta device, where no arithmetic is done, or on the CPU where
one of their modules cannot. An entropy model runs in floats, as it is trained.

ptflops sees layers of torch, and no function that is called beside them. What the published counting holds of
such functions (a product by einsum, a functional convolution) is given as `unseen`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from jpegai_bench.analysis.operations import OWN, Operations
from jpegai_bench.network.arithmetic import Float
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
    """What does products that are not linear in the pixels, of transforms and context models: its counts hold
    at `SIDE` x `SIDE` alone."""

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
    operations = {name: _operations(*transform, name) for name, transform in transforms.items()}
    by_child = {name: _by_child(transforms[name][0], done) for name, done in operations.items()}
    luma = dict.fromkeys(PARTS.values(), Counts())
    for name, counts in by_child.pop("luma synthesis").items():
        label = next((label for prefix, label in PARTS.items() if name.startswith(prefix)), name)
        luma[label] = luma.get(label, Counts()) + counts
    wholes = {name: total(counts.values()) for name, counts in by_child.items()}
    walks = _walks(network)
    doubled = {
        name: _operations(module, (channels, 2 * height, 2 * width), name)
        for name, (module, (channels, height, width)) in transforms.items()
    }
    return Complexity(
        luma,
        wholes["chroma synthesis"],
        total(wholes[f"{branch} hyper-synthesis"] for branch in BRANCHES) + _of_walks(network, walks),
        total(counts for name, counts in wholes.items() if name.endswith("analysis")),
        _not_linear(operations | walks, doubled | _walks(network, 2 * SIDE)),
    )


def by_part(network: Network) -> dict[str, Counts]:
    """Count a codec by the parts that can be timed: the luma synthesis stage by stage, the rest in wholes.

    Args:
        network: on the device that `check_modules` names.

    Raises:
        BenchError: a module cannot be counted.
    """
    transforms = _transforms(network)
    luma = count(*transforms.pop("luma synthesis"), "luma synthesis")
    counted = {luma_part(name): counts for name, counts in luma.items()}
    for name, (transform, shape) in transforms.items():
        branch, _, kind = name.partition(" ")
        part = kind if kind.startswith("hyper") else f"{branch} {kind}"  # hyper-transforms of both branches
        counted[part] = counted.get(part, Counts()) + whole(transform, shape, name)
    counted["context model"] = context(network)
    return counted


def context(network: Network) -> Counts:
    """The context models of both branches, without the hyperprior's own networks."""
    return _of_walks(network, _walks(network))


def _of_walks(network: Network, walks: dict[str, Operations]) -> Counts:
    models = (network.entropy(branch).passes for branch in BRANCHES)
    by_child = map(_by_child, models, walks.values())
    return total(counts for children in by_child for counts in children.values())


def _walks(network: Network, side: int = SIDE) -> dict[str, Operations]:
    """What the context model of each branch does for an image of `side` x `side`."""
    device = next(network.parameters()).device
    arithmetic, walks = Float(torch.zeros(1, device=device)), {}
    decoded = torch.empty(0, device=device)
    for branch, stride in zip(BRANCHES, (ALIGNMENT // 2, ALIGNMENT), strict=True):
        model, length, name = network.entropy(branch), side // stride, f"{branch} context model"
        features = torch.zeros(1, model.features, length, length, device=device)
        mean = torch.zeros(1, model.latent, length, length, device=device)
        with torch.no_grad():
            reference = network.chroma_reference(decoded, arithmetic) if branch == "chroma" else None
            with Operations(model.passes, name) as walks[name]:
                decoded = model.walk(arithmetic, Side(features, mean, mean), _means, reference)
    return walks


def _means(parts: Sequence[Part]) -> list[Tensor]:
    return [part.mean for part in parts]


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


def whole(module: nn.Module, shape: tuple[int, ...], place: str = "") -> Counts:
    """Count one module; arguments as of `count`."""
    return total(count(module, shape, place).values())


def count(module: nn.Module, shape: tuple[int, ...], place: str = "") -> dict[str, Counts]:
    """Count each child of `module` for an input of `shape`, without the batch; last what no child does.

    Raises:
        BenchError: it fails, or cannot be counted; the message begins with `place`.
    """
    return _by_child(module, _operations(module, shape, place))


def _by_child(module: nn.Module, operations: Operations) -> dict[str, Counts]:
    in_children = [parameter for child in module.children() for parameter in child.parameters()]
    params = {name: child.parameters() for name, child in module.named_children()}
    params[OWN] = (own for own in module.parameters() if all(own is not other for other in in_children))
    counted = {
        name: Counts(
            operations.published[name] / _PIXELS,
            operations.weighted[name] / _PIXELS,
            (operations.weighted[name] + operations.unweighted[name]) / _PIXELS,
            operations.elementwise[name] / _PIXELS,
            sum(parameter.numel() for parameter in parameters),
            operations.unseen[name] / _PIXELS,
        )
        for name, parameters in params.items()
    }
    if counted[OWN] == Counts():
        del counted[OWN]
    return counted


def _operations(module: nn.Module, shape: tuple[int, ...], place: str) -> Operations:
    device = next((tensor.device for tensor in module.parameters()), torch.device("meta"))
    x = torch.zeros(1, *shape, device=device)  # a module that looks at its values does the same every time
    with torch.no_grad(), Operations(module, place) as operations:
        module(x)
    return operations


def _not_linear(usual: dict[str, Operations], doubled: dict[str, Operations]) -> tuple[str, ...]:
    """Those that do not take four times the products for four times the pixels."""
    return tuple(name for name, done in usual.items() if 4 * done.products != doubled[name].products)
