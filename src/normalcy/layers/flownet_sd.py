"""FlowNet2-SD: optical flow of small displacements (Ilg et al., FlowNet 2.0, CVPR 2017, arXiv 1612.01925).

    both pictures  64  conv
                   |   conv /2, conv   128
                   |   conv /2, conv   128 ---------------- join, smooth -> flow, a quarter of the size
                   |   conv /2, conv   256 -------- join, smooth -> flow
                   |   conv /2, conv   512 -- join, smooth -> flow
                   |   conv /2, conv   512 - join, smooth -> flow
                   |   conv /2, conv  1024 -> flow

Each level joins what came down, what is deconvolved from the level below, and that level's flow at twice its size. The
names of the layers are those of the published weights (NVIDIA's flownet2-pytorch), in float32 or float16.

Deviations: LeakyReLU 0.1 in place, as in the published networks; the four levels of flow that only training compares
are computed, since the next needs them, and not returned.

Letters: B batch, C channels, H height, W width; flow channels are x and y displacement in pixels.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.shapes import use_channels_last

_FLOW_UNIT = 20.0
"""Pixels that a flow of 1 inside the network stands for, as the network alone is used where its weights come from.

Whether the published weights mean this or a twentieth of a pixel could not be tried: they were not at hand.
"""

_DOWN = {
    "conv0": (6, 64, 1),
    "conv1": (64, 64, 2),
    "conv1_1": (64, 128, 1),
    "conv2": (128, 128, 2),
    "conv2_1": (128, 128, 1),
    "conv3": (128, 256, 2),
    "conv3_1": (256, 256, 1),
    "conv4": (256, 512, 2),
    "conv4_1": (512, 512, 1),
    "conv5": (512, 512, 2),
    "conv5_1": (512, 512, 1),
    "conv6": (512, 1024, 2),
    "conv6_1": (1024, 1024, 1),
}
"""Layers on the way down: channels in, channels out, stride."""

_UP = {5: (512, 512), 4: (512, 256), 3: (256, 128), 2: (128, 64)}
"""Levels on the way up: channels that came down, channels of the level's own."""


class FlowNetSD(nn.Module):
    """Flow that carries the first picture to the second; sides are multiples of 64, values in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        for name, (before, after, stride) in _DOWN.items():
            conv = nn.Conv2d(before, after, kernel_size=3, stride=stride, padding=1)
            self.add_module(name, nn.Sequential(conv, nn.LeakyReLU(0.1, inplace=True)))
        below = 1024
        self.predict_flow6 = nn.Conv2d(below, 2, kernel_size=3, padding=1)
        for level, (beside, own) in _UP.items():
            deconv = nn.ConvTranspose2d(below, own, kernel_size=4, stride=2, padding=1)
            self.add_module(f"deconv{level}", nn.Sequential(deconv, nn.LeakyReLU(0.1, inplace=True)))
            grown = nn.ConvTranspose2d(2, 2, kernel_size=4, stride=2, padding=1)
            self.add_module(f"upsampled_flow{level + 1}_to_{level}", grown)
            below = beside + own + 2
            self.add_module(
                f"inter_conv{level}", nn.Sequential(nn.Conv2d(below, own, kernel_size=3, padding=1))
            )
            self.add_module(f"predict_flow{level}", nn.Conv2d(own, 2, kernel_size=3, padding=1))
        use_channels_last(self)

    def forward(self, first_B3HW: Tensor, second_B3HW: Tensor) -> Tensor:
        """Returns the flow (B, 2, H, W)."""
        pair_BC2HW = torch.stack([first_B3HW, second_B3HW], dim=2)
        # Brightness that both pictures share says nothing of motion.
        pair_BC2HW = pair_BC2HW - pair_BC2HW.mean(dim=(2, 3, 4), keepdim=True)
        features: Any = torch.cat([pair_BC2HW[:, :, 0], pair_BC2HW[:, :, 1]], dim=1)
        came_down = {}
        for name in _DOWN:
            features = self.get_submodule(name)(features)
            came_down[name] = features
        flow = self.predict_flow6(features)
        for level in _UP:
            beside = came_down[f"conv{level}_1"]
            grown = self.get_submodule(f"upsampled_flow{level + 1}_to_{level}")(flow)
            features = torch.cat([beside, self.get_submodule(f"deconv{level}")(features), grown], dim=1)
            flow = self.get_submodule(f"predict_flow{level}")(
                self.get_submodule(f"inter_conv{level}")(features)
            )
        whole_B2HW: Tensor = F.interpolate(flow.float(), size=first_B3HW.shape[2:], mode="bilinear")
        return whole_B2HW * _FLOW_UNIT
