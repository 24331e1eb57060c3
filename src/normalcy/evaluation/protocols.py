"""The frame-level protocol that every method is reported under, and the papers' own beside it.

Letters: T frames of a video.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from normalcy.errors import ConfigError
from normalcy.evaluation.frame_metrics import (
    VideoScores,
    average_precision,
    equal_error_rate,
    macro_auc,
    micro_auc,
    min_max,
)
from normalcy.evaluation.labelled import LabelledScores, labels_of
from normalcy.evaluation.regularity import regularity_auc

METRIC_NOTES: dict[str, str] = {
    "micro_auc": "One ROC over the frames of all test videos, on raw causal scores.",
    "micro_auc_smoothed": "The same on causally smoothed scores: what an alarm goes by.",
    "micro_auc_minmax": "The same on raw scores scaled to [0, 1] in each video; looks at the whole test video.",
    "macro_auc": "Mean of the AUCs of the videos, on raw scores; videos with one class only are left out.",
    "macro_auc_sentinels": (
        "The same with a normal frame of score 0 and an abnormal one of score 1 added to each video; looks at the "
        "whole test video, and lifts noise far above one half."
    ),
    "average_precision": "Average precision over the frames of all test videos, on raw scores.",
    "equal_error_rate": "Where the false-positive rate equals the miss rate, on raw scores; lower is better.",
    "pixel_auc": "One ROC over the pixels of all test frames, on the anomaly maps.",
    "rbdc": "Region-based detection criterion (Ramachandra & Jones 2020).",
    "tbdc": "Track-based detection criterion (Ramachandra & Jones 2020).",
    "paper_protocol_auc": "Frame AUC as the method's own paper computes it; looks at the whole test video.",
    "paper_protocol_clip_auc": (
        "The same with the error of the whole clip that ends at a frame in place of the frame's own; looks at the "
        "whole test video."
    ),
}
"""Every metric of a result by name, in the order of the tables, and what it means."""

LOOKS_AHEAD = frozenset(
    {"micro_auc_minmax", "macro_auc_sentinels", "paper_protocol_auc", "paper_protocol_clip_auc"}
)
"""Metrics that no live camera could have: they look at the whole test video."""


LEAST_SQUARED_ERROR = 1e-10
"""Of pixels in [0, 1]: a PSNR of 100 dB, that of equal pictures."""


def psnr_auc(videos: Sequence[VideoScores]) -> float | None:
    """Liu et al., CVPR 2018, arXiv 1712.09867: -PSNR scaled to [0, 1] in each video, one ROC over the frames of all.

    `score_T` is the mean squared error of each predicted frame. The first frames of a video, which nothing predicts,
    count with the error of the first that is predicted.
    """
    return micro_auc([replace(video, score_T=min_max(_minus_psnr(video.score_T))) for video in videos])


def _minus_psnr(error_T: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return 10 * np.log10(np.maximum(np.asarray(error_T, np.float64), LEAST_SQUARED_ERROR))


PAPER_PROTOCOLS: dict[str, Callable[[Sequence[VideoScores]], float | None]] = {
    "psnr": psnr_auc,
    "regularity": regularity_auc,
}
"""The protocols of papers, on the mean squared errors of frames that they are defined on."""


def evaluate_frames(
    videos: Sequence[LabelledScores],
    *,
    paper_protocol: str | None = None,
    paper_error_T_by_video: Sequence[npt.NDArray[np.floating]] | None = None,
    paper_clip_error_T_by_video: Sequence[npt.NDArray[np.floating]] | None = None,
) -> dict[str, float | None]:
    """All frame-level metrics, with a place for those that need more than frame scores.

    Args:
        videos: Scores and labels of the test videos.
        paper_protocol: A name in PAPER_PROTOCOLS.
        paper_error_T_by_video: The frame errors that protocol reads, such as the mean squared error; the raw
            scores where None.
        paper_clip_error_T_by_video: The same of the clip that ends at each frame, where the method tells.

    Returns:
        The metrics of METRIC_NOTES, in that order; None where undefined or not measured here.

    Raises:
        LabelError: When a video has no labels, or a number of them that does not fit.
        InputError: When a score is not finite, or there is no video.
        ConfigError: When there is no such paper protocol.
    """
    raw = [_labelled(video, video.raw_T) for video in videos]
    smoothed = [_labelled(video, video.smoothed_T) for video in videos]
    measured = {
        "micro_auc": micro_auc(raw),
        "micro_auc_smoothed": micro_auc(smoothed),
        "micro_auc_minmax": micro_auc([_labelled(video, min_max(video.raw_T)) for video in videos]),
        "macro_auc": macro_auc(raw, sentinels=False),
        "macro_auc_sentinels": macro_auc(raw, sentinels=True),
        "average_precision": average_precision(raw),
        "equal_error_rate": equal_error_rate(raw),
    }
    if paper_protocol:
        protocol, raws = _protocol(paper_protocol), [video.raw_T for video in videos]
        measured["paper_protocol_auc"] = protocol(_with(videos, paper_error_T_by_video or raws))
        if paper_clip_error_T_by_video:
            measured["paper_protocol_clip_auc"] = protocol(_with(videos, paper_clip_error_T_by_video))
    return {name: measured.get(name) for name in METRIC_NOTES}


def _with(videos: Sequence[LabelledScores], scores: Sequence[npt.NDArray[np.floating]]) -> list[VideoScores]:
    return [_labelled(video, score_T) for video, score_T in zip(videos, scores, strict=True)]


def _labelled(video: LabelledScores, score_T: npt.NDArray[np.floating]) -> VideoScores:
    return VideoScores(video.name, score_T, labels_of(video))


def _protocol(name: str) -> Callable[[Sequence[VideoScores]], float | None]:
    if name not in PAPER_PROTOCOLS:
        raise ConfigError(
            f"there is no paper protocol {name!r}", hint=f"known are {', '.join(sorted(PAPER_PROTOCOLS))}"
        )
    return PAPER_PROTOCOLS[name]
