"""Dwell: whether somebody or something stays where others pass.

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
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_PERSON_CELLS = 3  # about the width of somebody in the middle of the picture
_LEAST_USUAL = 0.08
_REACH_CELLS = (2, 2)
_QUANTILE = 0.995

_ALIKE = 20.0  # neighbouring cells and frames that tell of the same visitor
_SETTLES_SECONDS = 0.45


@dataclass
class Presence:
    """How much of the recent past each cell was taken, 0 to 1."""

    mean_RC: FloatArray
    seconds_seen: float = 0.0


class Dwell(Arrays):
    """Presence averaged over time, over what is usual at the place, scenes S."""

    renews_seconds = 2.0
    usual_SRC: FloatArray

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.config = config
        self.seen = PlaceHistogram(scenes, config.grid_RC, low=0.0, high=1.0)
        self.usual_SRC = np.ones((scenes, *config.grid_RC), np.float32)

    def begin(self) -> Presence:
        """Nobody was there before."""
        return Presence(np.zeros(self.config.grid_RC, np.float32))

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: Presence) -> None:
        """Counts presence, once there has been time for it."""
        self.amend(view, state, None)

    def amend(self, view: View, state: Presence, times_RC: FloatArray | None) -> None:
        """Counts it so many times, once without."""
        mean_RC = self._presence(view, state)
        if state.seconds_seen >= self.config.dwell.seconds:
            self.seen.add(mean_RC, scene=view.scene, times_RC=times_RC)

    def collected(self) -> dict[str, Array]:
        """What was counted, by name."""
        return self.seen.counted()

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Adds what another memory of the same survey has counted: exact, the sums are those of one memory."""
        self.seen.merge(collected)

    def settle(self) -> None:
        """Takes what is usual at each place and right around it."""
        usual_SRC = self.seen.quantile(_QUANTILE, reach=_REACH_CELLS, alike=_ALIKE)
        self.usual_SRC[...] = np.maximum(usual_SRC, _LEAST_USUAL)

    def judge(self, view: View, state: Presence) -> FloatArray:
        """Presence as a multiple of the usual."""
        return np.asarray(self._presence(view, state) / self.usual_SRC[view.scene], np.float32)

    def _presence(self, view: View, state: Presence) -> FloatArray:
        foreground_HW = (view.new_HW > self.config.dwell.foreground).astype(np.float32)
        rows, columns = self.config.grid_RC
        taken_RC = cv2.resize(foreground_HW, (columns, rows), interpolation=cv2.INTER_AREA)
        taken_RC = cv2.blur(taken_RC, (_PERSON_CELLS, _PERSON_CELLS))
        new = 1 - math.exp(-view.seconds / self.config.dwell.seconds)
        state.mean_RC = state.mean_RC + np.float32(new) * (taken_RC - state.mean_RC)
        state.seconds_seen += view.seconds
        return state.mean_RC
