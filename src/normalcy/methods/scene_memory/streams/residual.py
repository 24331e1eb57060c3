"""Residual: whether something changes in a way that no smooth motion explains.

What is too fast for its size to be followed, such as a runner far away, escapes the flow and with it the streams speed
and velocity; what is left after motion compensation tells of it.
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

_LOW, _HIGH = 1e-3, 30.0
_BLUR_CELLS = 5
_CERTAIN_GRADIENT = 30.0  # squared grey levels: below, noise of the camera is most of what is left
_ALIKE = 20.0  # neighbouring cells and frames that tell of the same visitor
_LEAST_OF_HIGHEST = 0.3
_SETTLES_SECONDS = 0.14


class Residual(Arrays):
    """Energy that motion compensation leaves, over that of the gradient, over the usual of its row."""

    renews_seconds = 0.4

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
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
        """Counts the residuals of the foreground."""
        self.amend(view, state, None)

    def amend(self, view: View, state: None, times_RC: FloatArray | None) -> None:
        """Counts them so many times, once without."""
        self.usual.add(_unexplained(view), scene=view.scene, times_RC=times_RC)

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
        """The residual as a multiple of the usual."""
        return self.usual.multiple(_unexplained(view), scene=view.scene)


def _unexplained(view: View) -> FloatArray:
    """Residual over gradient around each cell of the foreground, 0 elsewhere."""
    assert view.residual_RC2 is not None
    around_RC2 = cv2.blur(view.residual_RC2, (_BLUR_CELLS, _BLUR_CELLS))
    left_RC = around_RC2[..., 0] / (around_RC2[..., 1] + _CERTAIN_GRADIENT)
    return np.where(view.foreground_RC, left_RC, np.float32(0))
