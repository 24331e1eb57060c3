"""The score timeline: the highest smoothed score of each second, a minute at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.live.store.scores import SECONDS

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Minute:
    """A minute of a region's scores.

    Attributes:
        minute: Minutes since 1970.
        threshold: That held at its end; none where nothing alarms.
        scores: Of each second, (60,); NaN where there was none.
    """

    minute: int
    threshold: float | None
    scores: FloatArray


class Minutes:
    """Collects the scores of one region."""

    def __init__(self) -> None:
        self._minute = -1
        self._scores = _nothing()
        self._threshold: float | None = None
        self._is_news = False

    def add(self, score: float, *, at: float, threshold: float) -> Iterator[Minute]:
        """Takes a score; gives the minute before where another one began."""
        minute, second = divmod(int(at), SECONDS)
        if minute != self._minute:
            yield from self.news()
            self._minute, self._scores = minute, _nothing()
        self._scores[second] = np.fmax(self._scores[second], np.float32(score))
        self._threshold = threshold if math.isfinite(threshold) else None
        self._is_news = True

    def news(self) -> Iterator[Minute]:
        """What there is of the minute, if anything came since the last time; it is given again as it grows."""
        if self._is_news:
            self._is_news = False
            yield Minute(self._minute, self._threshold, self._scores.copy())


def _nothing() -> FloatArray:
    return np.full(SECONDS, np.nan, np.float32)
