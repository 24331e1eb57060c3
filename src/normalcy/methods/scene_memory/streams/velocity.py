"""Velocity: how rarely anything moved this way, this fast, at this place.

It does not believe that faster is stranger: who walks where everybody rides is as strange as who rides where
everybody walks, and who goes against the stream is strange at any speed.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays, counted_together
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_DIRECTIONS = 8
_PACES = (0.5, 1.0, 1.6, 2.5)  # edges between speeds, in paces of the row
_KINDS = _DIRECTIONS * (len(_PACES) + 1)
_PLACE_CELLS = 1.5  # a place is about so many cells around
_ROW_CELLS = 2.0
_ROW_COUNTS = 1000.0  # what a row knows counts as much as some twenty who passed the place
_LEAST_CHANCE = 0.002
_BLUR_CELLS = 3
_SETTLES_SECONDS = 0.14


class Velocity(Arrays):
    """Negative logarithm of the chance of a velocity, kinds of velocity K, scenes S, rows R, columns C.

    The chance comes from counts at the place, backed by those of its row, and those by the whole scene's.
    """

    renews_seconds = 0.4
    count_SKRC: FloatArray
    pace_R: FloatArray

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.count_SKRC = np.zeros((scenes, _KINDS, *config.grid_RC), np.float32)
        self.pace_R = np.ones(config.grid_RC[0], np.float32)
        self._surprise_SKRC: FloatArray | None = None

    def loaded(self) -> None:
        """Other counts have other chances."""
        self.settle()

    def begin(self) -> None:
        """Nothing is kept."""

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: None) -> None:
        """Counts the velocity of all that moves."""
        self.amend(view, state, None)

    def amend(self, view: View, state: None, times_RC: FloatArray | None) -> None:
        """Counts them so many times, once without."""
        kind_RC, moves_RC = self._kinds(view)
        rows, columns = np.nonzero(moves_RC)
        place = (view.scene, kind_RC[rows, columns], rows, columns)
        times_N = np.float32(1) if times_RC is None else times_RC[rows, columns]
        self.count_SKRC[place] = np.maximum(self.count_SKRC[place] + times_N, 0)

    def collected(self) -> dict[str, Array]:
        """What was counted, by name."""
        return {"count_SKRC": self.count_SKRC}

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Adds what another memory of the same survey has counted: exact, the sums are those of one memory."""
        self.count_SKRC[...] = counted_together(self.count_SKRC, collected["count_SKRC"])

    def settle(self) -> None:
        """Chances are taken from the counts when they are first needed."""
        self._surprise_SKRC = None

    def judge(self, view: View, state: None) -> FloatArray:
        """Surprise of each cell that moves, a little spread out, over that of a chance of one in e."""
        if self._surprise_SKRC is None:
            self._surprise_SKRC = np.stack([_surprise(each) for each in self.count_SKRC])
        kind_RC, moves_RC = self._kinds(view)
        surprise_RC = np.take_along_axis(self._surprise_SKRC[view.scene], kind_RC[None], 0)[0] * moves_RC
        return np.asarray(cv2.blur(surprise_RC, (_BLUR_CELLS, _BLUR_CELLS)), np.float32)

    def _kinds(self, view: View) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        x_RC, y_RC = view.velocity_RC2[..., 0], view.velocity_RC2[..., 1]
        turn_RC = np.arctan2(y_RC, x_RC) / (2 * np.pi) * _DIRECTIONS
        direction_RC = np.floor(turn_RC + 0.5).astype(np.int64) % _DIRECTIONS
        speed_RC = np.hypot(x_RC, y_RC)
        pace_RC = np.digitize(speed_RC / self.pace_R[:, None], _PACES)
        return direction_RC * (len(_PACES) + 1) + pace_RC, speed_RC > 0


def _surprise(count_KRC: FloatArray) -> FloatArray:
    """Negative logarithms of chances."""
    near_KRC = np.stack(
        [cv2.GaussianBlur(each, (0, 0), _PLACE_CELLS, borderType=cv2.BORDER_CONSTANT) for each in count_KRC]
    )
    # Directions on the border of two kinds fall into either.
    by_direction = near_KRC.reshape(_DIRECTIONS, len(_PACES) + 1, *count_KRC.shape[1:])
    by_direction = 0.5 * by_direction + 0.25 * (np.roll(by_direction, 1, 0) + np.roll(by_direction, -1, 0))
    near_KRC = by_direction.reshape(count_KRC.shape)
    row_KR1 = np.stack([_along_rows(each) for each in near_KRC])
    whole_K11 = near_KRC.sum(axis=(1, 2), keepdims=True)
    total = max(float(whole_K11.sum()), 1e-9)
    whole_K11 = (whole_K11 + 1e-3 * total / _KINDS) / (1.001 * total)
    row_count = row_KR1.sum(axis=0, keepdims=True)
    row_KR1 = (row_KR1 + _ROW_COUNTS * whole_K11) / (row_count + _ROW_COUNTS)
    place_count = near_KRC.sum(axis=0, keepdims=True)
    chance_KRC = (near_KRC + _ROW_COUNTS * row_KR1) / (place_count + _ROW_COUNTS)
    return np.asarray(-np.log(chance_KRC + _LEAST_CHANCE / _KINDS), np.float32)


def _along_rows(count_RC: FloatArray) -> FloatArray:
    """Sums of rows, each with its neighbours, (R, 1)."""
    sum_R1 = np.ascontiguousarray(count_RC.sum(axis=1, keepdims=True))
    kernel = (1, 2 * round(3 * _ROW_CELLS) + 1)
    return np.asarray(cv2.GaussianBlur(sum_R1, kernel, sigmaX=1, sigmaY=_ROW_CELLS), np.float32).reshape(
        -1, 1
    )
