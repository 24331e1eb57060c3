"""Displacement score: how far a sharp prediction lies from the real frame, by optical flow.

Letters: B batch, T frames, C channels, H height, W width.
"""

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.layers.dis_flow import dis_flow, flow_between


class DisplacementScore(nn.Module):
    """Largest box-blurred flow from the predicted to the real frame, in pixels.

    Uses OpenCV on the CPU: not differentiable and not exportable; meant for predictions that stay sharp.
    """

    def __init__(self, *, box_px: int) -> None:
        super().__init__()
        self.box_px = box_px

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        estimator = dis_flow("medium")
        real_NHW, predicted_NHW = _grey(real_BTCHW), _grey(predicted_BTCHW)
        peaks = [
            self._peak(flow_between(estimator, a, b)) for a, b in zip(predicted_NHW, real_NHW, strict=True)
        ]
        return torch.tensor(peaks, dtype=torch.float32).reshape(real_BTCHW.shape[:2])

    def _peak(self, flow_HW2: npt.NDArray[np.float32]) -> float:
        magnitude_HW = np.hypot(flow_HW2[..., 0], flow_HW2[..., 1])
        return float(cv2.blur(magnitude_HW, (self.box_px, self.box_px)).max())


def _grey(x_BTCHW: Tensor) -> npt.NDArray[np.uint8]:
    """uint8 (B*T, H, W) from values in [0, 1]."""
    grey = (x_BTCHW.mean(dim=2).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    out: npt.NDArray[np.uint8] = grey.flatten(0, 1).numpy()
    return out
