"""What a module of a user's raises is told by its place and class, wherever it is raised."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from command import TINY, bench, photographs
from messages import says
from tiny import MODULES, SIZE
from torch import nn

from jpegai_bench.config.hydra_errors import explain
from jpegai_bench.network.codec import Network, Planes
from jpegai_bench.network.context import PHASES, Pass
from jpegai_bench.network.places import failed_module


class Lost(nn.Module):
    def __init__(self, *channels):
        super().__init__()

    def forward(x, y):  # whatever `self` is called
        raise KeyError("lost")


class LostPass(Pass):
    def __init__(self, latent):
        super().__init__()
        self.first, self.end, self.phases = 0, latent, PHASES

    def look(self, arithmetic, known):
        raise KeyError("lost")


def training(network):
    planes = Planes(torch.ones(1, 1, 64, 64), torch.ones(1, 2, 32, 32))
    network(planes, torch.ones(1))


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"attention_half": Lost}, "attention_half"),
        ({"activation": Lost}, "activation"),
        ({"upsampling": Lost}, "upsampling"),
        ({"last_upsampling": Lost}, "last_upsampling"),
        ({"residual": Lost}, "residual"),
        ({"synthesis_luma": Lost}, "synthesis.luma"),
        ({"analysis_chroma": Lost}, "analysis.chroma"),
        ({"analysis_activation": Lost}, "analysis.activation"),
        ({"entropy_hyper_analysis": Lost}, "entropy.hyper_analysis"),
        ({"entropy_context": lambda latent, *_: nn.ModuleList([LostPass(latent)])}, "entropy.context"),
    ],
)
def test_the_place_of_the_module_that_failed_is_told(part, place):
    with pytest.raises(KeyError) as failure:
        training(Network(SIZE, replace(MODULES, **part)))
    kind = "LostPass" if place == "entropy.context" else "Lost"
    assert failed_module(failure.value) == f"{place} ({__name__}.{kind})"
    assert says(explain(failure.value), place, "KeyError: 'lost'")
    assert "defect" not in explain(failure.value)


def test_what_a_module_of_the_package_or_of_torch_raises_may_be_a_defect():
    with pytest.raises(RuntimeError) as failure:
        training(Network(SIZE, replace(MODULES, attention_half=partial(nn.Conv2d, 3, kernel_size=1))))
    assert failed_module(failure.value) == ""
    assert "a defect of jpegai-bench" in explain(failure.value)


def test_a_module_that_fails_in_a_training_alone_is_told_by_its_place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_fickle.py").write_text(
        "import torch\n"
        "class Fickle(torch.nn.Conv2d):\n"
        "    def __init__(self, channels):\n"
        "        super().__init__(channels, channels, 1)\n"
        "    def forward(self, x):\n"
        "        if torch.is_grad_enabled():\n"
        "            raise TypeError('no gradients')\n"
        "        return super().forward(x)\n"
    )
    photographs(tmp_path / "photos")
    own = ("+variant=base", "variant.name=mine", "variant.attention_half._target_=my_fickle.Fickle")
    steps = (
        "training=smoke",
        "training.steps=2",
        "training.warmup_steps=1",
        "training.attention_from_step=0",
    )
    plain = ("training.precision=float32", "training.threads=1", "training.data=[photos]")
    drop = ("~variant.attention_half.trunk_blocks", "~variant.attention_half.mask_blocks")
    done = bench("train", *TINY, *own, *drop, *steps, *plain, cwd=tmp_path)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert says(last, "attention_half (my_fickle.Fickle)", "TypeError: no gradients")
    assert "defect" not in last
