"""Whether two sets of clips differ in how they are attended to: effect size, rank test, and a verdict in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from normalcy.evaluation.paired import holm
from normalcy.explain.attention.statistics import AttentionStatistics, FloatArray

LEAST_CLIPS = 5
SIGNIFICANT = 0.05
LEAST_EFFECT = 0.2
"""Cohen's small effect: less is not worth talking about, however sure it is."""


class Compared(NamedTuple):
    """One of the five statistics in two sets of clips.

    Attributes:
        name: Of the statistic.
        first: Its mean in the first set.
        second: Its mean in the second.
        difference: Second minus first.
        effect: Cohen's d: the difference in pooled standard deviations; None where nothing varies.
        superiority: How often a clip of the second set has the higher value than one of the first; ties count half.
        p: Of the Mann-Whitney test, adjusted for five tests (Holm); None with too few clips.
        verdict: In words.
    """

    name: str
    first: float
    second: float
    difference: float
    effect: float | None
    superiority: float
    p: float | None
    verdict: str

    @property
    def differs(self) -> bool:
        """Whether the two sets differ by more than chance would make, and by enough to matter."""
        sure = self.p is not None and self.p < SIGNIFICANT
        return sure and (self.effect is None or abs(self.effect) >= LEAST_EFFECT)


def compare(first: Sequence[AttentionStatistics], second: Sequence[AttentionStatistics]) -> list[Compared]:
    """Compares clip by clip. Clips should not overlap: those that do are no independent witnesses.

    Raises:
        ValueError: A set is empty.
    """
    if not (first and second):
        raise ValueError(f"{len(first)} clips cannot be compared with {len(second)}")
    enough = min(len(first), len(second)) >= LEAST_CLIPS
    pairs = [
        (name, np.array([each[place] for each in first]), np.array([each[place] for each in second]))
        for place, name in enumerate(AttentionStatistics._fields)
    ]
    p_adjusted = holm([_rank_p(a, b) for _, a, b in pairs]) if enough else None
    return [
        _compared(name, a, b, p_adjusted[number] if p_adjusted else None)
        for number, (name, a, b) in enumerate(pairs)
    ]


def cohens_d(first_N: FloatArray, second_N: FloatArray) -> float | None:
    """Difference of the means in pooled standard deviations; None where nothing varies or one value is all there is.

    >>> cohens_d(np.array([1.0, 3.0]), np.array([3.0, 5.0])) == 2 / 2**0.5
    True
    """
    counts = len(first_N) - 1, len(second_N) - 1
    if not sum(counts):
        return None
    squares = [each_N.var(ddof=0) * len(each_N) for each_N in (first_N, second_N)]
    pooled = np.sqrt(sum(squares) / sum(counts))
    return float((second_N.mean() - first_N.mean()) / pooled) if pooled > 0 else None


def _rank_p(first_N: FloatArray, second_N: FloatArray) -> float:
    if np.ptp(np.concatenate([first_N, second_N])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(first_N, second_N, alternative="two-sided").pvalue)


def _compared(name: str, first_N: FloatArray, second_N: FloatArray, p: float | None) -> Compared:
    higher = (second_N[:, None] > first_N[None]).mean() + 0.5 * (second_N[:, None] == first_N[None]).mean()
    effect = cohens_d(first_N, second_N)
    return Compared(
        name,
        float(first_N.mean()),
        float(second_N.mean()),
        float(second_N.mean() - first_N.mean()),
        effect,
        float(higher),
        p,
        _verdict(effect, p, superiority=float(higher)),
    )


def _verdict(effect: float | None, p: float | None, *, superiority: float) -> str:
    if p is None:
        return f"too few clips to tell; {LEAST_CLIPS} of each are the least"
    if p >= SIGNIFICANT:
        return "no difference that chance would not make"
    if effect is not None and abs(effect) < LEAST_EFFECT:
        return "a difference, but too small to matter"
    return "higher in the second" if superiority > 0.5 else "lower in the second"
