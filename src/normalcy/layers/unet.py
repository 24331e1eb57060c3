"""U-Net without normalisation (Ronneberger et al. 2015, arXiv 1505.04597; as in Liu et al. 2018, arXiv 1712.09867).

    64  conv conv ------------------------ join conv conv -> head -> tanh
         | pool                             | up
    128 conv conv ------------- join conv conv
         | pool                  | up
    256 conv conv -- join conv conv
         | pool       | up
    512 conv conv ----+

Letters: N pictures, C channels, H height, W width.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OutputActivation = Literal["tanh", "none"]
OUTPUT_ACTIVATIONS: dict[OutputActivation, type[nn.Module]] = {"tanh": nn.Tanh, "none": nn.Identity}


class UNet(nn.Module):
    """Pictures to pictures of the same size: (N, C, H, W) -> (N, C', H, W).

    Weights start uniform with the variance of Glorot & Bengio (2010), biases at 0: deep levels start quieter than
    shallow ones, so the short way over the skips leads at first.

    Args:
        channels_in: C.
        channels_out: C'.
        widths: Features by level; the last is the bottleneck. H and W are multiples of 2 ** (levels - 1).
        activation: Of the output: `tanh` for pictures in [-1, 1], `none` for what is added to a picture.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        activation: OutputActivation = "tanh",
    ) -> None:
        super().__init__()
        self.down = nn.ModuleList(_level(before, after) for before, after in pairwise((channels_in, *widths)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, kernel_size=2, stride=2) for shallow, deep in pairwise(widths)
        )
        self.join = nn.ModuleList(_level(2 * shallow, shallow) for shallow in widths[:-1])
        self.head = nn.Conv2d(widths[0], channels_out, kernel_size=3, padding=1)
        self.activation = OUTPUT_ACTIVATIONS[activation]()
        self.apply(_initialise)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The picture that is made of `x_NCHW`."""
        self._check(x_NCHW)
        # Channels-last memory lets oneDNN and cuDNN use their fast kernels.
        features = x_NCHW.contiguous(memory_format=torch.channels_last)
        skips = []
        for level in self.down[:-1]:
            skips.append(level(features))
            features = F.max_pool2d(skips[-1], 2)
        features = self.down[-1](features)
        for up, join, skip in zip(reversed(self.up), reversed(self.join), reversed(skips), strict=True):
            features = join(torch.cat([skip, up(features)], dim=1))
        out: Tensor = self.activation(self.head(features))
        return out

    def start_at_zero(self) -> None:
        """Makes the output zero at first, so that a network that adds to a good guess starts from that guess."""
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def _check(self, x_NCHW: Tensor) -> None:
        multiple = 2 ** len(self.up)
        if any(side % multiple for side in x_NCHW.shape[2:]):
            raise ValueError(
                f"pictures {tuple(x_NCHW.shape)} (N, C, H, W): H and W must be multiples of {multiple}, "
                f"because {len(self.up)} levels halve them"
            )


def _level(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
    )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        assert module.bias is not None
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
