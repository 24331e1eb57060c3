"""From a dataset to the videos a fit reads: split, decoded once, memory-mapped.

Letters: T frames, C channels, H height, W width.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.datasets import open_dataset
from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import FrameCache
from normalcy.datasets.cache_entry import CachedVideo
from normalcy.datasets.classes import KnowsClasses
from normalcy.datasets.folds import hold_out
from normalcy.datasets.splits import VideoSpan, split_validation
from normalcy.errors import DatasetIncomplete, SkippedVideoWarning, UnreadableVideo
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.scoring.calibration import MIN_FRAMES
from normalcy.training.config import DataConfig
from normalcy.video.frame import Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Footage:
    """A span of decoded normal video.

    Attributes:
        name: Name of the video.
        frames_TCHW: uint8, memory-mapped.
        indices_T: Place of each frame in its source.
        pts_seconds_T: Presentation time of each frame.
    """

    name: str
    frames_TCHW: npt.NDArray[np.uint8]
    indices_T: npt.NDArray[np.int64]
    pts_seconds_T: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames_TCHW)

    def holds_clip(self, spec: ClipSpec) -> bool:
        """Whether there are frames enough for a clip."""
        return spec.taken(self.pts_seconds_T) >= spec.span_frames

    def frames(self) -> Iterator[Frame]:
        """The span as frames, as a reader would give them."""
        for image_CHW, index, pts in zip(self.frames_TCHW, self.indices_T, self.pts_seconds_T, strict=True):
            yield Frame(image_CHW.transpose(1, 2, 0), int(index), float(pts), self.name)

    @property
    def frames_per_second(self) -> float:
        """Mean rate."""
        elapsed = float(self.pts_seconds_T[-1] - self.pts_seconds_T[0])
        return (len(self) - 1) / elapsed if elapsed > 0 else 25.0


@dataclass(frozen=True)
class NormalFootage:
    """Normal video, split into what is fitted on and what is held out; of which fold, where there are folds."""

    fitted: tuple[Footage, ...]
    held_out: tuple[Footage, ...]
    fold: int | None = None


def load_normal_footage(
    config: DataConfig, *, spec: ClipSpec, seed: int, progress: Progress | None = None
) -> NormalFootage:
    """Decodes the training videos (once for all runs) and holds whole videos, or the end of few, out.

    Raises:
        DatasetIncomplete: No readable training video is long enough, or too little is left to calibrate on.
    """
    dataset = open_dataset(config.name, config.root)
    fold = config.fold if isinstance(dataset, KnowsClasses) else None
    videos = (dataset.at_fold(config.fold) if isinstance(dataset, KnowsClasses) else dataset).videos("train")
    cache = FrameCache(config.cache.expanduser())
    cached = _decode(videos, cache, spec, progress)
    if not cached:
        raise DatasetIncomplete(f"none of {len(videos)} training videos can be used", where=config.root)
    lengths = {video.name: len(entry) for video, entry in cached}
    if isinstance(dataset, KnowsClasses):
        fitted, held_out = _split_scenes(dataset.at_fold(config.fold), set(lengths), config, seed)
    else:
        fitted, held_out = split_validation(
            [video for video, _ in cached],
            fraction=config.held_out_fraction,
            seed=seed,
            frame_count=lambda video: lengths[video.name],
        )
    entries = {video.name: entry for video, entry in cached}
    footage = NormalFootage(_cut(fitted, entries), _cut(held_out, entries), fold)
    _require(footage, spec, config)
    return footage


def _split_scenes(
    dataset: KnowsClasses, usable: set[str], config: DataConfig, seed: int
) -> tuple[list[VideoSpan], list[VideoSpan]]:
    """Holds out normal videos by whole scenes."""
    normal = [
        each
        for each in dataset.class_videos("train")
        if each.label == dataset.normal_class and each.video.name in usable
    ]
    fitted, held_out = hold_out(normal, fraction=config.held_out_fraction, seed=seed)
    return [VideoSpan(each.video) for each in fitted], [VideoSpan(each.video) for each in held_out]


def _decode(
    videos: Sequence[LabelledVideo], cache: FrameCache, spec: ClipSpec, progress: Progress | None
) -> list[tuple[LabelledVideo, CachedVideo]]:
    cached = []
    for number, video in enumerate(videos):
        if progress:
            progress(f"reading {video.name}", number, len(videos))
        try:
            entry = cache.open(video, size_px=spec.size_px, channels=spec.channels)
        except UnreadableVideo as error:
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)
            continue
        taken = spec.taken(entry.pts_seconds_T)
        if taken < spec.span_frames:
            apart = f" {spec.spacing_seconds:g} s apart" if spec.spacing_seconds else ""
            message = f"left out: {video.path} has {taken} frames{apart}, a clip needs {spec.span_frames}"
            warnings.warn(message, SkippedVideoWarning, stacklevel=2)
            continue
        cached.append((video, entry))
    if progress:
        progress("reading", len(videos), len(videos))
    return cached


def _cut(spans: Sequence[VideoSpan], entries: dict[str, CachedVideo]) -> tuple[Footage, ...]:
    footage = []
    for span in spans:
        entry, part = entries[span.video.name], slice(span.start_frame, span.end_frame)
        footage.append(
            Footage(
                span.video.name, entry.frames_TCHW[part], entry.indices_T[part], entry.pts_seconds_T[part]
            )
        )
    return tuple(footage)


def _require(footage: NormalFootage, spec: ClipSpec, config: DataConfig) -> None:
    """Says before hours of training, not after, that there is too little video."""
    needs = (("fitting", footage.fitted, 1), ("calibration", footage.held_out, MIN_FRAMES))
    for purpose, spans, least in needs:
        frames = sum(len(span) for span in spans if span.holds_clip(spec))
        if frames < least:
            raise DatasetIncomplete(
                f"too little normal video is left for {purpose}: {frames} frames in spans of {spec.span_frames} "
                f"or more, at least {max(least, spec.span_frames)} are needed",
                where=config.root,
                hint="Add ordinary footage; a minute is a start, an hour is good",
            )
