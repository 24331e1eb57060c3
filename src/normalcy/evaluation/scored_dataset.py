"""Scoring the test videos of a dataset as a camera would: one pass over the frames, pixel metrics on the way.

Letters: T frames of a video, H height, W width.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import (
    BoolArray,
    Dataset,
    FloatArray,
    KnowsKinds,
    KnowsRegions,
    LabelledVideo,
    TrueRegions,
)
from normalcy.errors import InputError, LabelError, SkippedVideoWarning
from normalcy.evaluation.pixel_metrics import PixelCriterion, PixelRoc
from normalcy.evaluation.region_metrics import RegionAucs, RegionCriterion
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo, as_columns
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import FrameScore
from normalcy.video.reader import ReadOptions, open_video

ItemT = TypeVar("ItemT")


@dataclass
class PixelMetrics:
    """Pixel metrics over the videos that have masks; None without any."""

    _roc: PixelRoc = field(default_factory=PixelRoc)
    _criterion: PixelCriterion = field(default_factory=PixelCriterion)
    _regions: RegionCriterion = field(default_factory=RegionCriterion)

    def follow(
        self,
        verdicts: Iterable[FrameScore],
        masks: Iterator[BoolArray] | None,
        regions: Iterator[TrueRegions] | None = None,
    ) -> Iterator[FrameScore]:
        """Passes verdicts on without their maps, having compared each map with the mask of the same frame.

        Args:
            verdicts: Of one video.
            masks: Of each of its frames.
            regions: Likewise, where more is known of what is abnormal than the masks tell.
        """
        self._regions.begin_video()
        if masks is None:
            yield from (replace(verdict, map_HW=None) for verdict in verdicts)
            return
        known = (
            zip(masks, repeat(None), strict=False) if regions is None else zip(masks, regions, strict=True)
        )
        numbered = enumerate(known)
        for verdict in verdicts:
            if verdict.map_HW is not None:
                truth = next((truth for place, truth in numbered if place == verdict.index), None)
                if truth is None:
                    raise LabelError(f"there is no mask for frame {verdict.index}", where=verdict.source_id)
                self._take(verdict.map_HW, *truth, index=verdict.index)
            yield replace(verdict, map_HW=None)

    def _take(
        self, map_HW: FloatArray, mask_HW: BoolArray, regions: TrueRegions | None, *, index: int
    ) -> None:
        self._roc.update(map_HW, mask_HW)
        self._criterion.update(map_HW, mask_HW)
        self._regions.update(map_HW, mask_HW, index=index, known=regions)

    def auc(self) -> float | None:
        """Over all pixels."""
        return self._roc.auc()

    def region_aucs(self) -> RegionAucs | None:
        """By the region- and track-based criteria."""
        return self._regions.aucs()

    def criterion_auc(self) -> float | None:
        """By the pixel-level criterion."""
        return self._criterion.auc()


@dataclass(frozen=True, eq=False)
class ScoredDataset:
    """Every test video, frame by frame.

    Attributes:
        videos: In the dataset's order.
        pixels: Pixel metrics of the maps.
        frames_per_second: Decoding and scoring together, metrics left out.
        left_out: What was wrong with each video that could not be scored.
    """

    videos: tuple[ScoredVideo, ...]
    pixels: PixelMetrics
    frames_per_second: float
    left_out: tuple[str, ...] = ()

    @property
    def labelled(self) -> list[ScoredVideo]:
        """The videos that have labels."""
        return [video for video in self.videos if video.label_T is not None]


@dataclass
class _Stopwatch:
    """Adds up the time that iterators take to give their items, and nothing else."""

    seconds: float = 0.0

    def timed(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - started
            yield item


def score_dataset(
    model: ScoringModel,
    dataset: Dataset,
    *,
    settings: ScoringSettings,
    calibration: Calibration | None,
    videos: Sequence[LabelledVideo] | None = None,
    what: str = "judging",
    progress: Progress | None = None,
) -> ScoredDataset:
    """Scores every test video; one that cannot be read is left out with a warning.

    Args:
        model: What scores.
        dataset: Whose test videos.
        settings: Hop, smoothing and alarms.
        calibration: Without one, nothing is alarmed.
        videos: Only these of them.
        what: Named in the progress.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        DatasetIncomplete: There are no test videos.
        LabelError: Labels do not fit their video.
        InputError: No test video could be scored.
    """
    watch, pixels, scored, left_out = _Stopwatch(), PixelMetrics(), list[ScoredVideo](), list[str]()
    listed = dataset.videos("test") if videos is None else videos
    for number, video in enumerate(listed):
        if progress:
            progress(f"{what}, {video.name}", number, len(listed))
        scorer = SourceScorer(model, settings=settings, calibration=calibration, source_id=video.name)
        try:
            scored.append(_score(scorer, model.spec, dataset, video, watch, pixels))
        except LabelError:
            raise
        except InputError as error:
            left_out.append(str(error))
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)
    if progress:
        progress(what, len(listed), len(listed))
    if not scored:
        raise InputError(f"none of {len(listed)} test videos could be scored", where=dataset.root)
    frames = sum(len(video.index_T) for video in scored)
    return ScoredDataset(tuple(scored), pixels, frames / max(watch.seconds, 1e-9), tuple(left_out))


def kinds_of_frames(dataset: Dataset, videos: Sequence[ScoredVideo]) -> list[dict[str, BoolArray]]:
    """Where each kind is abnormal, (T,) by kind, for each scored video; aligned by frame index as labels are.

    Without a dataset that knows kinds, there are none.

    Raises:
        LabelError: What is known of the kinds does not fit its video.
    """
    if not isinstance(dataset, KnowsKinds):
        return [{} for _ in videos]
    sources = {video.name: video for video in dataset.videos("test")}
    return [_kinds_of_frames(dataset, sources[video.name], video.index_T) for video in videos]


def _kinds_of_frames(
    dataset: KnowsKinds, video: LabelledVideo, index_T: npt.NDArray[np.int64]
) -> dict[str, BoolArray]:
    return {
        kind: labels_of_frames(kind_T, index_T, video) for kind, kind_T in dataset.frame_kinds(video).items()
    }


def read_options(spec: ClipSpec, video: LabelledVideo) -> ReadOptions:
    """How a test video is read for a method."""
    return ReadOptions(size_px=spec.size_px, grey=spec.channels == 1, fps=video.fps)


def _score(
    scorer: SourceScorer,
    spec: ClipSpec,
    dataset: Dataset,
    video: LabelledVideo,
    watch: _Stopwatch,
    pixels: PixelMetrics,
) -> ScoredVideo:
    with open_video(video.path, read_options(spec, video), source_id=video.name) as reader:
        regions = dataset.abnormal_regions(video) if isinstance(dataset, KnowsRegions) else None
        scores = watch.timed(scorer.run(reader))
        verdicts = list(pixels.follow(scores, dataset.pixel_masks(video), regions))
    label_T = dataset.frame_labels(video)
    if label_T is not None:
        index_T = np.array([verdict.index for verdict in verdicts], np.int64)
        label_T = labels_of_frames(label_T, index_T, video)
    return as_columns(video.name, verdicts, events=scorer.events, label_T=label_T)


def labels_of_frames(label_T: BoolArray, index_T: npt.NDArray[np.int64], video: LabelledVideo) -> BoolArray:
    """Labels of the frames of these indices, in order; raises LabelError where there are too few."""
    if index_T[-1] >= len(label_T):
        raise LabelError(
            f"has a frame {index_T[-1]}, but only {len(label_T)} labels",
            where=video.path,
            hint="Labels and frames must be of the same version of the dataset",
        )
    return np.asarray(label_T[index_T], np.bool_)
