"""How the frame scores of a stream settle over the last moments, each of one camera."""

import math
from collections import deque
from typing import Protocol


class Smoother(Protocol):
    """Takes a frame score and the seconds since the one before; gives the settled one."""

    def __call__(self, value: float, seconds: float) -> float:
        """The score to go by."""
        ...


class Average:
    """Exponential average with a time constant in seconds: the same at any frame rate."""

    def __init__(self, constant_seconds: float) -> None:
        self._constant_seconds = constant_seconds
        self._mean: float | None = None

    def __call__(self, value: float, seconds: float) -> float:
        """The average with this value."""
        if self._mean is None:
            self._mean = value
        else:
            self._mean += (1 - math.exp(-seconds / self._constant_seconds)) * (value - self._mean)
        return self._mean


class TrimmedMean:
    """Mean of the last few values without the largest: a frame that a camera dropped makes everything jump once."""

    def __init__(self, count: int) -> None:
        self._last: deque[float] = deque(maxlen=count)

    def __call__(self, value: float, seconds: float) -> float:
        """The mean with this value among the last."""
        self._last.append(value)
        if len(self._last) < 3:
            return sum(self._last) / len(self._last)
        return (sum(self._last) - max(self._last)) / (len(self._last) - 1)
