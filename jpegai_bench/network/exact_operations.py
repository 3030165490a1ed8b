"""Which operations of torch are the same on every machine, in the exact arithmetic of an entropy model.

Values that are moved or compared are, and a sum, a product or a quotient of two, which IEEE 754 defines. A
sum of many depends on its order, unless all of its terms are integers in float64 and every partial sum is
below 2**53. A convolution may be done by Winograd or an FFT; exp, a sigmoid, a power are each library's own.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from jpegai_bench.errors import BenchError

_MOVED = frozenset(
    """
    _local_scalar_dense _reshape_copy _to_copy _unsafe_view _upsample_nearest_exact1d
    _upsample_nearest_exact2d arange cat channel_shuffle clone constant_pad_nd copy embedding empty
    empty_like empty_strided equal eye fill flip full full_like gather im2col index index_copy index_fill
    index_put index_select lift lift_fresh masked_fill masked_scatter masked_select
    max_pool2d_with_indices new_empty new_empty_strided new_full new_ones new_zeros nonzero ones ones_like
    pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d repeat replication_pad1d
    replication_pad2d resize roll scalar_tensor scatter select_scatter set slice_scatter sort
    split_with_sizes_copy stack take topk tril triu upsample_nearest1d upsample_nearest2d where zero zeros
    zeros_like
    """.split()  # noqa: SIM905
)
"""Whose values are those of their inputs, or constants."""
_OF_ONE_OR_TWO = frozenset(
    """
    __and__ __lshift__ __or__ __rshift__ __xor__ _prelu_kernel abs add all amax amin any argmax argmin
    bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp
    clamp_max clamp_min copysign div eq floor floor_divide fmax fmin fmod frac ge gt hardtanh heaviside
    isinf isnan le leaky_relu logical_and logical_not logical_or logical_xor lt max maximum min minimum
    mul ne neg relu remainder round rsub sgn sign signbit sqrt sub threshold trunc
    """.split()  # noqa: SIM905
)
"""Whose values are each an operation of IEEE 754 on a value of each input, or the largest of some."""
_PRODUCTS = {"addbmm", "addmm", "addmv", "baddbmm", "bmm", "dot", "mm", "mv", "vdot"}
_SUMS = {
    "_adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "col2im",
    "cumsum",
    "index_add",
    "mean",
    "scatter_add",
    "sum",
}
_MOST = 2.0**53


_EXITS = ("numpy", "__array__", "tolist")
"""Ways of a tensor's values out of torch, where nothing is seen of what is done with them."""


class ExactOnly(TorchDispatchMode):
    """While it is active, an operation that is not the same on every machine is refused."""

    def __init__(self, place: str) -> None:
        """`place`: which messages begin with."""
        super().__init__()
        self.place = place
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        """Begin; values do not leave torch meanwhile."""
        for name in _EXITS:
            self._opened.enter_context(_replaced(name, partial(self._refuse, name)))
        super().__enter__()
        return self

    def __exit__(self, *of: Any) -> None:
        """End."""
        super().__exit__(*of)
        self._opened.close()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operation.

        Raises:
            BenchError: it draws at random, makes floats of less precision, or is not exact.
        """
        given = list(_tensors((*args, *(kwargs or {}).values())))
        name = func._schema.name.removeprefix("aten::").rstrip("_") or func._schema.name
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise self._refusal(name, "draws at random")
        floats = [x for x in given if x.is_floating_point() or x.is_complex()]
        if floats and not _is_view(func):
            if name in _PRODUCTS | _SUMS:
                self._require_integers(name, floats)
            elif name not in _MOVED | _OF_ONE_OR_TWO and not _is_square(name, args):
                raise self._refusal(name, "is not the same on every machine in floats")
        made = func(*args, **(kwargs or {}))
        kinds = {x.dtype for x in given if x.dim()}
        for x in _tensors((made,)):
            if _is_low(x) and given and _made_low(kinds):
                raise self._refusal(name, f"makes {x.dtype} and no float64")
        return made

    def _require_integers(self, name: str, floats: list[Tensor]) -> None:
        """A sum is exact: of integers in float64, all partial sums below 2**53."""
        terms = floats[-2:] if name in _PRODUCTS else floats
        if any(x.dtype != torch.float64 or bool((x != x.floor()).any()) for x in floats):
            raise self._refusal(
                name, "of floats that are no integers in float64 depends on the order of its sum"
            )
        count = terms[-1].shape[-2] if name in _PRODUCTS and terms[-1].dim() > 1 else terms[0].numel()
        largest = math.prod(float(x.abs().max()) for x in terms if x.numel())
        if not largest * count <= _MOST:
            raise self._refusal(name, "may exceed 2**53, where float64 holds no integers; limit what it sums")

    def _refuse(self, name: str, *_: Any, **__: Any) -> None:
        raise self._refusal(name, "takes values out of torch, where nothing is seen of what is computed")

    def _refusal(self, name: str, what: str) -> BenchError:
        return BenchError(f"{self.place}: {name} {what}; compute with the functions of `arithmetic`")


@contextmanager
def _replaced(name: str, method: Any) -> Iterator[None]:
    """A method of all tensors, while it lasts."""
    own = vars(Tensor).get(name)
    setattr(Tensor, name, method)
    try:
        yield
    finally:
        if own is None:
            delattr(Tensor, name)  # it was that of a class above
        else:
            setattr(Tensor, name, own)


def _is_view(func: Any) -> bool:
    aliases = [returned.alias_info for returned in func._schema.returns]
    return bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)


def _is_square(name: str, args: tuple[Any, ...]) -> bool:
    return name == "pow" and len(args) == 2 and args[1] == 2


def _is_low(x: Tensor) -> bool:
    return x.is_complex() or (x.is_floating_point() and x.dtype != torch.float64)


def _made_low(kinds: set[torch.dtype]) -> bool:
    """Whether floats of less precision are not those of the inputs: weights may be prepared in their own."""
    return torch.float64 in kinds or not any(kind.is_floating_point for kind in kinds)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)
