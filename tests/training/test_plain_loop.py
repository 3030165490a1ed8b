"""A training's weights are, bit for bit, those of the loop that its documentation describes, written out."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from trainings import OPERATION, RECIPE, equal, network, train, weights

from jpegai_bench.network.codec import BRANCHES
from jpegai_bench.training.data import Crops, Steps, collate, to_planes
from jpegai_bench.training.loss import betas, rate_distortion
from jpegai_bench.training.photographs import find_photographs

RECIPE = replace(
    RECIPE,
    steps=7,
    ms_ssim_from_step=5,
    attention_from_step=2,
    attention_rate=0.25,
    learning_rate=3e-3,
    gradient_clip=0.5,
    ema=0.7,
)


def with_attention():
    return network(attention=lambda channels: nn.Conv2d(channels, channels, 3, padding=1))


def plain(photographs, recipe):
    """The weights of each step, and the moving average."""
    made = with_attention()
    attention = {
        name: parameter
        for name, parameter in made.synthesis.named_parameters()
        if name.split(".")[1].startswith("attention")
    }
    parts = {
        "all": made.parameters(),
        "synthesis": made.synthesis.parameters(),
        "entropy": (p for branch in BRANCHES for p in made.entropy(branch).parameters()),
    }
    made.requires_grad_(False)
    trained = list(parts[recipe.train])
    for parameter in trained:
        parameter.requires_grad_(True)
    late = [p for p in trained if any(p is other for other in attention.values())]
    optimizer = torch.optim.Adam(
        [{"params": [p for p in trained if not any(p is other for other in late)]}, {"params": late}],
        fused=True,
    )
    made.to(memory_format=torch.channels_last).train()
    found = find_photographs([photographs], recipe.crop, 1)
    crops = Crops(found.training, recipe, made.size.qualities)
    average = {name: value.clone() for name, value in weights(made).items()}
    trace = []
    for step, numbers in enumerate(Steps(0, recipe)):
        batch = collate([crops[number] for number in numbers])
        planes = to_planes(batch.crops)
        optimizer.param_groups[0]["lr"] = recipe.learning_rate_at(step)
        optimizer.param_groups[1]["lr"] = recipe.attention_learning_rate_at(step)
        places = [(branch, name) for branch in made.synthesis.values() for name in branch.attention_parts]
        kept = [getattr(*place) for place in places]
        if step < recipe.attention_from_step:
            for place in places:
                setattr(*place, nn.Identity())
        torch.manual_seed((recipe.seed * 1_000_003 + step) * 1_009)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            output = made(planes, batch.quality)
        for place, module in zip(places, kept, strict=True):
            setattr(*place, module)
        beta = betas(batch.quality, recipe.beta_lowest, recipe.beta_highest, made.size.qualities)
        weight = torch.sqrt((recipe.beta_lowest * recipe.beta_highest) ** 0.5 / beta)
        optimizer.zero_grad()
        rate_distortion(output, planes, beta, recipe.ms_ssim_share_at(step), weight).total.backward()
        nn.utils.clip_grad_norm_(trained, recipe.gradient_clip)
        optimizer.step()
        trace.append(weights(made))
        for name, value in trace[-1].items():
            average[name] = torch.lerp(average[name], value, 1 - recipe.ema_decay_at(step))
    return trace, average


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("part", ["all", "synthesis", "entropy"])
def test_weights_and_average_are_those_of_the_plain_loop(photographs, tmp_path, part, precision):
    recipe = replace(RECIPE, train=part, precision=precision)
    trace, average = plain(photographs, recipe)
    operation = replace(OPERATION, validate_every=4, checkpoint_seconds=1e9)
    trained, ours, _ = train(photographs, tmp_path, recipe, operation, made=with_attention())
    assert [now.step for now, _ in ours] == list(range(1, 8))
    for step, ((_, own), theirs) in enumerate(zip(ours, trace, strict=True), 1):
        assert equal(own, theirs), step
    assert equal(weights(trained), average)
