"""Restormer blocks in strips: the same as written plainly, wherever strips begin and end."""

import pytest
import torch
from torch import nn

from jpegai_bench.network.attention import ChannelSplitAttention, DownsampledAttention, RestormerStack
from jpegai_bench.network.strips import in_strips


def awake(module, seed=0):
    """Random weights in place of those that start at zero."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random))
    return module


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plainly(module, x):
    """As training does it."""
    assert torch.is_grad_enabled()
    return module(x).detach()


@pytest.mark.parametrize("height", [1, 2, 15, 16, 17, 31, 32, 33, 50])
@pytest.mark.parametrize("width", [1, 9])
def test_strips_give_what_the_blocks_give_at_once(height, width):
    stack, x = awake(RestormerStack(12, blocks=2, heads=3)), noise(1, 12, height, width)
    with torch.inference_mode():
        found = stack(x)
    torch.testing.assert_close(found, plainly(stack, x), rtol=1e-5, atol=1e-5)
    assert found.shape == x.shape
    assert found.is_contiguous()


def test_every_picture_of_a_batch_has_an_attention_of_its_own():
    stack = awake(RestormerStack(8, blocks=1))
    x = torch.cat([noise(1, 8, 20, 7), 5 * noise(1, 8, 20, 7, seed=1)])
    with torch.inference_mode():
        both, alone = stack(x), [stack(one[None]) for one in x]
    torch.testing.assert_close(both, plainly(stack, x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(both, torch.cat(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [ChannelSplitAttention, DownsampledAttention])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_whatever_lies_around_the_blocks_and_however_maps_lie_in_memory(kind, layout):
    module = awake(kind(16, blocks=2)).to(memory_format=layout)
    x = noise(1, 16, 38, 22).contiguous(memory_format=layout)
    with torch.inference_mode():
        found = module(x)
    torch.testing.assert_close(found, plainly(module, x), rtol=1e-5, atol=1e-5)


def test_threads_change_nothing_beyond_the_last_digits_and_repeats_nothing_at_all():
    stack, x = awake(RestormerStack(16, blocks=2)), noise(1, 16, 45, 30)
    before = torch.get_num_threads()
    try:
        with torch.inference_mode():
            torch.set_num_threads(1)
            one, again = stack(x), stack(x)
            torch.set_num_threads(2)
            two = stack(x)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, again)
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)


def test_where_something_is_learned_or_rounded_otherwise_the_blocks_run_as_they_are():
    x = noise(1, 8, 20, 7)
    assert not in_strips(x)  # a gradient may be wanted
    with torch.inference_mode():
        assert in_strips(x)
        assert not in_strips(x.double())
        assert not in_strips(x.to("meta"))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not in_strips(x)
    stack = awake(RestormerStack(8, blocks=1))
    stack(x).square().mean().backward()
    assert all(bool(parameter.grad.abs().sum() > 0) for parameter in stack.parameters())
    assert isinstance(stack.blocks, nn.Sequential)
    assert torch.equal(stack(x), stack.blocks(x))
