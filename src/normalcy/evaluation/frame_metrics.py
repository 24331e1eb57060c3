"""Frame-level metrics: how well frame scores tell abnormal frames from normal ones.

Every metric takes the scores of all test videos and is None where it is undefined, because only one class is
there. Nothing is smoothed, shifted or normalised here.

Letters: T frames of a video, N frames of all videos, K points of a ROC curve.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from normalcy.errors import InputError, LabelError

logger = logging.getLogger(__name__)

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class VideoScores:
    """Scores and labels of one video.

    Attributes:
        name: Name of the video.
        score_T: Frame scores, higher is more abnormal; finite.
        label_T: True where abnormal.

    Raises:
        LabelError: When there is not one label for each score.
        InputError: When a score is NaN or infinite.
    """

    name: str
    score_T: npt.NDArray[np.floating]
    label_T: BoolArray

    def __post_init__(self) -> None:
        if self.score_T.ndim != 1 or self.score_T.shape != self.label_T.shape:
            raise LabelError(
                f"{self.label_T.shape} labels do not fit {self.score_T.shape} scores",
                where=f"video {self.name}",
                hint="each frame has one score and one label",
            )
        odd = int((~np.isfinite(self.score_T)).sum())
        if odd:
            raise InputError(
                f"{odd} of {len(self.score_T)} frame scores are NaN or infinite", where=f"video {self.name}"
            )

    @property
    def one_class(self) -> bool:
        """Whether all frames are normal, or all abnormal."""
        return bool(self.label_T.all() or not self.label_T.any())


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points of a ROC curve, from the highest threshold to the lowest.

    Attributes:
        false_positive_rate_K: Share of normal frames at or above the threshold.
        true_positive_rate_K: Share of abnormal frames at or above the threshold.
        threshold_K: Thresholds; the first is infinite, where nothing is reported.
    """

    false_positive_rate_K: Float64Array
    true_positive_rate_K: Float64Array
    threshold_K: Float64Array


def micro_auc(videos: Sequence[VideoScores]) -> float | None:
    """Area under one ROC curve over the frames of all videos."""
    pooled = _pooled(videos)
    return None if pooled.one_class else _auc(pooled.score_T, pooled.label_T)


def macro_auc(videos: Sequence[VideoScores], *, sentinels: bool) -> float | None:
    """Mean of the AUCs of the videos.

    Args:
        videos: Scores and labels.
        sentinels: Scale each video's scores to [0, 1] and add a normal frame of score 0 and an abnormal one of
            score 1, as the public evaluation code of Georgescu et al. (TPAMI 2021) does. Each video then has an
            AUC, which for a one-class video is close to 1 whatever the scores. Without, one-class videos are
            left out; `one_class_videos` names them.
    """
    skipped = () if sentinels else one_class_videos(videos)
    if skipped:
        logger.info("macro AUC leaves out %d of %d videos with one class only", len(skipped), len(videos))
    if sentinels:
        counted = [_with_sentinels(video) for video in videos]
    else:
        counted = [video for video in videos if not video.one_class]
    aucs = [_auc(video.score_T, video.label_T) for video in counted]
    return float(np.mean(aucs)) if aucs else None


def one_class_videos(videos: Sequence[VideoScores]) -> tuple[str, ...]:
    """Names of the videos that have no AUC of their own."""
    return tuple(video.name for video in videos if video.one_class)


def average_precision(videos: Sequence[VideoScores]) -> float | None:
    """Average precision over the frames of all videos: sum of precision times the gain in recall."""
    pooled = _pooled(videos)
    return (
        None if pooled.one_class else float(metrics.average_precision_score(pooled.label_T, pooled.score_T))
    )


def equal_error_rate(videos: Sequence[VideoScores]) -> float | None:
    """The rate at which as large a share of normal frames is reported as of abnormal ones is missed.

    Between two points of the ROC curve it is read off the straight line that joins them.
    """
    roc = roc_curve(videos)
    if roc is None:
        return None
    miss_rate_K = 1.0 - roc.true_positive_rate_K
    return float(np.interp(0.0, roc.false_positive_rate_K - miss_rate_K, roc.false_positive_rate_K))


def roc_curve(videos: Sequence[VideoScores]) -> RocCurve | None:
    """The ROC curve over the frames of all videos, with a point for every distinct score."""
    pooled = _pooled(videos)
    if pooled.one_class:
        return None
    return RocCurve(*metrics.roc_curve(pooled.label_T, pooled.score_T, drop_intermediate=False))


def min_max(score_T: npt.NDArray[np.floating]) -> Float64Array:
    """Scores scaled to [0, 1] by their own lowest and highest; all 0 where they are constant. Not causal."""
    score = np.asarray(score_T, dtype=np.float64)
    if not len(score):
        return score
    spread = float(np.ptp(score))
    return (score - score.min()) / spread if spread > 0.0 else np.zeros_like(score)


def _pooled(videos: Sequence[VideoScores]) -> VideoScores:
    """All videos as one."""
    if not videos:
        raise InputError("there are no test videos to evaluate", hint="look at the dataset's test split")
    score_N = np.concatenate([np.asarray(video.score_T, dtype=np.float64) for video in videos])
    return VideoScores("all", score_N, np.concatenate([video.label_T for video in videos]))


def _with_sentinels(video: VideoScores) -> VideoScores:
    score_T = np.concatenate([[0.0], min_max(video.score_T), [1.0]])
    return VideoScores(video.name, score_T, np.concatenate([[False], video.label_T, [True]]))


def _auc(score_N: npt.NDArray[np.floating], label_N: BoolArray) -> float:
    return float(metrics.roc_auc_score(label_N, score_N))
