import torch

from jpegai_bench.network.blocks import ResidualBlock, conv3x3, deconv3x3, full_precision, residual_blocks


def test_new_residual_blocks_are_the_identity():
    x = torch.randn(2, 6, 5, 9)
    assert torch.equal(residual_blocks(6, 3)(x), x)


def test_a_residual_block_adds_its_body():
    block = ResidualBlock(4)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 4, 6, 6)
    first, last = block.body[0], block.body[2]
    torch.testing.assert_close(block(x), x + last(first(x).clamp_min(0)))


def test_stride_two_halves_and_the_transposed_convolution_doubles_any_even_size():
    x = torch.randn(1, 3, 10, 14)
    down = conv3x3(3, 5, stride=2)(x)
    assert down.shape == (1, 5, 5, 7)
    assert deconv3x3(5, 2)(down).shape == (1, 2, 10, 14)


def test_transposed_convolution_is_the_adjoint_of_the_strided_one():
    down, up = conv3x3(3, 5, stride=2).double(), deconv3x3(5, 3).double()
    with torch.no_grad():
        up.weight.copy_(down.weight)
        down.bias.zero_()
        up.bias.zero_()
    x, y = torch.randn(1, 3, 8, 12).double(), torch.randn(1, 5, 4, 6).double()
    torch.testing.assert_close((down(x) * y).sum(), (x * up(y)).sum())


def test_full_precision_suspends_mixed_precision():
    conv, x = conv3x3(2, 2), torch.randn(1, 2, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16
        with full_precision(x):
            assert conv(x).dtype == torch.float32
