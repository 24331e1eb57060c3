"""What of a pair of frames their flow does not explain.

Letters: H height, W width, h and w half of them, R rows and C columns of cells.
"""

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.settings import CELL_PX

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

_SOBEL_GAIN = 8


def residual_energy(first_HW: UInt8Array, second_HW: UInt8Array, flow_hw2: FloatArray) -> FloatArray:
    """Mean square of the difference that motion compensation leaves, and of the picture's gradient: (R, C, 2).

    Both in squared grey levels, of pictures at half the size. What leaves the picture has nothing to compare with and
    counts as explained.

    Args:
        first_HW: Grey picture.
        second_HW: The one after it.
        flow_hw2: Displacement from the first to the second, in pixels of the full size.
    """
    h, w = flow_hw2.shape[:2]
    first_hw, second_hw = (_half(image_HW, (w, h)) for image_HW in (first_HW, second_HW))
    x_hw, y_hw = (np.ascontiguousarray(flow_hw2[..., axis]) * np.float32(0.5) for axis in (0, 1))
    x_hw += np.arange(w, dtype=np.float32)
    y_hw += np.arange(h, dtype=np.float32)[:, None]
    warped_hw = cv2.remap(second_hw, x_hw, y_hw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside_hw = (x_hw >= 0) & (x_hw <= w - 1) & (y_hw >= 0) & (y_hw <= h - 1)
    residual_hw = (warped_hw - first_hw) * inside_hw
    across_hw, down_hw = cv2.spatialGradient(first_hw.astype(np.uint8))
    gradient_hw = np.square(across_hw, dtype=np.float32) + np.square(down_hw, dtype=np.float32)
    energy_hw2 = np.dstack([np.square(residual_hw), gradient_hw / _SOBEL_GAIN**2])
    grid = (2 * w // CELL_PX, 2 * h // CELL_PX)
    return np.asarray(cv2.resize(energy_hw2, grid, interpolation=cv2.INTER_AREA), np.float32)


def _half(image_HW: UInt8Array, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(image_HW, size, interpolation=cv2.INTER_AREA), np.float32)
