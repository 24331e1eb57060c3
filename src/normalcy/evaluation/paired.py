"""Whether a change pays: the same seeds with and without it, compared pair by pair."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
_ROUNDING = 1e-12


class Difference(NamedTuple):
    """What a change does on average, and how sure that is.

    Attributes:
        mean: Of the differences.
        low: Lower end of the 95 % interval by Student's t; None where the differences do not vary.
        high: Upper end.
        p: Two-sided, of the paired t-test: how often chance alone gives as large a mean; None likewise.
        pairs: How many.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    pairs: int


def paired_difference(changed: Sequence[float], baseline: Sequence[float]) -> Difference | None:
    """Compares values of the same seeds, in the same order; None for fewer than two pairs.

    >>> found = paired_difference([0.9, 0.8, 0.7], [0.8, 0.6, 0.4])
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
    (0.2, -0.048, 0.448, 0.074)
    """
    if len(changed) != len(baseline):
        raise ValueError(f"{len(changed)} values cannot be paired with {len(baseline)}")
    difference_N = np.asarray(changed, float) - np.asarray(baseline, float)
    pairs = len(difference_N)
    if pairs < 2:
        return None
    mean, error = float(difference_N.mean()), float(difference_N.std(ddof=1) / np.sqrt(pairs))
    if error <= _ROUNDING * max(1.0, float(np.abs(difference_N).max())):
        # Seeds that change nothing are no sample of chance.
        return Difference(mean, None, None, None, pairs)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, pairs - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, pairs - 1))
    return Difference(mean, mean - reach, mean + reach, p, pairs)


def holm(p_N: Sequence[float]) -> list[float]:
    """Adjusts the p of several tests for their number.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_N)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_N)), key=p_N.__getitem__)):
        largest = max(largest, min(1.0, (len(p_N) - rank) * p_N[place]))
        adjusted[place] = largest
    return adjusted
