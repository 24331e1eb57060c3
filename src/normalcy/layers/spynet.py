"""SPyNet: optical flow by one small network for each level of a pyramid (Ranjan, Black, CVPR 2017, arXiv 1611.00850).

From the coarsest level up, the second picture is warped by the flow found so far, and a network adds what is missing.

Deviations: six levels where the paper has five, as published weights do; pictures are reduced by average pooling, flow
is enlarged and pictures are warped with areas of pixels in place, not corners, and beyond its border a warped picture
repeats its last pixel.

Letters: B batch, C channels, H height, W width; flow channels are x and y displacement in pixels.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.shapes import use_channels_last

_LEVELS = 6
_WIDTHS = (8, 32, 64, 32, 16, 2)


class SpyNet(nn.Module):
    """Flow that carries the first picture to the second; sides are multiples of 32, values in [0, 1]."""

    mean_311: Tensor
    deviation_311: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.basic = nn.ModuleList(_level() for _ in range(_LEVELS))
        # Not persistent: files of weights do not hold them.
        mean_311, deviation_311 = (
            torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        self.register_buffer("mean_311", mean_311, persistent=False)
        self.register_buffer("deviation_311", deviation_311, persistent=False)
        use_channels_last(self)

    def forward(self, first_B3HW: Tensor, second_B3HW: Tensor) -> Tensor:
        """Returns the flow (B, 2, H, W)."""
        pyramid = list(zip(self._pyramid(first_B3HW), self._pyramid(second_B3HW), strict=True))[::-1]
        flow_B2HW = torch.zeros_like(pyramid[0][0][:, :2])
        for network, (first, second) in zip(self.basic, pyramid, strict=True):
            flow_B2HW = _grown(flow_B2HW, (first.shape[2], first.shape[3]))
            flow_B2HW = flow_B2HW + network(torch.cat([first, warp(second, flow_B2HW), flow_B2HW], dim=1))
        return flow_B2HW

    def _pyramid(self, image_B3HW: Tensor) -> list[Tensor]:
        """The normalised picture and its halves, finest first."""
        levels = [(image_B3HW - self.mean_311) / self.deviation_311]
        for _ in range(_LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], kernel_size=2))
        return levels


def warp(image_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Looks each pixel up where the flow leads: out(p) = image(p + flow(p)), bilinear, (B, C, H, W).

    Beyond the border lies the nearest pixel of the picture.
    """
    height, width = image_BCHW.shape[2:]
    x_W = torch.arange(width, device=flow_B2HW.device) + 0.5
    y_H1 = torch.arange(height, device=flow_B2HW.device)[:, None] + 0.5
    # In units where the picture reaches from -1 to 1, border to border.
    across_BHW = (flow_B2HW[:, 0] + x_W) * (2 / width) - 1
    down_BHW = (flow_B2HW[:, 1] + y_H1) * (2 / height) - 1
    grid_BHW2 = torch.stack([across_BHW, down_BHW], dim=-1)
    return F.grid_sample(image_BCHW, grid_BHW2, padding_mode="border", align_corners=False)


def _level() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(_WIDTHS):
        layers += [nn.Conv2d(before, after, kernel_size=7, padding=3), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _grown(flow_B2hw: Tensor, size: tuple[int, int]) -> Tensor:
    """The flow at twice the size; the start, all zero, has the first level's size already."""
    return 2 * F.interpolate(flow_B2hw, size=size, mode="bilinear")
