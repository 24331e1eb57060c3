"""Appearance: whether what is there looks like nothing that was there before.

Letters: R rows and C columns of cells, F channels of a look, Q cells.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from torch import nn

from normalcy.layers.efficientnet_lite import WIDTH
from normalcy.methods.scene_memory.examples import Candidates, Examples, Origin
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_BLUR_CELLS = 5
_APART_CELLS = 4
_CELLS_A_FRAME = 60
_SETTLES_SECONDS = 0.14


@dataclass
class LastLook:
    """The map of the last frame whose look was taken."""

    map_RC: FloatArray


class Neighbour(NamedTuple):
    """A place of a frame, and the example that looks most like it.

    Attributes:
        row, column: Its cell.
        score: How strange it looks, 1 about as much as the usual gets.
        origin: Where the example comes from.
    """

    row: int
    column: int
    score: float
    origin: Origin


class Appearance(nn.Module):
    """Distance of the look of each cell of the foreground to the nearest remembered one."""

    renews_seconds = 0.4

    def __init__(self, config: SceneMemoryConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        settings = config.appearance
        self.examples = Examples(WIDTH, dims=settings.dims, count=settings.examples)
        self._candidates: Candidates | None = None
        self._random = np.random.default_rng(seed)

    def begin(self) -> LastLook:
        """Nothing was seen."""
        return LastLook(np.zeros(self.config.grid_RC, np.float32))

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: LastLook) -> None:
        """Keeps looks of the foreground as candidates for examples."""
        if view.look_RCF is None:
            return
        if self._candidates is None:
            self._candidates = Candidates(self.config.appearance.candidates)
        rows, columns = np.nonzero(view.foreground_RC)
        if len(rows) > _CELLS_A_FRAME:
            some = np.sort(self._random.choice(len(rows), _CELLS_A_FRAME, replace=False))
            rows, columns = rows[some], columns[some]
        origins = [
            Origin(*view.where, int(row), int(column)) for row, column in zip(rows, columns, strict=True)
        ]
        self._candidates.add(view.look_RCF[rows, columns], origins)

    def amend(self, view: View, state: LastLook, times: float) -> None:
        """Takes looks that no example is near to as examples; below 0, drops the examples that these looks are."""
        if times == 0 or view.look_RCF is None or not view.foreground_RC.any():
            return
        rows, columns = np.nonzero(view.foreground_RC)
        whitened_QF = self.examples.whiten(view.look_RCF[rows, columns])
        if times < 0:
            self.examples.forget_near(whitened_QF)
            return
        origins = [
            Origin(*view.where, int(row), int(column)) for row, column in zip(rows, columns, strict=True)
        ]
        self.examples.add_new(whitened_QF, origins)

    def nearest(self, view: View, *, count: int) -> list[Neighbour]:
        """The places whose looks are the strangest, apart from each other, each with the example nearest to it."""
        if view.look_RCF is None:
            return []
        map_RC = self.judge(view, self.begin()).copy()
        found: list[Neighbour] = []
        while len(found) < count and map_RC.max() > 0:
            row, column = (int(place) for place in np.unravel_index(map_RC.argmax(), map_RC.shape))
            whitened_1F = self.examples.whiten(view.look_RCF[row, column][None])
            found.append(
                Neighbour(row, column, float(map_RC[row, column]), *self.examples.nearest(whitened_1F))
            )
            map_RC[
                max(0, row - _APART_CELLS) : row + _APART_CELLS + 1,
                max(0, column - _APART_CELLS) : column + _APART_CELLS + 1,
            ] = 0
        return found

    def settle(self) -> None:
        """Chooses the examples; candidates stay, in case that more footage follows."""
        if self._candidates:
            self.examples.learn(self._candidates)

    def judge(self, view: View, state: LastLook) -> FloatArray:
        """Mean distance of the foreground around each cell; between looks, the last one."""
        if view.look_RCF is not None:
            foreground_RC = view.foreground_RC
            distance_RC = np.zeros(self.config.grid_RC, np.float32)
            if foreground_RC.any():
                whitened_QF = self.examples.whiten(view.look_RCF[foreground_RC])
                distance_RC[foreground_RC] = self.examples.distance(whitened_QF)
            state.map_RC = np.asarray(cv2.blur(distance_RC, (_BLUR_CELLS, _BLUR_CELLS)), np.float32)
        return state.map_RC
