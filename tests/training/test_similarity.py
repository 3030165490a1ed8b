import pytest
import pytorch_msssim
import torch

from jpegai_bench.training.similarity import ms_ssim


@pytest.mark.parametrize(
    ("height", "width", "window"), [(64, 64, 3), (128, 96, 5), (192, 200, 11), (177, 301, 11)]
)
def test_it_is_pytorch_msssim_with_its_gradient(height, width, window):
    random = torch.Generator().manual_seed(0)
    wanted = torch.rand(3, 1, height, width, generator=random)
    given = (wanted + 0.1 * torch.randn(wanted.shape, generator=random)).clamp(0, 1)
    ours, theirs = given.clone().requires_grad_(), given.clone().requires_grad_()
    found = ms_ssim(ours, wanted)
    published = pytorch_msssim.ms_ssim(theirs, wanted, data_range=1.0, size_average=False, win_size=window)
    torch.testing.assert_close(found, published, atol=1e-5, rtol=0)
    found.sum().backward()
    published.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-4 * float(theirs.grad.abs().max()), rtol=0)


def test_of_a_plane_with_itself_it_is_one():
    plane = torch.rand(2, 1, 192, 192)
    torch.testing.assert_close(ms_ssim(plane, plane), torch.ones(2))
