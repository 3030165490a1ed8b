"""A training small enough for a test: photographs of waves, a narrow network, few steps."""

import csv
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from recipes import small_operation, small_recipe
from torch import nn

from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.codec import Network, NetworkSize
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.upsampling import TransposedConvolution
from jpegai_bench.training.fit import Report, fit
from jpegai_bench.training.photographs import find_photographs

SIZE = NetworkSize(8, 8, 8, 8, 8, 8, residual_blocks=1, rnab_trunk_blocks=1, rnab_mask_blocks=1, qualities=3)
RECIPE = small_recipe(
    steps=6,
    batch_size=2,
    crop=64,
    warmup_steps=2,
    ms_ssim_share=0.2,
    ms_ssim_from_step=2,
    precision="float32",
)
OPERATION = small_operation(checkpoint_seconds=0.0, log_every=1)
IDENTITY = {"variant": "tiny", "recipe": RECIPE.as_dict()}


class Killed(BaseException):
    """The power fails."""


def write_photographs(
    folder: Path, count: int = 3, width: int = 110, height: int = 90, seed: int = 0
) -> Path:
    """`0.png`, `1.png`, …"""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    y, x, _ = np.mgrid[:height, :width, :1]
    for index in range(count):
        waves = 128 + 100 * np.sin(x / random.uniform(4, 20, 3) + y / random.uniform(4, 20, 3))
        noisy = (waves + random.normal(0, 5, waves.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{index}.png")
    return folder


def truncate(path: Path) -> None:
    """Leave the header and a part of the samples."""
    path.write_bytes(path.read_bytes()[:600])


def no_attention(channels: int) -> nn.Module:
    return nn.Identity()


def network(seed: int = 0, attention=no_attention) -> Network:
    torch.manual_seed(seed)
    return Network(SIZE, NetworkModules(attention, no_attention, TransposedConvolution, ResAU))


def weights(trained: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in trained.named_parameters()}


def equal(one, two) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def train(
    photographs,
    folder,
    recipe=RECIPE,
    operation=OPERATION,
    made=None,
    stop_at=None,
    seed=0,
    identity=IDENTITY,
    told=None,
    each=None,
):
    """Train; `stop_at` kills as that step is reported. Returns the network, each step's figures and weights,
    and the warnings, which go into `told` too; `each` is called at each step's end.

    `photographs` are a folder, or what was found.
    """
    folder.mkdir(exist_ok=True)
    trained = made or network(seed)
    trace: list = []
    warnings: list[str] = [] if told is None else told

    def progress(now):
        trace.append((now, weights(trained)))
        if now.step == stop_at:
            raise Killed
        if each:
            each(now)

    if isinstance(photographs, Path):
        photographs = find_photographs([photographs], recipe.crop, 1)
    with suppress(Killed):
        fit(trained, photographs, recipe, operation, folder, identity, Report(progress, warnings.append))
    return trained, trace, warnings


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
