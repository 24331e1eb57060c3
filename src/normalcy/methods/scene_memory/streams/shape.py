"""Shape: whether what stands out is wider than it is tall, as nothing usually is there: somebody lies, a cart passes.

Letters: R rows and C columns of cells, H and W height and width of the thumbnails.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays
from normalcy.methods.scene_memory.place_statistics import RowUsual
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_LOW, _HIGH = 1e-2, 100.0
_FOREGROUND = 3.0
_GAP_PX = 3  # gaps in the foreground that are closed
_BLUR_CELLS = 3
_ALIKE = 20.0  # neighbouring cells and frames that tell of the same visitor
_LEAST_OF_HIGHEST = 0.3
_SETTLES_SECONDS = 0.3


class Shape(Arrays):
    """Width over height of the foreground at each place, over the usual of its row."""

    renews_seconds = 2.0

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.grid_RC = config.grid_RC
        self.usual = RowUsual(
            scenes,
            config.grid_RC[0],
            low=_LOW,
            high=_HIGH,
            quantile=config.usual_percentile / 100,
            alike=_ALIKE,
            least_of_highest=_LEAST_OF_HIGHEST,
        )

    def begin(self) -> None:
        """Nothing is kept."""

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: None) -> None:
        """Counts the shapes of the foreground."""
        self.amend(view, state, None)

    def amend(self, view: View, state: None, times_RC: FloatArray | None) -> None:
        """Counts them so many times, once without."""
        self.usual.add(self._flatness(view), scene=view.scene, times_RC=times_RC)

    def collected(self) -> dict[str, Array]:
        """What was counted, by name."""
        return self.usual.counted()

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Adds what another memory of the same survey has counted: exact, the sums are those of one memory."""
        self.usual.merge(collected)

    def settle(self) -> None:
        """Takes what is usual."""
        self.usual.settle()

    def judge(self, view: View, state: None) -> FloatArray:
        """Flatness as a multiple of the usual."""
        return self.usual.multiple(self._flatness(view), scene=view.scene)

    def _flatness(self, view: View) -> FloatArray:
        foreground_HW = (view.strange_HW > _FOREGROUND).astype(np.uint8)
        kernel = np.ones((_GAP_PX, _GAP_PX), np.uint8)
        closed_HW = cv2.morphologyEx(foreground_HW, cv2.MORPH_CLOSE, kernel).astype(np.bool_)
        tall_HW = np.maximum(run_lengths(closed_HW.T).T, 1)
        flat_HW = (run_lengths(closed_HW) / tall_HW).astype(np.float32)
        rows, columns = self.grid_RC
        flat_RC = cv2.resize(flat_HW, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.blur(flat_RC, (_BLUR_CELLS, _BLUR_CELLS)), np.float32)


def run_lengths(mask_HW: BoolArray) -> FloatArray:
    """How long the unbroken stretch along the row is that each pixel is part of, 0 outside.

    >>> run_lengths(np.array([[1, 1, 0, 1]], np.bool_))
    array([[2., 2., 0., 1.]], dtype=float32)
    """
    place_W = np.arange(mask_HW.shape[1], dtype=np.float32)
    before_HW = np.maximum.accumulate(np.where(mask_HW, np.float32(-1), place_W), axis=1)
    gaps_HW = np.where(mask_HW, np.float32(mask_HW.shape[1]), place_W)
    after_HW = np.minimum.accumulate(gaps_HW[:, ::-1], axis=1)[:, ::-1]
    return np.where(mask_HW, after_HW - before_HW - 1, np.float32(0))
