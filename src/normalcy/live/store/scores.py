"""The score timeline: a row a minute, and what is drawn of it.

Letters: N seconds, M points that are drawn.
"""

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from normalcy.live.store.models import ScoreRow

SECONDS = 60

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Timeline = tuple[Float64Array, Float32Array, Float64Array]
"""seconds_N since 1970, score_N (NaN where there was none), threshold_N (NaN where none held)."""


def save_minute(
    session: Session,
    camera: str,
    minute: int,
    scores_60: npt.ArrayLike,
    threshold: float | None,
    region: str = "",
) -> None:
    """Stores the scores of a minute together with what is there of it already: the higher score of each second.

    `scores_60` has NaN where there was none; `minute` counts since 1970; `threshold` is what held at its end.
    """
    scores = np.asarray(scores_60, "<f4")
    if scores.shape != (SECONDS,):
        raise ValueError(f"a minute has {SECONDS} scores, not {scores.shape}")
    row = session.get(ScoreRow, (camera, region, minute), with_for_update=True)
    if row is None:
        row = ScoreRow(camera=camera, region=region, minute=minute, scores=scores.tobytes())
        session.add(row)
    else:
        row.scores = np.fmax(_unpacked(row.scores), scores).tobytes()
    row.threshold = threshold
    session.flush()


def read_scores(session: Session, camera: str, since: float, until: float, region: str = "") -> Timeline:
    """The timeline from `since` to before `until`; minutes that nothing was stored of are not in it."""
    query = (
        select(ScoreRow.minute, ScoreRow.threshold, ScoreRow.scores)
        .where(ScoreRow.camera == camera, ScoreRow.region == region)
        .where(ScoreRow.minute >= since // SECONDS, ScoreRow.minute <= until // SECONDS)
        .order_by(ScoreRow.minute)
    )
    rows = session.execute(query).all()
    minute_M = np.array([row.minute for row in rows], np.float64)
    threshold_M = np.array([row.threshold for row in rows], np.float64)
    seconds_N = (minute_M[:, None] * SECONDS + np.arange(SECONDS)).reshape(-1)
    score_N = _unpacked(b"".join(row.scores for row in rows))
    inside_N = (seconds_N >= since) & (seconds_N < until)
    return seconds_N[inside_N], score_N[inside_N], np.repeat(threshold_M, SECONDS)[inside_N]


def downsample_max(
    seconds_N: Float64Array, score_N: Float32Array, threshold_N: Float64Array, *, most: int
) -> Timeline:
    """No more than `most` points for drawing: the highest of each stretch of time, at the time it was reached.

    A stretch without any score becomes one NaN, so that a line breaks there.
    """
    if len(seconds_N) <= most:
        return seconds_N, score_N, threshold_N
    first, last = seconds_N[0], seconds_N[-1]
    width = (last - first) / most or 1.0
    stretch_N = np.minimum(((seconds_N - first) / width).astype(np.int64), most - 1)
    # By stretch, then by score; NaN comes before every score: the last of each stretch is its highest.
    order_N = np.lexsort((np.nan_to_num(score_N, nan=-np.inf), stretch_N))
    is_highest_N = np.append(np.diff(stretch_N[order_N]) > 0, True)
    highest_M = order_N[is_highest_N]
    seconds_M = first + (np.arange(most) + 0.5) * width
    score_M, threshold_M = np.full(most, np.nan, np.float32), np.full(most, np.nan)
    place_M = stretch_N[highest_M]
    seconds_M[place_M], score_M[place_M] = seconds_N[highest_M], score_N[highest_M]
    threshold_M[place_M] = threshold_N[highest_M]
    return seconds_M, score_M, threshold_M


def _unpacked(scores: bytes) -> Float32Array:
    return np.frombuffer(scores, "<f4").astype(np.float32)
