"""Whether two sets of clips differ in how they are attended to: effect size, rank tests, and a verdict in words.

Letters: N clips, V videos.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from normalcy.evaluation.paired import holm
from normalcy.explain.attention.statistics import AttentionStatistics, FloatArray

LEAST_CLIPS = 5
LEAST_VIDEOS = 6
"""With fewer pairs no signed-rank test can be sure."""

SIGNIFICANT = 0.05
LEAST_EFFECT = 0.2
"""Cohen's small effect: less is not worth talking about, however sure it is."""

Set = Sequence[AttentionStatistics]


class Videos(NamedTuple):
    """Which video each clip of two sets is from."""

    first: Sequence[str]
    second: Sequence[str]


class Compared(NamedTuple):
    """One of the five statistics in two sets of clips.

    Attributes:
        name: Of the statistic.
        first: Its mean in the first set.
        second: Its mean in the second.
        difference: Second minus first.
        effect: Cohen's d: the difference in pooled standard deviations; None where nothing varies.
        superiority: How often a clip of the second set has the higher value than one of the first; ties count half.
        p: Of the Mann-Whitney test, clip by clip, adjusted for all tests of the comparison (Holm); None with too few
            clips. Clips of one video are alike, which makes it smaller than it should be.
        p_by_video: Of Wilcoxon's signed-rank test on the differences within each video that has clips of both sets,
            adjusted likewise; None with too few such videos, or where the videos are not known.
        verdict: In words; by video where the videos are known.
        differs: Whether that says that the sets differ.
    """

    name: str
    first: float
    second: float
    difference: float
    effect: float | None
    superiority: float
    p: float | None
    p_by_video: float | None
    verdict: str
    differs: bool


def compare(first: Set, second: Set, *, videos: Videos | None = None) -> list[Compared]:
    """The five statistics of one attention, see `compare_all`."""
    return compare_all({"": (first, second)}, videos=videos)[""]


def compare_all(
    sets: Mapping[str, tuple[Set, Set]], *, videos: Videos | None = None
) -> dict[str, list[Compared]]:
    """Compares two sets of clips in the five statistics of each of some attentions.

    Args:
        sets: Both sets as each attention saw them, by its name. Clips should not overlap.
        videos: Where the clips are from.

    Raises:
        ValueError: A set is empty.
    """
    pairs: dict[tuple[str, str], tuple[FloatArray, FloatArray]] = {}
    for name, (first, second) in sets.items():
        if not (first and second):
            raise ValueError(f"{len(first)} clips cannot be compared with {len(second)}")
        for place, statistic in enumerate(AttentionStatistics._fields):
            values = (np.array([each[place] for each in clips]) for clips in (first, second))
            pairs[name, statistic] = (next(values), next(values))
    p_of = _adjusted({key: _rank_p(*pair) for key, pair in pairs.items()})
    by_video = _adjusted({key: _p_by_video(*pair, videos) for key, pair in pairs.items()} if videos else {})
    found: dict[str, list[Compared]] = {name: [] for name in sets}
    for (name, statistic), pair in pairs.items():
        key = (name, statistic)
        own = _compared(statistic, *pair, p_of.get(key), by_video.get(key), by_videos=videos is not None)
        found[name].append(own)
    return found


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


def _adjusted(p_of: Mapping[tuple[str, str], float | None]) -> dict[tuple[str, str], float]:
    """Those that were measured, for how many there are."""
    known = {key: p for key, p in p_of.items() if p is not None}
    return dict(zip(known, holm(list(known.values())), strict=True))


def _rank_p(first_N: FloatArray, second_N: FloatArray) -> float | None:
    if min(len(first_N), len(second_N)) < LEAST_CLIPS:
        return None
    if np.ptp(np.concatenate([first_N, second_N])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(first_N, second_N, alternative="two-sided").pvalue)


def _p_by_video(first_N: FloatArray, second_N: FloatArray, videos: Videos) -> float | None:
    shared = sorted(set(videos.first) & set(videos.second))
    if len(shared) < LEAST_VIDEOS:
        return None
    difference_V = np.array(
        [_mean_of(second_N, videos.second, name) - _mean_of(first_N, videos.first, name) for name in shared]
    )
    if not difference_V.any():
        return 1.0
    return float(stats.wilcoxon(difference_V, zero_method="zsplit").pvalue)


def _mean_of(value_N: FloatArray, videos: Sequence[str], name: str) -> float:
    of_it_N: npt.NDArray[np.bool_] = np.array([video == name for video in videos])
    return float(value_N[of_it_N].mean())


def _compared(
    name: str,
    first_N: FloatArray,
    second_N: FloatArray,
    p: float | None,
    p_by_video: float | None,
    *,
    by_videos: bool,
) -> Compared:
    higher = (second_N[:, None] > first_N[None]).mean() + 0.5 * (second_N[:, None] == first_N[None]).mean()
    effect = cohens_d(first_N, second_N)
    decisive = p_by_video if by_videos else p
    sure = decisive is not None and decisive < SIGNIFICANT
    differs = sure and (effect is None or abs(effect) >= LEAST_EFFECT)
    verdict = _verdict(decisive, by_videos=by_videos, sure=sure, differs=differs, higher=higher > 0.5)
    return Compared(
        name,
        float(first_N.mean()),
        float(second_N.mean()),
        float(second_N.mean() - first_N.mean()),
        effect,
        float(higher),
        p,
        p_by_video,
        verdict,
        differs,
    )


def _verdict(p: float | None, *, by_videos: bool, sure: bool, differs: bool, higher: bool) -> str:
    if p is None and by_videos:
        return f"too few videos with clips of both to tell; {LEAST_VIDEOS} are the least"
    if p is None:
        return f"too few clips to tell; {LEAST_CLIPS} of each are the least"
    if not sure:
        return "no difference that chance would not make"
    if not differs:
        return "a difference, but too small to matter"
    return "higher in the second" if higher else "lower in the second"
