import numpy as np
import pytest
import torch

from jpegai_bench.network.attention import RNAB, ChannelSplitAttention, DownsampledAttention, RestormerStack
from jpegai_bench.network.restormer import ChannelAttention, ChannelNorm, GatedFeedForward, RestormerBlock


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def awake(module, seed=0):
    """Random weights in place of those that start at zero."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random))
    return module


def depthwise(x, kernel):
    """3x3 convolution of each channel with its own kernel, zero padding; `[C, H, W]`."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    height, width = x.shape[1:]
    return sum(
        kernel[:, 0, i, j][:, None, None] * padded[:, i : i + height, j : j + width]
        for i in range(3)
        for j in range(3)
    )


def pointwise(x, weight):
    return np.tensordot(weight[:, :, 0, 0], x, axes=1)


def test_channel_attention_is_mdta_as_restormer_writes_it():
    heads, channels = 2, 6
    layer = awake(ChannelAttention(channels, heads).double())
    x = noise(1, channels, 4, 5).double()
    weights = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    qkv = depthwise(pointwise(x[0].numpy(), weights["qkv.weight"]), weights["depthwise.weight"])
    out = np.zeros((channels, 20))
    each = channels // heads
    for head in range(heads):
        rows = [
            slice(part * channels + head * each, part * channels + (head + 1) * each) for part in range(3)
        ]
        q, k, v = (qkv[row].reshape(each, 20) for row in rows)
        scores = np.array([[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in k] for a in q])
        power = np.exp(scores * weights["temperature"][head, 0, 0])
        out[head * each : (head + 1) * each] = power / power.sum(axis=1, keepdims=True) @ v
    wanted = pointwise(out.reshape(channels, 4, 5), weights["project.weight"])
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), wanted, atol=1e-12)


def test_gated_feed_forward_is_gdfn_as_restormer_writes_it():
    layer = awake(GatedFeedForward(4, 2.66).double())
    x = noise(1, 4, 3, 5).double()
    weights = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    gate, value = np.split(
        depthwise(pointwise(x[0].numpy(), weights["expand.weight"]), weights["depthwise.weight"]), 2
    )
    assert len(gate) == 10  # int(2.66 * 4)
    erf = torch.erf(torch.from_numpy(gate) / np.sqrt(2)).numpy()
    wanted = pointwise(0.5 * gate * (1 + erf) * value, weights["project.weight"])
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), wanted, atol=1e-12)


def test_channel_norm_is_layer_norm_over_channels():
    layer = awake(ChannelNorm(8))
    x = 5 * noise(2, 8, 3, 4) + 2
    wanted = torch.nn.functional.layer_norm(x.movedim(1, -1), (8,), layer.weight, layer.bias).movedim(-1, 1)
    torch.testing.assert_close(layer(x), wanted)


@pytest.mark.parametrize(
    "module",
    [
        RestormerBlock(8, 4, 2.66),
        RestormerStack(8, blocks=2),
        ChannelSplitAttention(8, blocks=2),
        DownsampledAttention(8, blocks=2),
    ],
    ids=lambda module: type(module).__name__,
)
def test_new_attention_is_the_identity(module):
    x = noise(2, 8, 6, 10)
    torch.testing.assert_close(module(x), x)


def test_channel_split_passes_the_second_half_untouched():
    x = noise(1, 16, 6, 6)
    out = awake(ChannelSplitAttention(16, blocks=2))(x)
    assert torch.equal(out[:, 8:], x[:, 8:])
    assert not torch.allclose(out[:, :8], x[:, :8], atol=1e-2)


def test_channel_split_ignores_the_second_half():
    module = awake(ChannelSplitAttention(16, blocks=2))
    x = noise(1, 16, 6, 6)
    other = torch.cat([x[:, :8], noise(1, 8, 6, 6, seed=1)], dim=1)
    assert torch.equal(module(x)[:, :8], module(other)[:, :8])


def test_rnab_without_a_trunk_doubles_what_its_mask_opens():
    module = RNAB(4, trunk_blocks=0, mask_blocks=1)
    x = noise(1, 4, 8, 12)
    last = module.mask[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(50.0)
    torch.testing.assert_close(module(x), 2 * x)
    with torch.no_grad():
        last.bias.fill_(-50.0)
    torch.testing.assert_close(module(x), x)


def test_a_new_rnab_lets_x_pass_almost_unchanged():
    x = noise(1, 8, 8, 8)
    assert bool(((RNAB(8)(x) - x).abs() < 0.5 * x.abs() + 1e-6).all())


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="6 channels cannot be split over 4 heads"):
        ChannelAttention(6, 4)
