"""Labelled video that exports are judged on."""

import numpy as np
import numpy.typing as npt

from normalcy.datasets import open_dataset
from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import FrameCache
from normalcy.errors import LabelError
from normalcy.evaluation.class_run import at_its_fold
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.export.rounding import Judge
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage


def auc_judge(data: DataConfig, bundle: Bundle, *, spec: ClipSpec, progress: Progress | None = None) -> Judge:
    """Micro AUC, of raw scores, on a dataset's test videos, which are decoded once.

    Args:
        data: Where they are.
        bundle: What is judged; of what it learned from, the fold that it has not seen.
        spec: The clip that is read of them.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        LabelError: No test video has labels, or all labels are alike.
    """
    dataset = at_its_fold(bundle, open_dataset(data.name, data.root))
    settings = bundle.header.scoring
    cache = FrameCache(data.cache.expanduser())
    videos = [video for video in dataset.videos("test") if dataset.frame_labels(video) is not None]
    spans = [_decoded(video, cache, spec) for video in videos]
    labels = [dataset.frame_labels(video) for video in videos]

    def judge(model: ScoringModel) -> float:
        scored: list[VideoScores] = []
        for number, (span, label_T) in enumerate(zip(spans, labels, strict=True)):
            if progress:
                progress("judging on labelled video", number, len(spans))
            assert label_T is not None
            scored.append(VideoScores(span.name, _raw(model, span, settings), label_T[span.indices_T]))
        found = micro_auc(scored)
        if found is None:
            raise LabelError("has no test video with both kinds of frames", where=data.root)
        return found

    return judge


def _decoded(video: LabelledVideo, cache: FrameCache, spec: ClipSpec) -> Footage:
    entry = cache.open(video, size_px=spec.size_px, channels=spec.channels)
    return Footage(video.name, entry.frames_TCHW, entry.indices_T, entry.pts_seconds_T)


def _raw(model: ScoringModel, span: Footage, settings: ScoringSettings) -> npt.NDArray[np.float64]:
    scorer = SourceScorer(model, settings=settings, calibration=None, source_id=span.name)
    return np.array([verdict.raw for verdict in scorer.run(span.frames())])
