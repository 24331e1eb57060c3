"""Pixel-level metrics: does the anomaly map light up where the anomaly is.

Maps are scaled to the size of the masks, bilinearly, before they are compared.

Letters: H height, W width, K bins.
"""

import cv2
import numpy as np
import numpy.typing as npt
from sklearn import metrics

from normalcy.errors import InputError, LabelError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

# The bit patterns of non-negative floats are in the order of the floats. Without its 13 lowest bits a float32
# keeps 10 bits of mantissa, as a float16 has, but float32's range: maps of tiny squared errors stay apart.
_DROPPED_BITS = 13
_BINS = 1 << (31 - _DROPPED_BITS)


class PixelRoc:
    """ROC over all pixels of all frames, in constant memory.

    Scores are binned with 10 bits of mantissa (to 0.1 %), pixels in one bin count as ties: exact for scores so
    rounded. Memory is two histograms of 2 MB.
    """

    def __init__(self) -> None:
        self._normal_K = np.zeros(_BINS, dtype=np.int64)
        self._abnormal_K = np.zeros(_BINS, dtype=np.int64)

    def update(self, map_HW: FloatArray, mask_HW: BoolArray) -> None:
        """Takes in one frame.

        Args:
            map_HW: Anomaly map, finite and at least 0, of any size.
            mask_HW: True where abnormal; its size is the one that counts.

        Raises:
            InputError: When the map holds NaN, infinite or negative values.
            LabelError: When the mask is not bool (H, W).
        """
        bin_HW = _bins(fit_map(map_HW, mask_HW))
        self._normal_K += np.bincount(bin_HW[~mask_HW], minlength=_BINS)
        self._abnormal_K += np.bincount(bin_HW[mask_HW], minlength=_BINS)

    def auc(self) -> float | None:
        """Area under the ROC curve; None while only one class of pixels was seen."""
        normal, abnormal = float(self._normal_K.sum()), float(self._abnormal_K.sum())
        if not (normal and abnormal):
            return None
        # In floating point: the product of the two counts outgrows 64 bits on large benchmarks.
        below_K = np.cumsum(self._normal_K) - 0.5 * self._normal_K
        return float((below_K / normal) @ (self._abnormal_K / abnormal))


class PixelCriterion:
    """The pixel-level criterion of Mahadevan et al., Anomaly Detection in Crowded Scenes, CVPR 2010.

    At a threshold, an abnormal frame is a true positive when at least 40 % of its abnormal pixels are at or above
    it, wherever else the map lights up; a normal frame is a false positive when any of its pixels is. That gives
    each frame the highest threshold at which it counts, and so a ROC over frames.

    Args:
        fraction: Share of the abnormal pixels that must be found.
    """

    def __init__(self, *, fraction: float = 0.4) -> None:
        self._fraction = fraction
        self._score: list[float] = []
        self._label: list[bool] = []

    def update(self, map_HW: FloatArray, mask_HW: BoolArray) -> None:
        """Takes in one frame; the arguments and errors are those of `PixelRoc.update`."""
        map_fitted_HW = fit_map(map_HW, mask_HW)
        inside = map_fitted_HW[mask_HW]
        self._label.append(bool(inside.size))
        self._score.append(self._found_at(inside) if inside.size else float(map_fitted_HW.max()))

    def auc(self) -> float | None:
        """Area under the ROC curve over frames; None while only one class of frames was seen."""
        if all(self._label) or not any(self._label):
            return None
        return float(metrics.roc_auc_score(self._label, self._score))

    def _found_at(self, inside: FloatArray) -> float:
        """The highest threshold at which enough of these pixels are at or above it."""
        needed = max(1, int(np.ceil(round(self._fraction * inside.size, 6))))
        return float(np.partition(inside, inside.size - needed)[inside.size - needed])


def fit_map(map_HW: FloatArray, mask_HW: BoolArray) -> FloatArray:
    """The map at the size of the mask, bilinear, checked: finite and at least 0.

    Raises:
        InputError: When the map holds NaN, infinite or negative values.
        LabelError: When the mask is not bool (H, W).
    """
    if mask_HW.ndim != 2 or mask_HW.dtype != np.bool_:
        raise LabelError(f"a pixel mask is {mask_HW.dtype} {mask_HW.shape}", hint="masks are bool (H, W)")
    lowest, highest = float(map_HW.min()), float(map_HW.max())
    if not (lowest >= 0.0 and np.isfinite(highest)):
        raise InputError(
            f"an anomaly map reaches from {lowest} to {highest}", hint="maps are finite and at least 0"
        )
    if map_HW.shape == mask_HW.shape:
        return map_HW.astype(np.float32)
    height, width = mask_HW.shape
    resized = cv2.resize(map_HW.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.float32)


def _bins(map_HW: FloatArray) -> npt.NDArray[np.uint32]:
    """Which bin each pixel falls in."""
    positive_HW = map_HW + np.float32(0.0)  # turns -0.0, whose sign bit is set, into 0.0
    return positive_HW.view(np.uint32) >> np.uint32(_DROPPED_BITS)
