import pytest
import tiny
import torch

from jpegai_bench.network.activation import ResAU, SimplifiedActivation
from jpegai_bench.network.attention import RNAB
from jpegai_bench.network.codec import Latents, Planes
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.transforms import Analysis, Synthesis
from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution

BASE = NetworkModules(lambda c: RNAB(c, 1, 1), lambda c: RNAB(c, 1, 1), TransposedConvolution, ResAU)
LIGHT = NetworkModules(
    tiny.no_attention, tiny.no_attention, PixelShuffleUpsampling, lambda c: SimplifiedActivation(c)
)


def test_one_latent_sample_stands_for_16_by_16_pixels():
    assert Analysis(1, (4, 6, 8), 5, (1, 1))(torch.rand(1, 1, 96, 64)).shape == (1, 5, 6, 4)
    assert Synthesis(5, (4, 6, 8), 2, 1, BASE)(torch.randn(1, 5, 6, 4)).shape == (1, 2, 96, 64)
    assert Synthesis(5, (4, 6, 8), 2, 1, LIGHT)(torch.randn(1, 5, 6, 4)).shape == (1, 2, 96, 64)


@torch.inference_mode()
def test_moving_the_image_by_16_pixels_moves_the_latent_by_one():
    analysis = Analysis(1, 6, 4, (1, 1))
    x = torch.rand(1, 1, 400, 32)
    inner = analysis(x)[:, :, 8:17]
    torch.testing.assert_close(analysis(x.roll(16, dims=2))[:, :, 9:18], inner)


@pytest.mark.parametrize("modules", [BASE, LIGHT], ids=["base", "light"])
@torch.inference_mode()
def test_moving_the_latent_by_one_moves_the_image_by_16_pixels(modules):
    synthesis = Synthesis(4, 6, 1, 1, modules).double()
    y = torch.randn(1, 4, 25, 2).double()
    inner = synthesis(y)[:, :, 128:272]
    torch.testing.assert_close(synthesis(y.roll(1, dims=2))[:, :, 144:288], inner)


@torch.inference_mode()
def test_chroma_has_half_the_size_and_sees_luma_which_does_not_see_chroma():
    network = tiny.network().eval()
    planes = Planes(torch.rand(1, 1, 64, 96), torch.rand(1, 2, 32, 48))
    latents = network.analyze(planes)
    assert latents.luma.shape == (1, 8, 4, 6)
    assert latents.chroma.shape == (1, 8, 2, 3)
    out = network.synthesize(latents)
    assert out.luma.shape == planes.luma.shape
    assert out.chroma.shape == planes.chroma.shape
    changed = network.synthesize(Latents(latents.luma, latents.chroma + 1))
    assert torch.equal(changed.luma, out.luma)
    assert not torch.equal(changed.chroma, out.chroma)
    moved = network.synthesize(Latents(latents.luma + 1, latents.chroma))
    assert not torch.equal(moved.chroma, out.chroma)


def test_more_quality_costs_more_bits_and_every_image_of_a_batch_its_own():
    network = tiny.network().train()
    plane = Planes(torch.rand(1, 1, 64, 64), torch.rand(1, 2, 32, 32))
    batch = Planes(*(part.repeat(3, 1, 1, 1) for part in plane))
    bits = network(batch, torch.tensor([0.0, 1.0, 2.0])).latent_bits
    assert bits[0] < bits[1] < bits[2]


def test_the_gradient_reaches_every_trained_weight():
    network = tiny.network().train()
    out = network(Planes(torch.rand(1, 1, 64, 64), torch.rand(1, 2, 32, 32)), torch.tensor([1.3]))
    (out.planes.luma.sum() + out.planes.chroma.sum() + out.latent_bits.sum() + out.side_bits.sum()).backward()
    without = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
