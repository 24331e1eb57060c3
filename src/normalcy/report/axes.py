"""From scores to places on paper: one score axis for a whole report, ticks, and curves thinned to what can be seen.

Letters: T frames, N values, P points.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.explain.ticks import tick_step

FloatArray = npt.NDArray[np.float64]

_LOG_WHEN_TIMES = 30.0  # the highest score over the middle one beyond which a linear axis shows only spikes


@dataclass(frozen=True)
class ScoreAxis:
    """A linear or logarithmic axis between two scores."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def spanning(cls, scores: Iterable[npt.NDArray[np.floating]], *, threshold: float) -> "ScoreAxis":
        """An axis on which every score and the threshold have a place; logarithmic where scores need it."""
        values_N = np.concatenate([np.zeros(0), *(np.asarray(score_T, np.float64) for score_T in scores)])
        values_N = values_N[np.isfinite(values_N)]
        ends = [threshold] if math.isfinite(threshold) else []
        if values_N.size == 0:
            return cls(0.0, max([1.0, *ends]))
        low, high = float(min(values_N.min(), *ends, np.inf)), float(max(values_N.max(), *ends, -np.inf))
        if low > 0 and high > _LOG_WHEN_TIMES * float(np.median(values_N)):
            return cls(max(low, float(np.median(values_N)) / 100), high, logarithmic=True)
        return cls(low, high + 0.04 * (high - low) if high > low else low + 1.0)

    def share(self, value_N: npt.ArrayLike) -> FloatArray:
        """Where values lie on the axis, 0 at the low end and 1 at the high end; clipped."""
        values = np.nan_to_num(np.asarray(value_N, np.float64), nan=self.low)
        if self.logarithmic:
            share = np.log(np.maximum(values, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (values - self.low) / (self.high - self.low)
        return np.asarray(np.clip(share, 0, 1), np.float64)

    def value(self, share_N: npt.ArrayLike) -> FloatArray:
        """The value at a place of the axis."""
        shares = np.asarray(share_N, np.float64)
        if self.logarithmic:
            return np.asarray(self.low * (self.high / self.low) ** shares, np.float64)
        return np.asarray(self.low + shares * (self.high - self.low), np.float64)


def ticks(low: float, high: float, *, at_most: int = 6) -> list[float]:
    """Round values between two ends, both included where they are round.

    >>> ticks(0, 47)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    if not high > low:
        return [low]
    step = tick_step(high - low, at_most=at_most)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def thin(x_T: FloatArray, y_T: FloatArray, *, most_points: int) -> tuple[FloatArray, FloatArray]:
    """A curve with no more than about `most_points`, keeping the lowest and highest of every stretch."""
    if len(x_T) <= most_points:
        return x_T, y_T
    stretches = np.array_split(np.arange(len(x_T)), max(most_points // 2, 1))
    kept = sorted(
        {int(part[pick]) for part in stretches for pick in (y_T[part].argmin(), y_T[part].argmax())}
    )
    return x_T[kept], y_T[kept]
