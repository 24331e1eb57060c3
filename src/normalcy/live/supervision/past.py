"""What another threshold would have done to a camera's past.

Letters: N seconds.
"""

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

RATES_PER_DAY = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)


def events_at(seconds_N: Float64Array, score_N: Float32Array, *, threshold: float, gap_seconds: float) -> int:
    """Events that a timeline would have had at a threshold.

    Args:
        seconds_N: Ascending.
        score_N: The highest smoothed score of each second; NaN where there was none.
        threshold: Of the alarm.
        gap_seconds: Seconds at or above it that are closer than this are one event.

    >>> events_at(np.arange(6.0), np.array([1, 9, 1, 9, 1, 1], np.float32), threshold=5, gap_seconds=2)
    2
    >>> events_at(np.arange(6.0), np.array([1, 9, 1, 9, 1, 1], np.float32), threshold=5, gap_seconds=3)
    1
    """
    loud = seconds_N[score_N >= threshold]
    return int(loud.size > 0) + int((np.diff(loud) >= gap_seconds).sum())


def observed_days(score_N: Float32Array) -> float:
    """How long a timeline has scores for, in days."""
    return float(np.isfinite(score_N).sum()) / 86_400
