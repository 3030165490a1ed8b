"""Whether modules under study fit their places in the network."""

import copy
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import ALIGNMENT, Latents, Network, NetworkSize
from jpegai_bench.network.exactness import check_entropy_models
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.places import OF_SYNTHESIS
from jpegai_bench.network.transforms import Synthesis, by_depth
from jpegai_bench.system.defects import first_line

_META, _CPU = torch.device("meta"), torch.device("cpu")
_LATENTS = ((4, 6), (5, 3), (1, 1))
"""Heights and widths of latents. Not square, so that a module that swaps the two is noticed; odd, as of every
second picture; and of the smallest one."""
_SMALL = (2, 2)
"""Of the latent with whose size values are compared."""
_SPREAD = 0.1
"""Of what is added to parameters, of which many begin at zero."""
_TOLERANCE = 1e-4
"""Of values, relative to the largest."""


@cache
def check_modules(modules: NetworkModules, size: NetworkSize, thorough: bool = False) -> torch.device:
    """Build and run each module for the channel counts of both branches, on torch's meta device if it can be.

    Modules are run on what even, odd and single latents give, and must be functions of their weights and
    configuration. Of the package's own the tests hold that: unless `thorough`, they are run once, on the
    smallest input.

    Returns:
        Where all of them can be built and run: the meta device, or the CPU.

    Raises:
        BenchError: a module cannot be built or run, does not make the shape that it must, or makes other
            values again; an entropy model is not exact; the message begins with the name of its place.
    """
    devices = {_check(trial, trial.is_ours and not thorough) for trial in _trials(modules, size)}
    if modules.entropy_context or modules.entropy_hyper_analysis or modules.entropy_hyper_synthesis:
        check_entropy_models(modules, size)
    return _CPU if _CPU in devices else _META


class _Trial(NamedTuple):
    """A module at a place: what its factory is called with, and the shapes that it must take and make."""

    place: str
    factory: Callable[..., nn.Module]
    channels: tuple[int, ...]
    """Of its call; outputs last, what comes before adds up to the inputs."""
    scale: int = 1
    """By which height and width of its input exceed those of the latent."""
    factor: Fraction = Fraction(1)
    """By which height and width grow."""

    def given(self, latent: tuple[int, int]) -> tuple[int, ...]:
        """The shape of its input."""
        return 1, sum(self.channels[:-1]) or self.channels[0], *(self.scale * length for length in latent)

    def wanted(self, latent: tuple[int, int]) -> tuple[int, ...]:
        """The shape that it must make."""
        return 1, self.channels[-1], *(int(self.scale * length * self.factor) for length in latent)

    @property
    def is_ours(self) -> bool:
        """Whether the package's own code makes it: its tests hold what is asked of a module."""
        factory = self.factory
        while isinstance(factory, partial):
            factory = factory.func
        return str(getattr(factory, "__module__", "")).startswith("jpegai_bench.")


def _trials(modules: NetworkModules, size: NetworkSize) -> list[_Trial]:
    """Each module once for its channels, on the smallest input that it gets with these."""
    trials: dict[tuple[str, tuple[int, ...]], _Trial] = {}
    for trial in (*_of_synthesis(modules, size), *_of_encoder(modules, size)):
        trials.setdefault((trial.place, trial.channels), trial)
    return list(trials.values())


def _of_synthesis(modules: NetworkModules, size: NetworkSize) -> Iterator[_Trial]:
    luma, chroma = size.latent_luma, size.latent_chroma
    whole = {"luma": modules.synthesis_luma, "chroma": modules.synthesis_chroma}
    sizes = {"luma": (luma, 1), "chroma": (chroma, luma, 2)}
    for branch, latent, widths in (("luma", luma, size.luma), ("chroma", size.chroma_input, size.chroma)):
        if factory := whole[branch]:
            yield _Trial(f"synthesis.{branch}", factory, sizes[branch], factor=Fraction(16))
        else:
            yield from _of_parts(modules, latent, by_depth(widths), sizes[branch][-1])


def _of_parts(
    modules: NetworkModules, latent: int, widths: tuple[int, int, int], outputs: int
) -> Iterator[_Trial]:
    half, quarter, eighth = widths
    yield _Trial("attention_quarter", modules.attention_quarter, (quarter,), 4)
    yield _Trial("attention_half", modules.attention_half, (half,), 8)
    for width, scale in ((eighth, 2), (quarter, 4), (half, 8)):
        yield _Trial("activation", modules.activation, (width,), scale)
    for pair, scale in (((latent, eighth), 1), ((eighth, quarter), 2), ((quarter, half), 4)):
        yield _Trial("upsampling", modules.upsampling, pair, scale, Fraction(2))
    if modules.residual:
        yield _Trial("residual", modules.residual, (latent,))
    if modules.last_upsampling:
        yield _Trial("last_upsampling", modules.last_upsampling, (half, outputs), 8, Fraction(2))


def _of_encoder(modules: NetworkModules, size: NetworkSize) -> Iterator[_Trial]:
    for branch, inputs, whole in (("luma", 1, modules.analysis_luma), ("chroma", 3, modules.analysis_chroma)):
        latent, hyper = getattr(size, f"latent_{branch}"), getattr(size, f"hyper_{branch}")
        half, quarter, eighth = by_depth(getattr(size, branch))
        if whole:
            yield _Trial(f"analysis.{branch}", whole, (inputs, latent), 16, Fraction(1, 16))
        else:
            if modules.analysis_attention:
                yield _Trial("analysis.attention", modules.analysis_attention, (quarter,), 4)
            if modules.analysis_activation:
                for width, scale in ((eighth, 2), (quarter, 4), (half, 8)):
                    yield _Trial("analysis.activation", modules.analysis_activation, (width,), scale)
        if modules.entropy_hyper_analysis:  # of a latent whose sides are padded to multiples of 4
            factory = modules.entropy_hyper_analysis
            yield _Trial("entropy.hyper_analysis", factory, (latent, hyper), 4, Fraction(1, 4))


def check_network(network: Network, crop: int) -> None:
    """Run the synthesis once on noise as large as the latents of a crop, on a CPU.

    Raises:
        BenchError: a module under study fails there, or makes what is not finite; its place is named.
    """
    at = ""

    def enter(place: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            nonlocal at
            at = place

        return hook

    def leave(place: str) -> Callable[..., None]:
        def hook(_module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            if bool(torch.isfinite(given[0]).all()) and not bool(torch.isfinite(made).all()):
                raise BenchError(f"{place} makes NaN or infinity of noise of {tuple(given[0].shape)}")

        return hook

    network = copy.deepcopy(network)  # modules may take from their first input what they begin with
    for branch, synthesis in network.synthesis.items():
        for name, module in synthesis.named_children():
            place = (
                OF_SYNTHESIS.get(name, name)
                if isinstance(synthesis, Synthesis)
                else f"synthesis.{branch}.{name}"
            )
            module.register_forward_pre_hook(enter(place))
            module.register_forward_hook(leave(place))
    size, luma, chroma = network.size, crop // (ALIGNMENT // 2), crop // ALIGNMENT
    random = torch.Generator().manual_seed(0)
    latents = Latents(
        torch.randn(2, size.latent_luma, luma, luma, generator=random),
        torch.randn(2, size.latent_chroma, chroma, chroma, generator=random),
    )
    try:
        with torch.no_grad():
            network.synthesize(latents)
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{at} cannot be run on what a crop of {crop} gives: {first_line(error)}") from None


def _check(trial: _Trial, is_known: bool) -> torch.device:
    """Where the module can be built and run: the meta device, else the CPU.

    Args:
        trial: the module.
        is_known: to be a function of weights and configuration, at all sizes, and to run on the meta device.

    Raises:
        BenchError: nowhere; it makes another shape than it must; or it keeps what weights do not hold.
    """
    if is_known:  # on the CPU: the first operation on the meta device takes a second to import what it needs
        with torch.random.fork_rng(devices=[]):
            _run(trial, _LATENTS[-1:], _CPU)
        return _META
    try:
        _run(trial, _LATENTS, _META)
        device = _META
    except BenchError:
        _run(trial, _LATENTS, _CPU)
        device = _CPU
    with torch.random.fork_rng(devices=[]):
        _require_function(trial)
    return device


def _run(trial: _Trial, latents: Sequence[tuple[int, int]], device: torch.device) -> None:
    """Build the module, and run it on what each of the latents gives."""
    module = _built(trial, device)
    if not isinstance(module, nn.Module):
        raise BenchError(f"{trial.place} is a {type(module).__name__}; it must be a torch.nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters()):
        raise BenchError(
            f"{trial.place} has lazy layers, which weights cannot be loaded into; give their channels"
        )
    module.to(device)
    if trial.place.startswith("synthesis."):
        _require_attention_parts(trial.place, module)
    for latent in latents:
        given, wanted = trial.given(latent), trial.wanted(latent)
        output = _output(trial.place, module, torch.ones(given, device=device))
        made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if made != wanted:
            raise BenchError(f"{trial.place} makes {made} of {given}; it must make {wanted}")


def _require_attention_parts(place: str, module: nn.Module) -> None:
    """What a whole synthesis calls its attention are children of it that keep the shape of their input.

    Raises:
        BenchError: they are not; or, when the module is run, their shape is another.
    """
    parts, children = getattr(module, "attention_parts", ()), dict(module.named_children())
    if isinstance(parts, str) or not set(parts) <= children.keys():
        raise BenchError(
            f"{place}: attention_parts is {parts!r}; it must be a tuple of names of its children, of "
            f"{', '.join(children)}"
        )

    def keep(name: str, given: tuple[Any, ...], made: Any) -> None:
        shapes = [tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__ for x in (*given, made)]
        if len(set(shapes)) > 1:
            raise BenchError(
                f"{place}: {name} of its attention_parts makes {shapes[-1]} of {shapes[0]}; a training "
                "bypasses it at first, so it must keep the shape"
            )

    for name in parts:
        children[name].register_forward_hook(lambda _, given, made, name=name: keep(name, given, made))


def _require_function(trial: _Trial) -> None:
    """What a module makes follows from its weights and its configuration, and from nothing else.

    Raises:
        BenchError: it keeps a state that weights do not hold, or draws at random.
    """
    torch.manual_seed(0)
    used = _built(trial, _CPU)
    torch.manual_seed(1)
    fresh = _built(trial, _CPU)
    parameters = dict(used.named_parameters())
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            parameter.copy_(parameters[name].add_(_SPREAD * torch.randn_like(parameter)))
    first, second = torch.randn(2, *trial.given(_SMALL))
    _output(trial.place, used, first)
    made, again, anew = (_output(trial.place, module.eval(), second) for module in (used, used, fresh))
    kept = dict(used.named_buffers())
    for name, buffer in sorted(fresh.named_buffers()):
        if name in kept and not torch.equal(buffer, kept[name]):
            raise BenchError(
                f"{trial.place} keeps {name} beside its parameters, as batch normalisation does or a buffer "
                "of random numbers, and weights hold parameters alone; make it follow from the configuration"
            )
    if not (_are_close(made, again) and _are_close(made, anew)):
        raise BenchError(
            f"{trial.place} makes other values of the same input and the same parameters when it is run or "
            "built again; a decoder may not depend on chance, nor on what it has seen before"
        )


def _are_close(one: Tensor, other: Tensor) -> bool:
    largest = float(one.abs().nan_to_num(0, 0, 0).max())
    return torch.allclose(one, other, rtol=0, atol=_TOLERANCE * largest, equal_nan=True)


def _output(place: str, module: nn.Module, x: Tensor) -> Tensor:
    given = tuple(x.shape)
    try:
        with torch.no_grad():
            made: Tensor = module(x.clone())
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        raise BenchError(f"{place} cannot be run on an input of {given}: {first_line(error)}") from None
    return made


def _built(trial: _Trial, device: torch.device) -> nn.Module:
    counts = " to ".join(map(str, trial.channels))
    kind = torch.get_default_dtype()
    try:
        with torch.device(device):
            module = trial.factory(*trial.channels)
    except (Exception, SystemExit) as error:
        raise BenchError(
            f"{trial.place} cannot be built for {counts} channels: {first_line(error)}"
        ) from None
    finally:
        changed = torch.get_default_dtype()
        torch.set_default_dtype(kind)
    if changed != kind:
        raise BenchError(
            f"{trial.place} sets torch's default dtype to {changed}, for all; give its layers dtype"
        )
    return module
