import pytest
import torch

from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution


def test_pixel_shuffle_lays_channel_4c_2i_j_at_row_i_column_j():
    module = PixelShuffleUpsampling(3, 2)
    x = torch.randn(1, 3, 4, 5)
    mixed, out = module.conv(x), module(x)
    for channel in range(2):
        for row in range(2):
            for column in range(2):
                part = out[:, channel, row::2, column::2]
                assert torch.equal(part, mixed[:, 4 * channel + 2 * row + column])


def test_transposed_convolution_lays_one_sample_as_its_kernel_around_twice_its_place():
    module = TransposedConvolution(1, 1)
    with torch.no_grad():
        module.conv.bias.zero_()
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 2] = 1.0
    wanted = torch.zeros(8, 8)
    wanted[1:4, 3:6] = module.conv.weight[0, 0]
    torch.testing.assert_close(module(x)[0, 0], wanted)


@pytest.mark.parametrize("kind", [TransposedConvolution, PixelShuffleUpsampling])
def test_height_and_width_are_doubled(kind):
    assert kind(6, 4)(torch.randn(2, 6, 3, 5)).shape == (2, 4, 6, 10)
