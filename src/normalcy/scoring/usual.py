"""What each term of a score usually is: measured on held-out normal video, kept in the bundle, read by explanations."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from normalcy.config import StrictConfig

HIGH_QUANTILE = 0.99


class UsualPart(StrictConfig):
    """A term of the score on normal video.

    Attributes:
        median: Half of all normal frames stay below.
        high: 99 of 100 normal frames stay below.
        highest: What no normal frame exceeded.
        frames: How many normal frames there were.
    """

    median: float
    high: float
    highest: float
    frames: int

    @property
    def limit(self) -> float:
        """What counts as usual: at least 99 of 100 normal frames stay below.

        A term that is rarely anything on normal video is measured by what it is then, or else by its own size.
        """
        reach = max(self.high - self.median, 0.5 * (self.highest - self.median), 1e-3 * abs(self.high), 1e-9)
        return self.median + reach

    def excess(self, value: float) -> float:
        """How far a value is from the usual: 0 at the median, 1 at the limit.

        >>> UsualPart(median=1.0, high=3.0, highest=3.5, frames=200).excess(7.0)
        3.0
        """
        return (value - self.median) / (self.limit - self.median)


def usual_parts(parts: Mapping[str, npt.ArrayLike]) -> dict[str, UsualPart]:
    """From the values of each term on normal frames; terms without a finite value are left out."""
    found = {}
    for name, values in parts.items():
        finite = np.asarray(values, np.float64)
        finite = finite[np.isfinite(finite)]
        if finite.size:
            median, high = np.quantile(finite, (0.5, HIGH_QUANTILE))
            found[name] = UsualPart(
                median=float(median), high=float(high), highest=float(finite.max()), frames=finite.size
            )
    return found
