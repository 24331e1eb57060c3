"""Speed: whether something passes faster than what usually passes in that row of the picture."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays
from normalcy.methods.scene_memory.place_statistics import RowUsual
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import TrimmedMean
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_SLOWEST, _FASTEST = 0.5, 2000.0  # pixels a second
_FRAMES = 4


class Speed(Arrays):
    """Windowed speed over the usual one of its row."""

    renews_seconds = 0.4

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        self.usual = RowUsual(
            scenes,
            config.grid_RC[0],
            low=_SLOWEST,
            high=_FASTEST,
            quantile=config.usual_percentile / 100,
            alike=1.0,
            least_of_highest=0.1,
        )

    def begin(self) -> None:
        """Nothing is kept."""

    def smoother(self) -> TrimmedMean:
        """How the frame score settles."""
        return TrimmedMean(_FRAMES)

    def remember(self, view: View, state: None) -> None:
        """Counts the speeds of all that moves; neighbouring windows share most of their pixels."""
        self.amend(view, state, None)

    def amend(self, view: View, state: None, times_RC: FloatArray | None) -> None:
        """Counts them so many times, once without."""
        times_RC = None if times_RC is None else times_RC[:, ::2]
        self.usual.add(_speed(view)[:, ::2], scene=view.scene, times_RC=times_RC)

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
        """Speed as a multiple of the usual."""
        return self.usual.multiple(_speed(view), scene=view.scene)


def _speed(view: View) -> FloatArray:
    return np.hypot(view.velocity_RC2[..., 0], view.velocity_RC2[..., 1])
