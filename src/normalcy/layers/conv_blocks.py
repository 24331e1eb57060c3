"""Convolution and its mirror, each followed by an activation.

Letters: N batch, C channels, H height, W width.
"""

from torch import Tensor, nn

from normalcy.layers.sub_pixel import sub_pixel_deconv


class ConvBlock(nn.Module):
    """Convolution without padding ("valid") and an activation: (N, C, H, W) -> (N, C', H', W')."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int, stride: int, activation: nn.Module
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride)
        self.activation = activation

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Valid convolution, then the activation."""
        out: Tensor = self.activation(self.conv(x_NCHW))
        return out


class DeconvBlock(nn.Module):
    """Transposed convolution that undoes a ConvBlock of the same kernel and stride, and an activation.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel: Side of the kernel.
        stride: Factor by which the picture grows.
        output_padding: (rows, columns) that the ConvBlock left over; they are produced again.
        activation: Applied last; `nn.Identity()` for an output layer.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        stride: int,
        activation: nn.Module,
        output_padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(
            in_channels, out_channels, kernel, stride, output_padding=output_padding
        )
        self.stride, self.output_padding = stride, output_padding
        self.activation = activation

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Transposed convolution, then the activation."""
        bias = self.deconv.bias
        assert bias is not None
        grown_NCHW = sub_pixel_deconv(
            x_NCHW, self.deconv.weight, bias, stride=self.stride, output_padding=self.output_padding
        )
        out: Tensor = self.activation(grown_NCHW)
        return out


def valid_size(size_px: tuple[int, int], *, kernel: int, stride: int) -> tuple[int, int]:
    """Height and width after a valid convolution.

    >>> valid_size((227, 227), kernel=11, stride=4)
    (55, 55)
    """
    height, width = ((side - kernel) // stride + 1 for side in size_px)
    return height, width


def leftover(size_px: tuple[int, int], *, kernel: int, stride: int) -> tuple[int, int]:
    """Rows and columns that a valid convolution does not reach: the mirror's `output_padding`.

    >>> leftover((228, 227), kernel=11, stride=4)
    (1, 0)
    """
    rows, columns = ((side - kernel) % stride for side in size_px)
    return rows, columns
