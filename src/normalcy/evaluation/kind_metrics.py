"""How well each kind of anomaly is told from normal video, by the score and by each part of it.

A frame of a kind counts against all normal frames. Abnormal frames without that kind are left out: they are neither
what is looked for nor normal.

Letters: T frames of a video.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from normalcy.errors import LabelError
from normalcy.evaluation.frame_metrics import BoolArray, VideoScores, micro_auc
from normalcy.evaluation.labelled import labels_of
from normalcy.scoring.record import ScoredVideo

FUSED_SCORE = "score"
"""Name of the score that all parts are fused to, beside the names of the parts."""

KindAucs = dict[str, dict[str, float | None]]
"""Micro AUC by part of the score, then by kind."""


def kind_aucs(
    videos: Sequence[VideoScores], *, kinds: Sequence[Mapping[str, BoolArray]]
) -> dict[str, float | None]:
    """Micro AUC of each kind that has frames, in order of name; None where no frame is normal.

    Args:
        videos: Scores and labels of the test videos.
        kinds: Where each kind is abnormal in each of these videos, (T,) by kind; a video may lack kinds.

    Raises:
        LabelError: When a kind does not fit the frames of its video, or has a frame that is labelled normal.
    """
    return {
        name: micro_auc(
            [
                _against_normal(video, of_video.get(name))
                for video, of_video in zip(videos, kinds, strict=True)
            ]
        )
        for name in _kinds_with_frames(kinds)
    }


def kind_aucs_by_part(videos: Sequence[ScoredVideo], kinds: Sequence[Mapping[str, BoolArray]]) -> KindAucs:
    """Micro AUC of each kind by the raw score and by each part of it; empty without kinds.

    Args:
        videos: Labelled test videos.
        kinds: As in `kind_aucs`.

    Raises:
        LabelError: As in `kind_aucs`, and when a video has no labels.
    """
    if not _kinds_with_frames(kinds):
        return {}
    raw = [VideoScores(video.name, video.raw_T, labels_of(video)) for video in videos]
    by_part = {
        part: [VideoScores(video.name, video.parts[part], labels_of(video)) for video in videos]
        for part in videos[0].parts
    }
    return {part: kind_aucs(scores, kinds=kinds) for part, scores in {FUSED_SCORE: raw, **by_part}.items()}


def _kinds_with_frames(kinds: Sequence[Mapping[str, BoolArray]]) -> list[str]:
    return sorted({kind for of_video in kinds for kind, kind_T in of_video.items() if kind_T.any()})


def _against_normal(video: VideoScores, kind_T: BoolArray | None) -> VideoScores:
    """The frames of a kind, labelled abnormal, and the normal frames."""
    if kind_T is None:
        kind_T = np.zeros_like(video.label_T)
    _require_labelled(video, kind_T)
    kept_T = kind_T | ~video.label_T
    return VideoScores(video.name, video.score_T[kept_T], kind_T[kept_T])


def _require_labelled(video: VideoScores, kind_T: BoolArray) -> None:
    where = f"video {video.name}"
    if kind_T.shape != video.label_T.shape:
        raise LabelError(
            f"a kind of {kind_T.shape} frames does not fit {video.label_T.shape} labels", where=where
        )
    stray = int((kind_T & ~video.label_T).sum())
    if stray:
        raise LabelError(f"{stray} frames of a kind of anomaly are labelled normal", where=where)
