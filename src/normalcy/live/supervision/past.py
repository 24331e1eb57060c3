"""What another threshold would have done to a camera's past.

Letters: N seconds, R runs of loud seconds, S spans.
"""

import numpy as np
import numpy.typing as npt

from normalcy.scoring.events import EventRule

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

RATES_PER_DAY = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)

_SILENT_SECONDS = 30.0
"""What was going on ends where there are no scores for so long, as it does in the engine."""


def events_at(seconds_N: Float64Array, score_N: Float32Array, rule: EventRule) -> int:
    """Events that a timeline would have had by a rule: as many as `EventDetector` raises on it, without its loop.

    A second knows no more than its highest score. So a span may be shorter by one second at either end than it looks,
    and one that may have been too short is counted.

    Args:
        seconds_N: Ascending.
        score_N: The highest smoothed score of each second; NaN where there was none.
        rule: When an alarm is raised and ended.

    >>> rule = EventRule(enter_threshold=5, exit_threshold=2, min_seconds=0, merge_gap_seconds=3)
    >>> events_at(np.arange(6.0), np.array([1, 9, 1, 9, 1, 1], np.float32), rule)
    1
    >>> events_at(np.arange(6.0), np.array([9, 1, 1, 9, 3, 9], np.float32), rule)
    2
    """
    is_known_N = np.isfinite(score_N)
    seconds_N, score_N = seconds_N[is_known_N], score_N[is_known_N]
    start_S, end_S = _spans(seconds_N, score_N, rule)
    lasted_S = end_S - start_S >= rule.min_seconds - 1e-6
    start_S, end_S = start_S[lasted_S], end_S[lasted_S]
    return int(start_S.size > 0) + int((start_S[1:] - end_S[:-1] >= rule.merge_gap_seconds).sum())


def _spans(
    seconds_N: Float64Array, score_N: Float32Array, rule: EventRule
) -> tuple[Float64Array, Float64Array]:
    """Start and end of each span: from the enter threshold until the score falls below the exit threshold."""
    loud_N = np.flatnonzero(score_N >= rule.exit_threshold)
    if not loud_N.size:
        return np.empty(0), np.empty(0)
    is_next = (np.diff(loud_N) == 1) & (np.diff(seconds_N[loud_N]) <= _SILENT_SECONDS)
    first_R = np.flatnonzero(np.append(True, ~is_next))
    end_R = seconds_N[loud_N[np.append(first_R[1:], loud_N.size) - 1]]
    entered_N = np.where(score_N[loud_N] >= rule.enter_threshold, seconds_N[loud_N], np.inf)
    start_R = np.minimum.reduceat(entered_N, first_R)
    is_span_R = np.isfinite(start_R)
    return start_R[is_span_R], end_R[is_span_R]


def observed_days(score_N: Float32Array) -> float:
    """How long a timeline has scores for, in days."""
    return float(np.isfinite(score_N).sum()) / 86_400
