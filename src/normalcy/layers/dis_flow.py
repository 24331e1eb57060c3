"""Dense inverse search optical flow (Kroeger et al. 2016, arXiv 1603.03590) by OpenCV; no weights, no gradient.

Letters: H height, W width; flow channels are x and y displacement in pixels.
"""

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

DisPreset = Literal["ultrafast", "fast", "medium"]


def dis_flow(preset: DisPreset) -> cv2.DISOpticalFlow:
    """A flow estimator; it keeps buffers, so use one per thread."""
    return cv2.DISOpticalFlow.create(get_args(DisPreset).index(preset))


def flow_between(
    estimator: cv2.DISOpticalFlow, first_HW: npt.NDArray[np.uint8], second_HW: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Displacement that carries the first grey picture to the second: float32 (H, W, 2), in pixels."""
    # `None` as start: the estimator keeps nothing between calls, so order and batching cannot matter.
    flow: npt.NDArray[np.float32] = estimator.calc(first_HW, second_HW, None)  # type: ignore[call-overload]
    return flow
