"""Dense inverse search optical flow (Kroeger et al. 2016, arXiv 1603.03590) by OpenCV; no weights, no gradient.

Letters: H height, W width; flow channels are x and y displacement in pixels.
"""

import threading
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

DisPreset = Literal["ultrafast", "fast", "light", "medium"]
"""OpenCV's, and `light`: at half the picture's size like `medium`, in the wide steps of `ultrafast`."""

_OF_OPENCV: dict[DisPreset, int] = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "light": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def dis_flow(preset: DisPreset) -> cv2.DISOpticalFlow:
    """A flow estimator; it keeps buffers, so use one per thread and size of pictures."""
    estimator = cv2.DISOpticalFlow.create(_OF_OPENCV[preset])
    if preset == "light":
        estimator.setFinestScale(1)
    return estimator


def flow_between(
    estimator: cv2.DISOpticalFlow, first_HW: npt.NDArray[np.uint8], second_HW: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Displacement that carries the first grey picture to the second: float32 (H, W, 2), in pixels."""
    # `None` as start: the estimator keeps nothing between pictures of a size, so order and batching cannot matter.
    flow: npt.NDArray[np.float32] = estimator.calc(first_HW, second_HW, None)  # type: ignore[call-overload]
    return flow


def displacement_map(
    predicted_HW: npt.NDArray[np.uint8],
    real_HW: npt.NDArray[np.uint8],
    *,
    box_px: int,
    enlarge: int = 1,
    preset: DisPreset = "medium",
) -> npt.NDArray[np.float32]:
    """Magnitude of the flow from the predicted to the real picture in their pixels, averaged over boxes: (H, W).

    Args:
        predicted_HW: Grey picture.
        real_HW: The same size.
        box_px: Side of the box.
        enlarge: Pictures are made so many times larger first: dense inverse search is coarse on small ones.
        preset: Accuracy of the flow.
    """
    height, width = real_HW.shape
    first_HW, second_HW = (_enlarged(each, enlarge) for each in (predicted_HW, real_HW))
    flow_HW2 = flow_between(_estimator(preset, first_HW.shape), first_HW, second_HW)
    magnitude_HW = np.hypot(flow_HW2[..., 0], flow_HW2[..., 1]) / enlarge
    blurred_HW = cv2.blur(magnitude_HW, (box_px * enlarge, box_px * enlarge))
    if enlarge > 1:
        blurred_HW = cv2.resize(blurred_HW, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(blurred_HW, np.float32)


def box_blurred(map_HW: npt.NDArray[np.float32], *, box_px: int) -> npt.NDArray[np.float32]:
    """Mean over a square box around every pixel, cut off at the picture's edge; an even side is one more.

    >>> box_blurred(np.float32([[3, 0, 0]]), box_px=3)
    array([[1.5, 1. , 0. ]], dtype=float32)
    """
    side = box_px + 1 - box_px % 2
    sums_HW, count_HW = (
        cv2.boxFilter(each, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        for each in (map_HW, np.ones_like(map_HW))
    )
    return np.asarray(sums_HW / count_HW, np.float32)


_of_thread = threading.local()


def _estimator(preset: DisPreset, shape: tuple[int, ...]) -> cv2.DISOpticalFlow:
    """That of this thread. After pictures of another size it would be another's: what it keeps then leaks into flow."""
    kept = getattr(_of_thread, "kept", None)
    if kept is None or kept[:2] != (preset, shape):
        _of_thread.kept = kept = (preset, shape, dis_flow(preset))
        # The first flow of small pictures settles the scales of all that follow: let it be nobody's.
        blank_HW = np.zeros(shape, np.uint8)
        flow_between(kept[2], blank_HW, blank_HW)
    estimator: cv2.DISOpticalFlow = kept[2]
    return estimator


def _enlarged(image_HW: npt.NDArray[np.uint8], times: int) -> npt.NDArray[np.uint8]:
    if times == 1:
        return image_HW
    return np.asarray(cv2.resize(image_HW, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC), np.uint8)
