"""Judging a bundle on the test videos of a dataset: one pass over the frames, everything computed on the way.

Letters: T frames of a video, H height, W width.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from normalcy.datasets.base import BoolArray, Dataset, LabelledVideo
from normalcy.errors import InputError, LabelError, SkippedVideoWarning
from normalcy.evaluation.event_metrics import EventSummary, VideoEvents, summarise_events
from normalcy.evaluation.floors import NOISE_METHOD, noise_floor
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.labelled import labels_of
from normalcy.evaluation.pixel_metrics import PixelCriterion, PixelRoc
from normalcy.evaluation.protocols import evaluate_frames
from normalcy.methods import method_definition
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo, as_columns
from normalcy.scoring.types import FrameScore
from normalcy.video.reader import ReadOptions, open_video

Progress = Callable[[str, int, int], None]
Metrics = dict[str, float | None]
ItemT = TypeVar("ItemT")

PAPER_PART = "reconstruction"
"""The part of the score that papers' protocols read: the mean squared error of the frame."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What judging came to; without labels, only the videos.

    Attributes:
        videos: Every test video, frame by frame.
        metrics: By name, see `protocols.METRIC_NOTES`; empty without labels.
        floors: The same metrics of what needs no training, by name.
        parts: Micro AUC of each term of the score alone.
        pixel_criterion_auc: See `PixelCriterion`; None without masks.
        events: Alarms against labelled events at the calibrated threshold; None without labels.
        frames_per_second: Decoding and scoring together.
    """

    videos: tuple[ScoredVideo, ...]
    metrics: Metrics
    floors: dict[str, Metrics]
    parts: Metrics
    pixel_criterion_auc: float | None
    events: EventSummary | None
    frames_per_second: float


class _Stopwatch:
    """Adds up the time that an iterator takes to give its items, and nothing else."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            item = next(iterator, None)
            self.seconds += time.perf_counter() - started
            if item is None:
                return
            yield item


class _PixelMetrics:
    """Pixel metrics over the videos that have masks."""

    def __init__(self) -> None:
        self._roc, self._criterion, self._any = PixelRoc(), PixelCriterion(), False

    def follow(
        self, verdicts: Iterable[FrameScore], masks: Iterator[BoolArray] | None
    ) -> Iterator[FrameScore]:
        """Passes verdicts on without their maps, having compared each map with the mask of the same frame."""
        numbered = enumerate(masks) if masks is not None else None
        for verdict in verdicts:
            if numbered is not None and verdict.map_HW is not None:
                mask_HW = next((mask_HW for place, mask_HW in numbered if place == verdict.index), None)
                if mask_HW is None:
                    raise LabelError(f"there is no mask for frame {verdict.index}", where=verdict.source_id)
                self._roc.update(verdict.map_HW, mask_HW)
                self._criterion.update(verdict.map_HW, mask_HW)
                self._any = True
            yield replace(verdict, map_HW=None)

    def auc(self) -> float | None:
        """Over all pixels; None without masks."""
        return self._roc.auc() if self._any else None

    def criterion_auc(self) -> float | None:
        """By the pixel-level criterion; None without masks."""
        return self._criterion.auc() if self._any else None


def evaluate(
    bundle: Bundle, dataset: Dataset, *, model: ScoringModel | None = None, progress: Progress | None = None
) -> Evaluation:
    """Scores every test video as a camera would and judges the scores; unreadable videos are left out with a warning.

    Raises:
        DatasetIncomplete: There are no test videos.
        LabelError: Labels do not fit their video.
        InputError: No test video could be scored.
    """
    model = model or bundle.scoring_model()
    watch, pixels, videos = _Stopwatch(), _PixelMetrics(), list[ScoredVideo]()
    listed = dataset.videos("test")
    for number, video in enumerate(listed):
        if progress:
            progress(f"judging {video.name}", number, len(listed))
        try:
            videos.append(_score(bundle, model, dataset, video, watch, pixels))
        except LabelError:
            raise
        except InputError as error:
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)
    if progress:
        progress("judging", len(listed), len(listed))
    if not videos:
        raise InputError(f"none of {len(listed)} test videos could be scored", where=dataset.root)
    return _judge(bundle, videos, watch, pixels)


def read_options(model: ScoringModel, video: LabelledVideo) -> ReadOptions:
    """How a test video is read for a model."""
    return ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1, fps=video.fps)


def _score(
    bundle: Bundle,
    model: ScoringModel,
    dataset: Dataset,
    video: LabelledVideo,
    watch: _Stopwatch,
    pixels: _PixelMetrics,
) -> ScoredVideo:
    scorer = SourceScorer(
        model, settings=bundle.header.scoring, calibration=bundle.calibration, source_id=video.name
    )
    with open_video(video.path, read_options(model, video), source_id=video.name) as reader:
        verdicts = list(pixels.follow(watch.timed(scorer.run(reader)), dataset.pixel_masks(video)))
    label_T = dataset.frame_labels(video)
    if label_T is not None:
        label_T = _labels_of_frames(label_T, verdicts, video)
    return as_columns(video.name, verdicts, events=scorer.events, label_T=label_T)


def _labels_of_frames(label_T: BoolArray, verdicts: Sequence[FrameScore], video: LabelledVideo) -> BoolArray:
    indices = np.array([verdict.index for verdict in verdicts])
    if indices[-1] >= len(label_T):
        raise LabelError(
            f"has a frame {indices[-1]}, but only {len(label_T)} labels",
            where=video.path,
            hint="Labels and frames must be of the same version of the dataset",
        )
    return label_T[indices]


def _judge(
    bundle: Bundle, videos: Sequence[ScoredVideo], watch: _Stopwatch, pixels: _PixelMetrics
) -> Evaluation:
    frames = sum(len(video.index_T) for video in videos)
    labelled = [video for video in videos if video.label_T is not None]
    protocol = method_definition(bundle.header.method).paper_protocol
    metrics, floors, parts, events = Metrics(), dict[str, Metrics](), Metrics(), None
    if labelled:
        errors = [video.parts[PAPER_PART] for video in labelled] if protocol else None
        metrics = evaluate_frames(labelled, paper_protocol=protocol, paper_error_T_by_video=errors)
        metrics["pixel_auc"] = pixels.auc()
        labels = {video.name: labels_of(video) for video in labelled}
        alpha = bundle.header.scoring.smoothing_alpha
        floors[NOISE_METHOD] = noise_floor(labels, smoothing_alpha=alpha, paper_protocol=protocol)
        parts = {name: part_auc(labelled, name) for name in labelled[0].parts}
        events = _events(bundle, labelled)
    return Evaluation(
        videos=tuple(videos),
        metrics=metrics,
        floors=floors,
        parts=parts,
        pixel_criterion_auc=pixels.criterion_auc(),
        events=events,
        frames_per_second=frames / max(watch.seconds, 1e-9),
    )


def part_auc(videos: Sequence[ScoredVideo], name: str) -> float | None:
    """Micro AUC of one term of the score."""
    return micro_auc([VideoScores(video.name, video.parts[name], labels_of(video)) for video in videos])


def _events(bundle: Bundle, labelled: Sequence[ScoredVideo]) -> EventSummary:
    videos = [
        VideoEvents(video.name, labels_of(video), video.pts_seconds_T, video.events) for video in labelled
    ]
    return summarise_events(videos, alarm_delay_seconds=bundle.header.scoring.min_event_seconds)
