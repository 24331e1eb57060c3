"""From a dataset to the videos a fit reads: split, decoded once, memory-mapped.

Letters: T frames, C channels, H height, W width.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from normalcy.datasets import open_dataset
from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import FrameCache
from normalcy.datasets.classes import ClassVideo, KnowsClasses
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
        entry: Where the cache holds the video, so that another process can open it; None of frames from elsewhere.
        start_frame: Place of the first frame among those of the entry.
    """

    name: str
    frames_TCHW: npt.NDArray[np.uint8]
    indices_T: npt.NDArray[np.int64]
    pts_seconds_T: npt.NDArray[np.float64]
    entry: Path | None = None
    start_frame: int = 0

    def __len__(self) -> int:
        return len(self.frames_TCHW)

    def holds_clip(self, spec: ClipSpec) -> bool:
        """Whether there are frames enough for a clip."""
        return spec.taken(self.pts_seconds_T) >= spec.span_frames

    def part(self, frames: slice) -> "Footage":
        """Some of its frames."""
        start = self.start_frame + frames.indices(len(self))[0]
        arrays = self.frames_TCHW[frames], self.indices_T[frames], self.pts_seconds_T[frames]
        return Footage(self.name, *arrays, self.entry, start)

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


def all_normal_footage(
    config: DataConfig, *, spec: ClipSpec, progress: Progress | None = None
) -> tuple[Footage, ...]:
    """Decodes the normal training videos, once for all runs; those that no clip fits into are left out.

    Raises:
        DatasetIncomplete: None can be used.
    """
    videos = training_videos(config)
    found = tuple(_decode(videos, FrameCache(config.cache.expanduser()), spec, progress))
    if not found:
        raise DatasetIncomplete(f"none of {len(videos)} training videos can be used", where=config.root)
    return found


def training_videos(config: DataConfig) -> list[LabelledVideo]:
    """The normal videos that are offered for training.

    Raises:
        DatasetIncomplete: There are none.
    """
    dataset = open_dataset(config.name, config.root)
    if isinstance(dataset, KnowsClasses):
        return [each.video for each in _normal(dataset, config)]
    return dataset.videos("train")


def load_normal_footage(
    config: DataConfig, *, spec: ClipSpec, seed: int, progress: Progress | None = None
) -> NormalFootage:
    """The same, and holds whole videos, or the end of few, out.

    Raises:
        DatasetIncomplete: No readable training video is long enough, or too little is left to calibrate on.
    """
    whole = {span.name: span for span in all_normal_footage(config, spec=spec, progress=progress)}
    dataset = open_dataset(config.name, config.root)
    if isinstance(dataset, KnowsClasses):
        fold = config.fold
        fitted, held_out = _split_scenes(dataset, whole, config, seed)
    else:
        fold = None
        fitted, held_out = split_validation(
            [video for video in dataset.videos("train") if video.name in whole],
            fraction=config.held_out_fraction,
            seed=seed,
            frame_count=lambda video: len(whole[video.name]),
        )
    footage = NormalFootage(_cut(fitted, whole), _cut(held_out, whole), fold)
    _require(footage, spec, config)
    return footage


def _normal(dataset: KnowsClasses, config: DataConfig) -> list[ClassVideo]:
    """Videos of the normal class to fit on."""
    at_fold = dataset.at_fold(config.fold)
    return [each for each in at_fold.class_videos("train") if each.label == at_fold.normal_class]


def _split_scenes(
    dataset: KnowsClasses, whole: Mapping[str, Footage], config: DataConfig, seed: int
) -> tuple[list[VideoSpan], list[VideoSpan]]:
    """Holds out normal videos by whole scenes."""
    usable = [each for each in _normal(dataset, config) if each.video.name in whole]
    fitted, held_out = hold_out(usable, fraction=config.held_out_fraction, seed=seed)
    return [VideoSpan(each.video) for each in fitted], [VideoSpan(each.video) for each in held_out]


def _decode(
    videos: Sequence[LabelledVideo], cache: FrameCache, spec: ClipSpec, progress: Progress | None
) -> list[Footage]:
    found = []
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
        found.append(
            Footage(video.name, entry.frames_TCHW, entry.indices_T, entry.pts_seconds_T, entry.folder)
        )
    if progress:
        progress("reading", len(videos), len(videos))
    return found


def _cut(spans: Sequence[VideoSpan], whole: Mapping[str, Footage]) -> tuple[Footage, ...]:
    return tuple(whole[span.video.name].part(slice(span.start_frame, span.end_frame)) for span in spans)


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
