"""A GPU is not waited for within a step. Without a GPU: what would make a host wait for it is looked for.

On torch's meta device nothing has a value, so that asking for one fails; a tensor that is made on the CPU on
the way would be copied to the GPU. The optimizer's step, which the meta device lacks, is watched on the CPU.
"""

from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
from command import settings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from trainings import OPERATION, RECIPE, network, rows, train

from jpegai_bench.config.variants import variant_of
from jpegai_bench.network.codec import Network
from jpegai_bench.training import validation
from jpegai_bench.training.checkpoint_guard import LOOK_EVERY, Keeper
from jpegai_bench.training.data import Batch
from jpegai_bench.training.descent import Descent
from jpegai_bench.training.interrupts import Interrupts

META = torch.device("meta")
SHALLOW = (
    *(f"model.{of}_blocks=1" for of in ("residual", "rnab_trunk", "rnab_mask", "restormer")),
    "model.restormer_heads=2",
)
"""Each kind of block once."""


class Calls(TorchDispatchMode):
    """Notes what reads a value of a tensor, and what has to do with tensors of another device.

    Also what makes a tensor of numbers of the host, which are copied, and which no dispatch tells.
    """

    def __init__(self, device):
        super().__init__()
        self.device = device
        self.noted = []
        self.copied = ExitStack()

    def __enter__(self):
        for place, name in ((torch.Tensor, "new_tensor"), (torch, "tensor"), (torch, "as_tensor")):
            self.copied.enter_context(patch.object(place, name, self._noting(name, getattr(place, name))))
        return super().__enter__()

    def __exit__(self, *details):
        self.copied.close()
        super().__exit__(*details)

    def _noting(self, name, make):
        def noting(*args, **kwargs):
            self.noted.append(name)
            return make(*args, **kwargs)

        return noting

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, made)) if isinstance(leaf, torch.Tensor)]
        reads = function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        if reads or any(tensor.device != self.device for tensor in tensors):
            self.noted.append(str(function))
        return made


def descent(made, recipe, device):
    """Fabric takes no device that is not there."""
    fabric = SimpleNamespace(
        device=device,
        global_rank=0,
        is_global_zero=True,
        launch=lambda: None,
        setup_module=lambda module: module,
        backward=torch.Tensor.backward,
        broadcast=lambda value: value,
    )
    started = Descent(made, recipe, fabric)
    started.meet()
    return started


def batch(recipe, device):
    crops = torch.zeros(recipe.batch_size, recipe.crop, recipe.crop, 3, dtype=torch.uint8, device=device)
    return Batch(crops, torch.ones(recipe.batch_size, device=device), [])


@pytest.mark.parametrize(
    ("variant", "part", "words"),
    [
        ("base", "all", ["model=paper"]),
        ("base", "entropy", ["model=small", "model.context=multistage"]),
        ("combined", "synthesis", ["model=paper"]),
        ("combined_ds", "all", ["model=small", "model.context=multistage"]),
        ("base", "all", ["model=small", "model.context_luma_groups=[96,96]"]),
    ],
)
def test_the_gradient_of_a_step_asks_for_no_value_and_copies_nothing(variant, part, words):
    chosen = settings(f"+variant={variant}", *words, *SHALLOW)
    size = chosen.model.network_size()
    with META:
        made = Network(size, variant_of(chosen).modules(size))
    recipe = replace(RECIPE, ms_ssim_from_step=1, attention_from_step=1, train=part)
    started = descent(made, recipe, META)
    first = batch(recipe, META)
    started.state.step = 1
    started.gradient(first)  # makes tables that are kept
    for step in (0, 1):
        started.state.step = step
        with Calls(META) as calls:
            started.gradient(first)
        assert calls.noted == []
    assert all(value.device == META for value in started.last)


def test_the_calls_are_noticed():
    with Calls(torch.device("cpu")) as calls:
        float(torch.ones(1).sum())
        torch.ones(3).nonzero()
        torch.ones(1).to(META)
        torch.ones(1).new_tensor(1.0)
    assert calls.noted == [
        "aten._local_scalar_dense.default",
        "aten.nonzero.default",
        "aten._to_copy.default",
        "new_tensor",
    ]


def test_validation_asks_for_no_value_before_its_end():
    made = network().to(META)
    pictures = torch.zeros(11, 64, 64, 3, dtype=torch.uint8, device=META)
    with Calls(META) as calls, pytest.raises((RuntimeError, NotImplementedError)):
        validation.points(made, pictures)  # the means cannot be told
    assert set(calls.noted) <= {"aten._to_copy.default"}


def test_between_two_looks_no_step_asks_for_a_value(tmp_path, monkeypatch):
    """As on a GPU: the keeper looks every ten steps."""
    cpu = torch.device("cpu")
    started = descent(network(), replace(RECIPE, steps=100, ms_ssim_from_step=0), cpu)
    operation = replace(OPERATION, checkpoint_seconds=1e9)
    keeper = Keeper(started, tmp_path / "checkpoint.pt", {}, operation, print, Interrupts(leads=False))
    monkeypatch.setitem(LOOK_EVERY, "cpu", 10)
    first = batch(RECIPE, cpu)
    asked = {}
    for _ in range(11):
        with Calls(cpu) as calls:
            started.gradient(first)
            keeper.before_descent()
            started.descend()
            assert not keeper.after_step()
        if calls.noted:
            asked[started.state.step] = calls.noted
    assert set(asked) <= {10}
    assert len(started.state.level.recent) == 10


def test_a_training_that_looks_seldom_comes_to_the_same(photographs, tmp_path, monkeypatch):
    recipe, operation = replace(RECIPE, steps=13), replace(OPERATION, checkpoint_seconds=1e9)
    train(photographs, tmp_path / "often", recipe, operation)
    monkeypatch.setitem(LOOK_EVERY, "cpu", 10)
    train(photographs, tmp_path / "seldom", recipe, operation)
    often, seldom = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("often", "seldom"))
    assert often["level"] == seldom["level"]
    assert all(torch.equal(often["network"][name], value) for name, value in seldom["network"].items())
    figures = [[row["loss"] for row in rows(tmp_path / name / "log.csv")] for name in ("often", "seldom")]
    assert figures[0] == figures[1]
