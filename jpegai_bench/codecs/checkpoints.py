"""CompressAI networks: from state dicts on disk, in all the spellings that are about, to strings and back.

Nothing in a file is ever executed: what is no plain container of tensors is refused.
"""

import hashlib
import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn
from torch.nn import functional

from jpegai_bench.codecs.compressai_models import compute_padding
from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.system.devices import prepare_device

PADDING = 64
"""Sides are padded to multiples of it, as CompressAI's own evaluation does, or of what a model asks for."""

# Where training scripts keep the weights among the rest.
_NESTED = ("state_dict", "model_state_dict", "network", "model", "net")
_TABLES = ("_quantized_cdf", "_offset", "_cdf_length", "scale_table")
# The entropy bottleneck's parameters have been called _biases.0, _bias0 and biases.0, and so on.
_OLD = re.compile(r"\._?(?:(matri)(?:x|ces)|(bias)(?:es)?|(factor)s?)\.?(\d+)$")

# CompressAI's range encoder never ends on symbols beyond about 2**27; NaN becomes one.
_LARGEST = 2**24
_FURTHEST = 2**14
"""Of quantiles: CompressAI's CDFs have 2**16 shares, one a symbol at least, and nothing there checks it."""


@lru_cache(maxsize=16)
def peer(kind: type, path: Path, sha256: str, is_vbr: bool, device: str) -> "Peer":
    """The network that `load` gives; loaded when first asked for, and once in each process."""
    prepare_device(device)
    with one_thread():
        return Peer(load(kind, path, sha256).to(device), is_vbr, device)


class Peer:
    """A loaded network, and the rate that a variable one is set to.

    All is computed in one thread: float sums follow the thread count, and a decoder must select the CDFs that
    its encoder did. Steps are qualities in thousandths.
    """

    def __init__(self, network: Any, is_vbr: bool, device: str) -> None:
        """`is_vbr`: the network is one of CompressAI's with gains; `device`: where it is."""
        self.network, self.is_vbr, self.device = network, is_vbr, device
        _guard(network)
        self._step = 0
        self._multiple = math.lcm(PADDING, int(getattr(network, "downsampling_factor", 1)))

    def compress(self, image: Image8, step: int) -> tuple[Any, Any]:
        """The model's strings and latent shape, of RGB `[H, W, 3]`.

        Raises:
            BenchError: the model's `compress` returns something else, or its latents cannot be coded.
        """
        levels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        pixels = levels.to(self.device).float().div(255)[None]
        pad, _ = compute_padding(*image.shape[:2], min_div=self._multiple)
        with one_thread(), torch.no_grad():
            coded = self.network.compress(functional.pad(pixels, pad), **self._rate(step))
        if not isinstance(coded, Mapping) or not {"strings", "shape"} <= coded.keys():
            raise BenchError("compress() must return a dict with strings and shape")
        return coded["strings"], coded["shape"]

    def decompress(self, strings: Any, shape: Any, step: int, width: int, height: int) -> Image8:
        """RGB `[H, W, 3]` of the model's strings and latent shape.

        Raises:
            BenchError: the model's `decompress` returns no such picture, or values that are not finite.
        """
        _, unpad = compute_padding(height, width, min_div=self._multiple)
        with one_thread(), torch.no_grad():
            decoded = self.network.decompress(strings, shape, **self._rate(step))
            picture = functional.pad(decoded["x_hat"], unpad)
        if picture.shape != (1, 3, height, width) or not torch.isfinite(picture).all():
            raise BenchError(f"decompress() returns no picture of {width}x{height}, or not a finite one")
        levels = picture[0].clamp(0, 1).mul(255).round().byte()
        return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())

    def _rate(self, step: int) -> dict[str, Tensor]:
        """What a variable-rate model is to be called with."""
        if not self.is_vbr:
            return {}
        gains = self.network.Gain.detach().abs()
        low, part = divmod(step - 1000, 1000)
        scale = gains[low] * (gains[min(low + 1, len(gains) - 1)] / gains[low]) ** (part / 1000)
        if step != self._step and self.network.vr_entbttlnck:
            # The hyperprior's step size follows the gain, and its CDF tables that.
            with torch.no_grad():
                self.network.update(force=True, scale=scale)
            self._step = step
        return {"inputscale": scale}


def _guard(network: nn.Module) -> None:
    """Have a network refuse latents on which CompressAI's range coder would run for ever."""

    def checked(quantize: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def quantize_checked(*args: Any, **options: Any) -> Tensor:
            return _codable(quantize(*args, **options))

        return quantize_checked

    for module in network.modules():
        for method in ("quantize", "quantize_variable"):
            if hasattr(module, "_quantized_cdf") and hasattr(module, method):
                setattr(module, method, checked(getattr(module, method)))
    # mbt2018-vbr quantises by itself: the difference of these two.
    for part in (getattr(network, name, None) for name in ("g_a", "entropy_parameters")):
        if isinstance(part, nn.Module):
            part.register_forward_hook(lambda module, given, found: _codable(found))


def _codable(latent: Any) -> Any:
    if isinstance(latent, Tensor) and not ((latent > -_LARGEST) & (latent < _LARGEST)).all():
        raise BenchError(
            f"the network diverges on this picture: its latents are not finite, or above {_LARGEST}"
        )
    return latent


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch to one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load(kind: type, path: Path, sha256: str) -> nn.Module:
    """The network of class `kind` with the weights in `path`, ready to code.

    N, M and the like are found from the tensors, by the class's own `from_state_dict`. CDF tables are always
    made anew from the parameters, as CompressAI's own evaluation of a checkpoint does: those in a file may be
    missing, or left over from the network that a training began with.

    Args:
        kind: has `from_state_dict`, `update`, `compress` and `decompress`, as CompressAI's models.
        path: `torch.save`d or, ending in `.safetensors`, a safetensors file.
        sha256: of the file as it was when work with it began.

    Raises:
        BenchError: the file is missing, replaced, no checkpoint, holds objects besides tensors, or does not
            fit `kind`; says which.
    """
    tensors = read(path, sha256)
    try:
        network = _built(_tolerant(kind, path), tensors)
    except KeyError as error:
        raise BenchError(
            f"{path}: does not fit {kind.__name__}: it has no {error}, but {next(iter(tensors))} and others"
        ) from None
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BenchError(f"{path}: does not fit {kind.__name__}: {reason}") from None
    for name, parameter in network.named_parameters():
        if not torch.isfinite(parameter).all():
            raise BenchError(f"{path}: {name} holds values that are not finite; this training has diverged")
    for name, module in network.named_modules():
        reach = getattr(module, "quantiles", None)
        if isinstance(reach, Tensor) and reach.abs().max() > _FURTHEST:
            raise BenchError(f"{path}: {name}.quantiles reach beyond {_FURTHEST}, more than a CDF can hold")
    network.float().eval()
    with torch.no_grad():
        network.update(force=True)
    return network


def _built(kind: Any, tensors: dict[str, Tensor]) -> Any:
    """The network; where its names are others, without the prefix that those of the tensors share.

    Raises:
        KeyError: a name that is not there.
    """
    options = {"vr_entbttlnck": True} if any(name.startswith("gayn2zqstep.") for name in tensors) else {}
    try:
        return kind.from_state_dict(dict(tensors), **options)
    except KeyError:
        prefix = next(iter(tensors)).partition(".")[0] + "."
        if not all(name.startswith(prefix) for name in tensors):
            raise
    return _built(kind, {name.removeprefix(prefix): value for name, value in tensors.items()})


def read(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without what trainings put around them.

    Raises:
        BenchError: as for `load`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BenchError(f"{path}: was replaced while it was in use; run the command again")
    found: Any = _safetensors(path, data) if path.suffix == ".safetensors" else _torch(path, data)
    while isinstance(found, Mapping):
        inner = next((found[key] for key in _NESTED if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    if not isinstance(found, Mapping) or not any(isinstance(value, Tensor) for value in found.values()):
        raise BenchError(f"{path}: holds no state dict; save model.state_dict()")
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    return {name.replace(".downsample.", ".skip."): value for name, value in tensors.items()}


def _safetensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return load_safetensors(data)
    except SafetensorError as error:
        raise BenchError(f"{path}: not a safetensors file, or a damaged one ({error})") from None


def _torch(path: Path, data: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its bytes make of it
        if refused := re.search(r"GLOBAL (\S+)", str(error)):
            raise BenchError(
                f"{path}: holds Python objects ({refused[1]}), which are never loaded; where you trust it, "
                "save its model.state_dict() alone"
            ) from None
        raise BenchError(
            f"{path}: not a checkpoint of tensors, or a damaged one; torch.save a model.state_dict()"
        ) from None


def _tolerant(kind: type, path: Path) -> Any:
    """`kind`, loading any spelling of its state dict; what does not fit is said in one line."""

    def load_state_dict(self: Any, state_dict: Mapping[str, Tensor], strict: bool = True) -> Any:
        own = self.state_dict()
        spelling = {_canonical(name): name for name in own}
        if spelling.keys().isdisjoint(map(_canonical, state_dict)):
            raise KeyError(next(iter(own), ""))
        state = {spelling.get(_canonical(name), name): value for name, value in state_dict.items()}
        for name, module in self.named_modules():
            if hasattr(module, "_quantized_cdf"):
                for buffer, value in module.named_buffers():
                    if buffer in _TABLES or f"{name}.{buffer}" not in state:
                        state[f"{name}.{buffer}"] = value
        if strict and (faults := _faults(own, state)):
            raise BenchError(f"{path}: does not fit {kind.__name__}: {faults}")
        # Many a model of a user's takes no `strict`.
        options = {} if strict else {"strict": False}
        return kind.load_state_dict(self, state, **options)  # type: ignore[attr-defined]

    return type(kind.__name__, (kind,), {"load_state_dict": load_state_dict})


def _canonical(name: str) -> str:
    return _OLD.sub(lambda found: f".{found[1] or found[2] or found[3]}{found[4]}", name)


def _faults(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """How the tensors differ from a network's own in names and shapes; empty where they do not."""
    lists = {
        "missing": [name for name in own if name not in state],
        "unknown": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {list(state[name].shape)} for {list(tensor.shape)}"
            for name, tensor in own.items()
            if name in state and state[name].shape != tensor.shape
        ],
    }
    return "; ".join(f"{len(names)} {what}, as {names[0]}" for what, names in lists.items() if names)
