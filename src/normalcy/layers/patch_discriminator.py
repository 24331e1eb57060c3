"""A discriminator of patches of a picture (PatchGAN; Isola et al. 2017, arXiv 1611.07004).

Letters: N pictures, C channels, H height, W width, h and w the patches in a column and in a row.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

KERNEL, SLOPE = 4, 0.2


class PatchDiscriminator(nn.Module):
    """How likely each patch of a picture is real: (N, C, H, W) -> (N, h, w), in [0, 1].

    4x4 convolutions with padding 1, LeakyReLU 0.2 after each; then a 4x4 convolution of stride 1 to one channel, and a
    sigmoid. With the default strides a patch is 70 pixels wide and patches lie 8 apart:

    >>> from normalcy.layers.receptive_field import receptive_fields
    >>> receptive_fields([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)])
    (1, 4, 7, 16, 34, 70)

    There is no normalisation, by choice: BatchNorm would judge a picture by what else is in its batch, and real and
    generated pictures come in batches of their own, which alone can give them away. Weights therefore start as He et
    al. (2015, arXiv 1502.01852) give them for this slope, so that all layers see values of one size.

    Args:
        channels: C.
        widths: Features of each convolution but the last.
        strides: Its stride, one for each width.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: tuple[int, ...] = (128, 256, 512, 512),
        strides: tuple[int, ...] = (2, 2, 2, 1),
    ) -> None:
        super().__init__()
        if len(widths) != len(strides):
            raise ValueError(f"widths {widths} and strides {strides} differ in number")
        layers = zip(pairwise((channels, *widths)), strides, strict=True)
        self.convs = nn.Sequential(*(_layer(before, after, stride) for (before, after), stride in layers))
        self.head = _conv(widths[-1], 1, stride=1, slope=1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Probabilities of being real, float32: (N, h, w)."""
        logits_N1hw: Tensor = self.head(self.convs(x_NCHW.contiguous(memory_format=torch.channels_last)))
        # bfloat16 tells probabilities near 1 apart by .004 only.
        return logits_N1hw[:, 0].float().sigmoid()


def _layer(before: int, after: int, stride: int) -> nn.Sequential:
    conv = _conv(before, after, stride=stride, slope=SLOPE)
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def _conv(before: int, after: int, *, stride: int, slope: float) -> nn.Conv2d:
    """A convolution that is followed by a LeakyReLU of this slope; 1 is none."""
    conv = nn.Conv2d(before, after, KERNEL, stride, padding=1)
    nn.init.kaiming_normal_(conv.weight, a=slope)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
