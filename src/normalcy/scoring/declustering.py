"""How many alarms a score would have raised at every threshold at once.

An alarm is a run of frames at or above the threshold; runs closer than a gap are one (runs declustering: Coles,
An Introduction to Statistical Modeling of Extreme Values, 2001, section 5.3). A frame *starts* an alarm at
threshold s when its score reaches s and no frame within the gap before it does: when `before < s <= score`,
with `before` the highest score within the gap. So one pass over the frames answers for all thresholds.

Letters: T frames of a video, K frames that can start an alarm, N alarm levels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


def alarm_levels(score_T_by_video: Sequence[Float64Array], *, gap_frames: int) -> Float64Array:
    """The c-th value is the highest threshold at which the videos raise c alarms together; (N,), descending.

    Args:
        score_T_by_video: Finite scores; no alarm spans two videos.
        gap_frames: Exceedances less than so many frames apart are one alarm; 1 joins nothing.

    >>> alarm_levels([np.array([0.0, 5.0, 1.0, 4.0, 0.0, 0.0, 0.0, 3.0])], gap_frames=3).tolist()
    [5.0, 3.0]
    """
    starts = [_starts(score_T, gap_frames=gap_frames) for score_T in score_T_by_video if len(score_T)]
    score_K = np.concatenate([score for score, _ in starts])
    before_K = np.concatenate([before for _, before in starts])
    # Going down, a threshold gains an alarm where it meets a start and loses one where it drowns that start.
    value, at = np.unique(np.concatenate([score_K, before_K]), return_inverse=True)
    change = np.bincount(at, weights=np.repeat([1.0, -1.0], len(score_K)))
    count = np.cumsum(change[::-1].astype(np.int64))
    # Far down, alarms merge and their number falls; a lower threshold is still no better, hence the maximum.
    most = np.maximum.accumulate(count)
    return np.repeat(value[::-1], np.diff(most, prepend=0))


def _starts(score_T: Float64Array, *, gap_frames: int) -> tuple[Float64Array, Float64Array]:
    """Scores of the frames that start an alarm at some threshold, and the highest score within the gap before."""
    before_T = np.full(len(score_T), -np.inf)
    reach = gap_frames - 1
    if reach > 0:
        padded = np.concatenate([np.full(reach, -np.inf), score_T[:-1]])
        before_T = np.lib.stride_tricks.sliding_window_view(padded, reach).max(axis=1)
    starts_T = score_T > before_T
    return score_T[starts_T], before_T[starts_T]
