"""Stillness: whether something new lies still: an object left behind, somebody who fell.

Letters: R rows and C columns of cells, H and W height and width of the thumbnails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays
from normalcy.methods.scene_memory.place_statistics import PlaceHistogram
from normalcy.methods.scene_memory.scenes import largest_channel
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_SAME_DEVIATIONS = 2.5
_FOLLOW_SECONDS = 0.28
_BLUR_PX = 5
_LEAST_USUAL_SECONDS = 0.15
_REACH_CELLS = (2, 2)
_QUANTILE = 0.995

_ALIKE = 20.0  # neighbouring cells and frames that tell of the same visitor
_SETTLES_SECONDS = 0.45


@dataclass
class Rest:
    """What each pixel showed last, and for how long it has been showing that without being background."""

    image_HW3: FloatArray | None = None
    seconds_HW: FloatArray | None = None
    seconds_seen: float = 0.0


class Stillness(Arrays):
    """Seconds for which foreground has not changed, over what is usual at the place, scenes S."""

    renews_seconds = 2.0
    usual_SRC: FloatArray

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.config = config
        most = config.dwell.still_seconds
        self.seen = PlaceHistogram(scenes, config.grid_RC, low=0.0, high=most)
        self.usual_SRC = np.ones((scenes, *config.grid_RC), np.float32)

    def begin(self) -> Rest:
        """Nothing is known."""
        return Rest()

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: Rest) -> None:
        """Counts stillness, once there has been time for some."""
        self.amend(view, state, None)

    def amend(self, view: View, state: Rest, times_RC: FloatArray | None) -> None:
        """Counts it so many times, once without."""
        still_RC = self._stillness(view, state)
        if state.seconds_seen >= self.config.dwell.seconds:
            self.seen.add(still_RC, scene=view.scene, times_RC=times_RC)

    def collected(self) -> dict[str, Array]:
        """What was counted, by name."""
        return self.seen.counted()

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Adds what another memory of the same survey has counted: exact, the sums are those of one memory."""
        self.seen.merge(collected)

    def settle(self) -> None:
        """Takes what is usual at each place and right around it."""
        usual_SRC = self.seen.quantile(_QUANTILE, reach=_REACH_CELLS, alike=_ALIKE)
        self.usual_SRC[...] = np.maximum(usual_SRC, _LEAST_USUAL_SECONDS)

    def judge(self, view: View, state: Rest) -> FloatArray:
        """Stillness as a multiple of the usual."""
        return np.asarray(self._stillness(view, state) / self.usual_SRC[view.scene], np.float32)

    def _stillness(self, view: View, state: Rest) -> FloatArray:
        if state.image_HW3 is None or state.seconds_HW is None:
            state.image_HW3 = view.thumb_HW3.copy()
            state.seconds_HW = np.zeros(view.strange_HW.shape, np.float32)
        away_HW3 = view.thumb_HW3 - state.image_HW3
        same_HW = largest_channel(np.abs(away_HW3)) < _SAME_DEVIATIONS * view.deviation_HW
        rests_HW = same_HW & (view.new_HW > self.config.dwell.foreground)
        longer_HW = np.minimum(state.seconds_HW + view.seconds, self.config.dwell.still_seconds)
        state.seconds_HW = np.where(rests_HW, longer_HW, 0).astype(np.float32)
        follow = 1 - math.exp(-view.seconds / _FOLLOW_SECONDS)
        state.image_HW3 += away_HW3 * np.where(same_HW, follow, 1.0)[..., None].astype(np.float32)
        state.seconds_seen += view.seconds
        rows, columns = self.config.grid_RC
        blurred_HW = cv2.blur(state.seconds_HW, (_BLUR_PX, _BLUR_PX))
        return np.asarray(cv2.resize(blurred_HW, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
