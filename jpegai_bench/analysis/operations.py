"""What a module does while it runs, by operation: products with weights and without, and the rest."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from jpegai_bench.errors import BenchError
from jpegai_bench.system.defects import first_line

OWN = "rest"
"""What a module does itself, and none of its children."""
_SEEN = (nn.modules.conv._ConvNd, nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
"""Layers whose products with weights ptflops counts."""
_REDUCTIONS = ("mean", "sum", "var", "linalg_vector_norm", "_softmax", "native_layer_norm", "amax")
_MULTIPLY = re.compile(
    r"(?<![a-z])(addbmm|addmm|addr|attention|bag|bmm|c?dist|cholesky|combination|conv|convolution|fft|geqrf|hspmm|"
    r"linalg|linear|lu|mm|mps|orgqr|ormqr|pdist|rnn|smm|solve|spsolve|sspaddmm|svd|transformer)(?![a-z])"
)
"""Words in the names of torch's operations that multiply, or may, beside point-wise ones."""
_OUTWARD = ("numpy", "__array__", "__dlpack__", "data_ptr", "tolist")
"""Methods of a tensor that hand its values to other code."""


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module in it, and the child that it belongs to."""
    yield OWN, module
    yield from ((name, layer) for name, child in module.named_children() for layer in child.modules())


class Operations(TorchDispatchMode):
    """What is done for each child of a module while the context lasts.

    Raises:
        BenchError: of what is done something cannot be counted, or fails; `place`, the child and the class of
            the module are named.
    """

    def __init__(self, module: nn.Module, place: str = "") -> None:
        super().__init__()
        self.name = place or type(module).__name__
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
        self.children = {id(layer): (child, layer) for child, layer in list(layers_of(module))[1:]}
        self.weights = [*module.parameters(), *module.buffers()]
        """What follows from weights alone; held, so that no other tensor gets the storage of one."""
        self.storages: set[int] = set()
        self.functions = _Outward(self)

    @property
    def products(self) -> int:
        """MACs with weights and without, a transposed convolution at its input size."""
        return self.weighted.total() + self.unweighted.total()

    def error(self, reason: str) -> BenchError:
        """That what is running cannot be counted."""
        child, layer = self.within[-1]
        place = self.name if child == OWN else f"{self.name}, {child}"
        return BenchError(f"{place} ({type(layer).__name__}) cannot be counted: {reason}")

    def __enter__(self) -> "Operations":
        self.storages = {self._storage(tensor) for tensor in self.weights}
        self.hooks = (
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave),
        )
        self.functions.__enter__()
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)
        self.functions.__exit__(kind, error, trace)
        for hook in self.hooks:
            hook.remove()
        if isinstance(error, Exception) and not isinstance(error, BenchError):
            raise self.error(first_line(error)) from None

    def _enter(self, module: nn.Module, _: Any) -> None:
        if id(module) in self.children:
            self.within.append(self.children[id(module)])

    def _leave(self, module: nn.Module, *_: Any) -> None:
        if id(module) in self.children:
            self.within.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        child, layer = self.within[-1]
        if torch.Tag.pointwise in func.tags and isinstance(output, Tensor):
            self.elementwise[child] += output.numel()
        elif func.overloadpacket.__name__ in _REDUCTIONS:
            self.elementwise[child] += args[0].numel()
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        are_weights = [self._storage(tensor) in self.storages for tensor in given]
        macs, is_convolution = self._macs(func, args, kwargs, output), "convolution" in func.name()
        factors = slice(0, 2) if is_convolution else slice(1, 3) if "add" in func.name() else slice(None)
        if any(are_weights[factors]):  # no addend, as a bias is
            at_output = output.numel() // output.shape[1] * args[1].numel() if is_convolution else macs
            self.weighted[child] += macs
            self.published[child] += at_output
            self.unseen[child] += 0 if isinstance(layer, _SEEN) else at_output
        else:
            self.unweighted[child] += macs
        if given and all(are_weights):
            made = [value for value in tree_leaves(output) if isinstance(value, Tensor)]
            self.weights += made
            self.storages.update(map(self._storage, made))
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
        if _may_multiply(func, name):
            raise self.error(f"{name} has no formula; write it with convolutions or matrix products")
        return 0

    def _storage(self, tensor: Tensor) -> int:
        if tensor.layout != torch.strided:
            raise self.error(f"a tensor of {tensor.layout}; write it with dense ones")
        return tensor.untyped_storage()._cdata


class _Outward(TorchFunctionMode):
    """Refuses what torch would not see: values that other code is to compute with."""

    def __init__(self, operations: Operations) -> None:
        super().__init__()
        self.operations = operations

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _OUTWARD and args[0].is_floating_point() and args[0].numel() > 1:
            raise self.operations.error(f"Tensor.{name} leaves torch; write it with tensors alone")
        return func(*args, **(kwargs or {}))


def _may_multiply(func: Any, name: str) -> bool:
    """Whether an operation without formula may be a product."""
    space, _, operation = name.partition("::")
    if space != "aten":
        return not space.startswith("prim")
    if torch.Tag.pointwise in func.tags or operation == "linalg_vector_norm" or "upsample" in operation:
        return False
    return bool(_MULTIPLY.search(operation))
