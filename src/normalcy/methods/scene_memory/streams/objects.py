"""Objects: how large, and how fast, what a detector finds is for its place. Only where a detector is given.

Letters: N boxes, R rows and C columns of cells.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays, below, within
from normalcy.methods.scene_memory.place_statistics import RowUsual
from normalcy.methods.scene_memory.settings import CELL_PX, SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import Average
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_SMALLEST_PX, _LARGEST_PX = 1.0, 1000.0
_SLOWEST, _FASTEST = 0.5, 2000.0  # pixels a second
_ALIKE = 10.0  # looks that tell of the same object
_LEAST_OF_HIGHEST = 0.1
_SETTLES_SECONDS = 0.3


class _Object(NamedTuple):
    """What one box covers.

    Attributes:
        cells: Its rows and columns.
        foot: The cell that it stands on.
        size_px: Root of its area.
        speed: Of what moves in it, in pixels a second.
    """

    cells: tuple[slice, slice]
    foot: tuple[int, int]
    size_px: float
    speed: float


class Objects(Arrays):
    """Size and speed of each object, over the usual of the row that it stands in; the larger of the two."""

    renews_seconds = 0.4

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.grid_RC = config.grid_RC
        shared = {
            "quantile": config.usual_percentile / 100,
            "alike": _ALIKE,
            "least_of_highest": _LEAST_OF_HIGHEST,
        }
        rows = config.grid_RC[0]
        self.size = RowUsual(scenes, rows, low=_SMALLEST_PX, high=_LARGEST_PX, **shared)
        self.speed = RowUsual(scenes, rows, low=_SLOWEST, high=_FASTEST, **shared)

    def begin(self) -> dict[str, FloatArray]:
        """The last map."""
        return {"map_RC": np.zeros(self.grid_RC, np.float32)}

    def smoother(self) -> Average:
        """How the frame score settles."""
        return Average(_SETTLES_SECONDS)

    def remember(self, view: View, state: dict[str, FloatArray]) -> None:
        """Counts size and speed of each object where it stands."""
        self.amend(view, state, None)

    def amend(self, view: View, state: dict[str, FloatArray], times_RC: FloatArray | None) -> None:
        """Counts them so many times, once without."""
        for found in self._objects(view):
            for usual, value in ((self.size, found.size_px), (self.speed, found.speed)):
                value_RC = np.zeros(self.grid_RC, np.float32)
                value_RC[found.foot] = value
                usual.add(value_RC, scene=view.scene, times_RC=times_RC)

    def collected(self) -> dict[str, Array]:
        """What was counted of sizes and speeds, by name."""
        return below("size.", self.size.counted()) | below("speed.", self.speed.counted())

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Adds what another memory of the same survey has counted: exact, the sums are those of one memory."""
        self.size.merge(within("size.", collected))
        self.speed.merge(within("speed.", collected))

    def settle(self) -> None:
        """Takes what is usual."""
        self.size.settle()
        self.speed.settle()

    def judge(self, view: View, state: dict[str, FloatArray]) -> FloatArray:
        """Each box filled with how unusual its object is; between looks, the last map."""
        if view.boxes_N4 is not None:
            map_RC = np.zeros(self.grid_RC, np.float32)
            for found in self._objects(view):
                row = found.foot[0]
                usual = [float(each.usual_SR[view.scene, row]) for each in (self.size, self.speed)]
                strange = max(found.size_px / usual[0], found.speed / usual[1])
                map_RC[found.cells] = np.maximum(map_RC[found.cells], np.float32(strange))
            state["map_RC"] = map_RC
        return state["map_RC"]

    def _objects(self, view: View) -> Iterator[_Object]:
        rows, columns = self.grid_RC
        for left, top, right, bottom in view.boxes_N4 if view.boxes_N4 is not None else ():
            edges = (
                _cells(top, bottom, rows),
                _cells(left, right, columns),
            )
            velocity_2 = view.velocity_RC2[edges].reshape(-1, 2)
            moving = velocity_2[np.any(velocity_2 != 0, axis=1)]
            speed = float(np.hypot(*np.median(moving, axis=0))) if len(moving) else 0.0
            foot = (edges[0].stop - 1, (edges[1].start + edges[1].stop - 1) // 2)
            size_px = float(np.sqrt(max(right - left, 1) * max(bottom - top, 1)))
            yield _Object(edges, foot, size_px, speed)


def _cells(start_px: float, end_px: float, count: int) -> slice:
    """The cells that a span touches, one at least, within the picture."""
    start = min(max(int(start_px // CELL_PX), 0), count - 1)
    return slice(start, min(max(int(-(-end_px // CELL_PX)), start + 1), count))
