"""The regularity score and the frame AUC it gives: the protocol of Chong & Tay, ISNN 2017, arXiv 1701.01546.

The error of frame t is the Euclidean distance between the frame and its reconstruction, e(t). Per video,

    abnormality(t) = (e(t) - min e) / max e        regularity(t) = 1 - abnormality(t)

and one ROC is drawn over the frames of all test videos. Minimum and maximum are those of the whole test video.
The distance is the root of the mean squared error up to a constant factor, which cancels.

Letters: T frames of a video.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from normalcy.errors import InputError
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc

Float64Array = npt.NDArray[np.float64]


def regularity_score(error_T: npt.NDArray[np.floating]) -> Float64Array:
    """1 where a frame is as well reconstructed as any of its video, lower where it is not. Not causal.

    Args:
        error_T: Reconstruction errors e(t), at least 0.

    Raises:
        InputError: When an error is below 0.
    """
    error = _errors(error_T)
    highest = float(error.max())
    return np.ones_like(error) if highest == 0.0 else 1.0 - (error - error.min()) / highest


def regularity_auc(videos: Sequence[VideoScores]) -> float | None:
    """Frame AUC of 1 - regularity; `score_T` is the mean squared error of each frame."""
    return micro_auc([_abnormality(video, _errors(video.score_T)) for video in videos])


def _abnormality(video: VideoScores, squared_error_T: Float64Array) -> VideoScores:
    return VideoScores(video.name, 1.0 - regularity_score(np.sqrt(squared_error_T)), video.label_T)


def _errors(error_T: npt.NDArray[np.floating]) -> Float64Array:
    error = np.asarray(error_T, dtype=np.float64)
    if error.min() < 0.0:
        raise InputError(
            f"a reconstruction error is {error.min()}",
            hint="the regularity score is of errors, not of scores",
        )
    return error
