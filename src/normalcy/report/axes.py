"""From scores to places on paper: one score axis for a whole report, ticks, and curves thinned to what can be seen.

Letters: T frames, N values, P points.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.explain.ticks import tick_step

FloatArray = npt.NDArray[np.float64]

_LOG_WHEN_TIMES = 30.0  # the highest value over a usual one beyond which a linear axis shows only spikes


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

    @classmethod
    def fitting(cls, value_N: npt.ArrayLike) -> "ScoreAxis":
        """An axis with a little room around values; logarithmic where positive ones span more than a factor 30."""
        values = np.asarray(value_N, np.float64)
        if values.size == 0:
            return cls(0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        if low > 0 and high > _LOG_WHEN_TIMES * low:
            room = (high / low) ** 0.05
            return cls(low / room, high * room, logarithmic=True)
        is_flat = high - low <= 1e-6 * abs(high)
        room = (0.5 * abs(high) or 0.5) if is_flat else 0.06 * (high - low)
        return cls(low - room, high + room)

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


def log_ticks(low: float, high: float, *, at_most: int = 6) -> list[float]:
    """Round values between two positive ends, about evenly spaced by ratio.

    >>> log_ticks(0.03, 4.0)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    >>> log_ticks(1e-4, 1e4, at_most=5)
    [0.0001, 0.01, 1.0, 100.0, 10000.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps, every in (
        ((1, 2, 5), 1),
        ((1, 3), 1),
        *(((1,), every) for every in range(1, len(powers) + 1)),
    ):
        values = [float(f"{step}e{power}") for power in powers[::every] for step in steps]
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= at_most:
            break
    return inside


def tick_words(values: Sequence[float]) -> list[str]:
    """Round values as short text, with as many digits as they need.

    >>> tick_words([0.0, 0.5, 1.0]), tick_words([0.5001, 0.5002]), tick_words([1000.0, 1000.5])
    (['0', '0.5', '1'], ['0.5001', '0.5002'], ['1,000.0', '1,000.5'])
    """
    for decimals in range(13):
        words = [
            f"{value:,.{decimals}f}" if 1000 <= abs(value) < 1e6 else f"{value:.{decimals + 3}g}"
            for value in values
        ]
        told = [float(word.replace(",", "")) for word in words]
        if np.allclose(told, values, rtol=1e-9, atol=0):
            break
    return words


def thin(x_T: FloatArray, y_T: FloatArray, *, most_points: int) -> tuple[FloatArray, FloatArray]:
    """A curve with no more than about `most_points`: its ends, and the lowest and highest of every stretch."""
    if len(x_T) <= most_points:
        return x_T, y_T
    stretches = np.array_split(np.arange(len(x_T)), max(most_points // 2 - 1, 1))
    extremes = {int(part[pick]) for part in stretches for pick in (y_T[part].argmin(), y_T[part].argmax())}
    kept = sorted({0, *extremes, len(x_T) - 1})
    return x_T[kept], y_T[kept]
