"""Displacement score: how far a sharp prediction lies from the real frame, by optical flow.

Letters: B batch, T frames, C channels, H height, W width.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.layers.dis_flow import DisPreset, displacement_map


class DisplacementScore(nn.Module):
    """Largest box-blurred flow from the predicted to the real frame, in pixels.

    Uses OpenCV on the CPU: not differentiable; meant for predictions that stay sharp.

    Args:
        box_px: Side of the box.
        enlarge: Pictures are made so many times larger first: dense inverse search is coarse on small ones.
        preset: Accuracy of the flow.
    """

    def __init__(self, *, box_px: int, enlarge: int = 1, preset: DisPreset = "medium") -> None:
        super().__init__()
        self.box_px, self.enlarge, self.preset = box_px, enlarge, preset

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        return self.map(real_BTCHW, predicted_BTCHW).amax(dim=(2, 3))

    def map(self, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Box-blurred magnitude of the flow, in pixels of the given pictures: (B, T, H, W), for values in [0, 1]."""
        pairs = zip(_numbers(predicted_BTCHW), _numbers(real_BTCHW), strict=True)
        maps = [
            displacement_map(*pair, box_px=self.box_px, enlarge=self.enlarge, preset=self.preset)
            for pair in pairs
        ]
        map_NHW = torch.from_numpy(np.stack(maps))
        return map_NHW.reshape(*real_BTCHW.shape[:2], *map_NHW.shape[1:]).to(real_BTCHW.device)


def grey_levels(x_BTCHW: Tensor) -> Tensor:
    """Grey pictures from values in [0, 1]: uint8 (B, T, H, W)."""
    return (x_BTCHW.mean(dim=2).clamp(0, 1) * 255).round().to(torch.uint8)


def _numbers(x_BTCHW: Tensor) -> npt.NDArray[np.uint8]:
    """(B*T, H, W)."""
    out: npt.NDArray[np.uint8] = grey_levels(x_BTCHW).cpu().flatten(0, 1).numpy()
    return out
