"""What a module does while it runs, by operation: products with weights and without, and the rest."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from jpegai_bench.errors import BenchError

OWN = "rest"
"""What a module does itself, and none of its children."""
_SEEN = (nn.modules.conv._ConvNd, nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
"""Layers whose products with weights ptflops counts."""
_REDUCTIONS = ("mean", "sum", "var", "linalg_vector_norm", "_softmax", "native_layer_norm", "amax")


_NO_FORMULA = re.compile(
    r"aten::(linalg_(?!vector_norm)|_?cdist|_euclidean_dist|.*_rnn|addr|addbmm)|(?!aten|prim)"
)
"""Names of operations that multiply, or may."""


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module in it, and the child that it belongs to."""
    yield OWN, module
    yield from ((name, layer) for name, child in module.named_children() for layer in child.modules())


class Operations(TorchDispatchMode):
    """What is done for each child of a module while the context lasts.

    The convolutions of layers of torch are left out, which `_convolutions` counts.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.elementwise = Counter[str]()
        """Values written by point-wise operations and read by reductions."""
        self.published = Counter[str]()
        """MACs of products with weights, a transposed convolution at its output size."""
        self.unseen = Counter[str]()
        """Of them those by functions that are called beside the layers of torch."""
        self.weighted, self.unweighted = Counter[str](), Counter[str]()
        """MACs of products with weights, a transposed convolution at its input size; and without."""
        self.within: list[tuple[str, nn.Module]] = [(OWN, module)]
        """The modules that are running, each with the child that it belongs to."""
        self.handles = []
        for place in list(layers_of(module))[1:]:
            self.handles += [
                place[1].register_forward_pre_hook(lambda *_, place=place: self.within.append(place)),
                place[1].register_forward_hook(lambda *_: self._leave()),
            ]
        self.weights = [*module.parameters(), *module.buffers()]
        """What follows from weights alone; held, so that no other tensor gets the storage of one."""
        self.storages = {_storage(tensor) for tensor in self.weights}

    @property
    def products(self) -> int:
        """MACs of those of no layer of convolution."""
        return self.weighted.total() + self.unweighted.total()

    def _leave(self) -> None:
        self.within.pop()

    def __exit__(self, *details: Any) -> None:
        for handle in self.handles:
            handle.remove()
        super().__exit__(*details)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        child, layer = self.within[-1]
        if torch.Tag.pointwise in func.tags and isinstance(output, Tensor):
            self.elementwise[child] += output.numel()
        elif func.overloadpacket.__name__ in _REDUCTIONS:
            self.elementwise[child] += args[0].numel()
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        are_weights = [_storage(tensor) in self.storages for tensor in given]
        macs = self._macs(func, args, kwargs, output)
        is_convolution = "convolution" in func.name()
        if any(are_weights) and not (is_convolution and isinstance(layer, nn.modules.conv._ConvNd)):
            at_output = output.numel() // output.shape[1] * args[1].numel() if is_convolution else macs
            self.weighted[child] += macs
            self.published[child] += at_output
            self.unseen[child] += 0 if isinstance(layer, _SEEN) else at_output
        elif not is_convolution or not any(are_weights):
            self.unweighted[child] += macs
        if given and all(are_weights):
            made = [value for value in tree_leaves(output) if isinstance(value, Tensor)]
            self.weights += made
            self.storages.update(map(_storage, made))
        return output

    def _macs(self, func: Any, args: Any, kwargs: Any, output: Any) -> int:
        """Of a product; 0 where the operation is none."""
        name = func.name().partition(".")[0]
        if func.overloadpacket in flop_registry:
            return flop_registry[func.overloadpacket](*args, **kwargs, out_val=output) // 2
        if name in ("aten::mv", "aten::dot", "aten::vdot"):
            return args[0].numel()
        if name == "aten::addmv":
            return args[1].numel()
        if name == "aten::_trilinear":  # of nn.Bilinear: positions and inputs, weights
            return args[0].shape[0] * args[1].numel()
        if name == "torchvision::deform_conv2d":  # without the interpolation of its samples
            return output.shape[0] * output[0, 0].numel() * args[1].numel()
        if _NO_FORMULA.match(name):
            raise BenchError(
                f"{type(self.module).__name__}: what {name} multiplies cannot be counted; "
                "write it with convolutions or matrix products"
            )
        return 0


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
