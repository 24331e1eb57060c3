"""Appearance: whether what is there looks like nothing that was there before.

Letters: R rows and C columns of cells, F channels of a look, Q cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.layers.blas_threads import one_blas_thread
from normalcy.methods.scene_memory.arrays import Array, Arrays
from normalcy.methods.scene_memory.examples import Candidates, Examples, Origin
from normalcy.methods.scene_memory.settings import TRUNK_WIDTH, SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_BLUR_CELLS = 5
_APART_CELLS = 4
_CELLS_A_FRAME = 150
_SETTLES_SECONDS = 0.14
_SAME_SECONDS = (
    0.5  # looks are not taken of every frame, and not of the same ones where watching begins elsewhere
)


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


class Appearance(Arrays):
    """Distance of the look of each cell of the foreground to the nearest remembered one."""

    renews_seconds = 0.4

    def __init__(self, config: SceneMemoryConfig, *, seed: int = 0) -> None:
        self.config = config
        settings = config.appearance
        self.examples = Examples(TRUNK_WIDTH, dims=settings.dims, count=settings.examples)
        self._seed = seed
        self._candidates: Candidates | None = None
        self._random = np.random.default_rng(seed)

    def begin(self) -> LastLook:
        """Nothing was seen."""
        return LastLook(np.zeros(self.config.grid_RC, np.float32))

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: LastLook) -> None:
        """Keeps looks of the foreground as candidates, which `settle` chooses all examples from.

        That is for fitting; a memory that comes from a bundle has no candidates, and is amended instead.
        """
        if view.look_RCF is None:
            return
        candidates = self._begun()
        rows, columns = np.nonzero(view.foreground_RC)
        if len(rows) > _CELLS_A_FRAME:
            some = np.sort(self._random.choice(len(rows), _CELLS_A_FRAME, replace=False))
            rows, columns = rows[some], columns[some]
        origins = [
            Origin(*view.where, int(row), int(column)) for row, column in zip(rows, columns, strict=True)
        ]
        candidates.add(view.look_RCF[rows, columns], origins)

    def _begun(self) -> Candidates:
        if self._candidates is None:
            self._candidates = Candidates(self.config.appearance.candidates, seed=self._seed)
        return self._candidates

    def amend(self, view: View, state: LastLook, times_RC: FloatArray | None) -> None:
        """Takes looks that are no usual ones as examples; below 0, drops what was learned from these looks."""
        if view.look_RCF is None:
            return
        # Examples that were amended are not to be chosen anew from what was seen before.
        self._candidates = None
        times_RC = np.ones(view.foreground_RC.shape, np.float32) if times_RC is None else times_RC
        added_RC, dropped_RC = view.foreground_RC & (times_RC > 0), view.foreground_RC & (times_RC < 0)
        if added_RC.any():
            origins = [Origin(*view.where, int(row), int(column)) for row, column in np.argwhere(added_RC)]
            self.examples.add_new(self.examples.whiten(view.look_RCF[added_RC]), origins)
        if dropped_RC.any():
            whitened_QF = self.examples.whiten(view.look_RCF[dropped_RC])
            self.examples.forget_seen(whitened_QF, from_there_N=self._from(view, times_RC < 0))

    def _from(self, view: View, where_RC: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which examples come from about the time of a frame, and from some of its cells."""
        video, _, seconds = view.where
        return np.array(
            [
                origin.video == video
                and abs(origin.seconds - seconds) <= _SAME_SECONDS
                and bool(where_RC[origin.row, origin.column])
                for origin in self.examples.origins
            ]
        )

    def nearest(self, view: View, *, count: int) -> list[Neighbour]:
        """The places whose looks are the strangest, apart from each other, each with the example nearest to it."""
        distance_RC = self._distances(view)
        map_RC = _blurred(distance_RC)
        found: list[Neighbour] = []
        while len(found) < count and map_RC.max() > 0:
            peak = np.unravel_index(map_RC.argmax(), map_RC.shape)
            around = _around(peak, _BLUR_CELLS // 2)
            places_RC = np.zeros_like(distance_RC)
            places_RC[around] = distance_RC[around]
            row, column = (int(place) for place in np.unravel_index(places_RC.argmax(), places_RC.shape))
            assert view.look_RCF is not None
            (origin,) = self.examples.nearest(self.examples.whiten(view.look_RCF[row, column][None]))
            found.append(Neighbour(row, column, float(map_RC[peak]), origin))
            map_RC[_around(peak, _APART_CELLS)] = 0
        return found

    def collected(self) -> dict[str, Array]:
        """The looks that were drawn, and of how many."""
        return self._candidates.drawn() if self._candidates else {}

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Draws from the looks that another memory has drawn and from its own, as from all that both were offered.

        A draw of draws (a coreset of coresets): as even as one draw over all footage, but another one, as with
        another seed; examples are chosen from it by `settle`, so they differ as those of two seeds do.
        """
        if collected:
            self._begun().merge(collected)

    def settle(self) -> None:
        """Chooses the examples; candidates stay, in case that more footage follows."""
        if self._candidates:
            self.examples.learn(self._candidates, seed=self._seed)

    def judge(self, view: View, state: LastLook) -> FloatArray:
        """Mean distance of the foreground around each cell; between looks, the last one."""
        if view.look_RCF is not None:
            state.map_RC = _blurred(self._distances(view))
        return state.map_RC

    def _distances(self, view: View) -> FloatArray:
        """Distance of the look of each cell of the foreground to the nearest example, (R, C)."""
        distance_RC = np.zeros(self.config.grid_RC, np.float32)
        if view.look_RCF is not None and view.foreground_RC.any():
            with one_blas_thread():
                whitened_QF = self.examples.whiten(view.look_RCF[view.foreground_RC])
                distance_RC[view.foreground_RC] = self.examples.distance(whitened_QF)
        return distance_RC


def _blurred(distance_RC: FloatArray) -> FloatArray:
    return np.asarray(cv2.blur(distance_RC, (_BLUR_CELLS, _BLUR_CELLS)), np.float32)


def _around(cell: tuple[np.intp, ...], reach: int) -> tuple[slice, ...]:
    """The cells up to so many rows and columns away."""
    return tuple(slice(max(0, place - reach), place + reach + 1) for place in cell)
