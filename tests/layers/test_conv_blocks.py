import pytest
import torch
from torch import nn

from normalcy.layers.conv_blocks import ConvBlock, DeconvBlock, leftover, valid_size


def test_papers_sizes_are_reached_only_without_padding():
    half = valid_size((227, 227), kernel=11, stride=4)
    assert half == (55, 55)
    assert valid_size(half, kernel=5, stride=2) == (26, 26)


@pytest.mark.parametrize("size", [(227, 227), (64, 96), (37, 50), (11, 14)])
def test_deconvolution_restores_the_size_that_the_convolution_took(size):
    conv = ConvBlock(1, 2, kernel=11, stride=4, activation=nn.Tanh())
    deconv = DeconvBlock(
        2,
        1,
        kernel=11,
        stride=4,
        activation=nn.Identity(),
        output_padding=leftover(size, kernel=11, stride=4),
    )
    x_NCHW = torch.rand(2, 1, *size)
    small_NCHW = conv(x_NCHW)
    assert small_NCHW.shape[2:] == valid_size(size, kernel=11, stride=4)
    assert deconv(small_NCHW).shape == x_NCHW.shape


def test_activation_is_applied():
    block = ConvBlock(1, 1, kernel=1, stride=1, activation=nn.Tanh())
    nn.init.constant_(block.conv.weight, 100.0)
    assert block(torch.ones(1, 1, 2, 2)).max() <= 1.0
