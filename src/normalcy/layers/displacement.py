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

    Args:
        box_px: Side of the box.
        enlarge: Pictures are made so many times larger first: dense inverse search is coarse on small ones.
    """

    def __init__(self, *, box_px: int, enlarge: int = 1) -> None:
        super().__init__()
        self.box_px, self.enlarge = box_px, enlarge

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        return self.map(real_BTCHW, predicted_BTCHW).amax(dim=(2, 3))

    def map(self, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Box-blurred magnitude of the flow, in pixels of the given pictures: (B, T, H, W), for values in [0, 1]."""
        estimator = dis_flow("medium")
        pairs = zip(_grey(predicted_BTCHW), _grey(real_BTCHW), strict=True)
        maps = [self._magnitude(estimator, predicted_HW, real_HW) for predicted_HW, real_HW in pairs]
        map_NHW = torch.from_numpy(np.stack(maps))
        return map_NHW.reshape(*real_BTCHW.shape[:2], *map_NHW.shape[1:]).to(real_BTCHW.device)

    def _magnitude(
        self,
        estimator: cv2.DISOpticalFlow,
        predicted_HW: npt.NDArray[np.uint8],
        real_HW: npt.NDArray[np.uint8],
    ) -> npt.NDArray[np.float32]:
        height, width = real_HW.shape
        flow_HW2 = flow_between(estimator, self._enlarged(predicted_HW), self._enlarged(real_HW))
        magnitude_HW = np.hypot(flow_HW2[..., 0], flow_HW2[..., 1]) / self.enlarge
        side = self.box_px * self.enlarge
        blurred_HW = cv2.blur(magnitude_HW, (side, side))
        if self.enlarge > 1:
            blurred_HW = cv2.resize(blurred_HW, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(blurred_HW, np.float32)

    def _enlarged(self, image_HW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if self.enlarge == 1:
            return image_HW
        return np.asarray(
            cv2.resize(image_HW, None, fx=self.enlarge, fy=self.enlarge, interpolation=cv2.INTER_CUBIC),
            np.uint8,
        )


def _grey(x_BTCHW: Tensor) -> npt.NDArray[np.uint8]:
    """uint8 (B*T, H, W) from values in [0, 1]."""
    grey = (x_BTCHW.mean(dim=2).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    out: npt.NDArray[np.uint8] = grey.flatten(0, 1).numpy()
    return out
