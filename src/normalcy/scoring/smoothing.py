"""Causal smoothing of frame scores: each value depends on what came before it, never on what comes after.

Letters: T frames of a video.
"""

import math

import numpy as np
import numpy.typing as npt

from normalcy.errors import ConfigError, InputError

Float64Array = npt.NDArray[np.float64]


class CausalSmoother:
    """Exponential moving average of one source's scores.

    The first score passes through; then `smoothed = alpha * score + (1 - alpha) * previous`.

    Args:
        alpha: Weight of the newest score, above 0 and at most 1; 1 smooths nothing.

    Raises:
        ConfigError: When alpha is out of range.

    >>> smoother = CausalSmoother(alpha=0.5)
    >>> [smoother.update(score) for score in (4.0, 0.0, 0.0)]
    [4.0, 2.0, 1.0]
    """

    def __init__(self, alpha: float) -> None:
        if not 0.0 < alpha <= 1.0:
            raise ConfigError(
                f"a smoothing weight of {alpha} is out of range",
                where="smoothing alpha",
                hint="take a number above 0 and at most 1; 1 smooths nothing",
            )
        self._alpha = float(alpha)
        self._smoothed: float | None = None

    def update(self, x: float) -> float:
        """Takes the next score and returns the smoothed one.

        Raises:
            InputError: When x is NaN or infinite: it would spoil every later value.
        """
        if not math.isfinite(x):
            raise InputError(f"a frame score is {x}", hint="look for a NaN in the video's clip or the model")
        if self._smoothed is None:
            self._smoothed = float(x)
        else:
            self._smoothed = self._alpha * float(x) + (1.0 - self._alpha) * self._smoothed
        return self._smoothed


def smooth(scores_T: npt.ArrayLike, *, alpha: float) -> Float64Array:
    """Smooths a whole video; the very floats that `CausalSmoother` gives frame by frame."""
    smoother = CausalSmoother(alpha)
    values = np.asarray(scores_T, dtype=np.float64)
    return np.array([smoother.update(float(value)) for value in values], dtype=np.float64)
