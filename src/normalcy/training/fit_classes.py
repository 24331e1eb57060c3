"""Fitting a classifier: labelled videos in, features from the store, and a bundle's parts out.

Part of what is learned from is held out, by whole scenes: it chooses the epoch, sets the temperature, and its normal
videos calibrate the score.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset
from normalcy.datasets.cache import FrameCache
from normalcy.datasets.classes import ClassVideo, KnowsClasses
from normalcy.datasets.folds import hold_out
from normalcy.errors import ConfigError, DatasetIncomplete, SkippedVideoWarning, VideoError
from normalcy.layers.backbones import Backbone
from normalcy.methods.base import Classifying, Method
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.scoring.calibration import MIN_FRAMES, fit_calibration
from normalcy.scoring.settings import ScoringSettings
from normalcy.training.calibrate import CalibrationResult, map_scale
from normalcy.training.class_verdicts import fit_temperature, smoothed_scores
from normalcy.training.classify import train_classify
from normalcy.training.config import FitConfig
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.features.extract import feature_store
from normalcy.training.features.store import FeatureStore, Seen
from normalcy.training.sequences import LabelledFeatures
from normalcy.training.summary import TrainingSummary


@dataclass(frozen=True, eq=False)
class SeenVideo:
    """A video with its class, as the backbone saw it."""

    source: ClassVideo
    seen: Seen
    target: int

    @property
    def frames(self) -> int:
        """Of the source, as far as they were looked at."""
        return int(self.seen.index_T[-1]) + 1


@dataclass(frozen=True, eq=False)
class LabelledFootage:
    """What a classifier is fitted on, and what is held out."""

    fitted: tuple[SeenVideo, ...]
    held_out: tuple[SeenVideo, ...]


def open_classes(config: FitConfig) -> KnowsClasses:
    """The dataset of a configuration, at its fold.

    Raises:
        ConfigError: It has no classes.
    """
    dataset: Dataset = open_dataset(config.data.name, config.data.root)
    if not isinstance(dataset, KnowsClasses):
        raise ConfigError(
            f"{dataset.info.name} has no classes, and {config.method} learns to tell classes apart",
            where="data.name",
            hint="Use class-folder, with one folder of videos a class",
        )
    return dataset.at_fold(config.data.fold)


def with_classes(config: FitConfig, dataset: KnowsClasses) -> FitConfig:
    """The configuration of a model that knows the dataset's classes."""
    model = config.model | {"classes": list(dataset.classes), "normal_class": dataset.normal_class}
    return config.model_copy(update={"model": model})


def store_of(config: FitConfig, method: Method) -> FeatureStore:
    """The store of what a method's backbone sees."""
    classifying = cast("Classifying", method)
    backbone = cast("Backbone", classifying.backbone)
    root = config.data.features.expanduser()
    return feature_store(root, backbone, config.model["backbone"]["name"], clip=method.clip)


def load_labelled_footage(
    config: FitConfig, dataset: KnowsClasses, store: FeatureStore, *, progress: Progress | None = None
) -> LabelledFootage:
    """Features of the videos to learn from, and of those that are held out of them.

    Raises:
        DatasetIncomplete: A class is left without videos.
    """
    _, held_out = _split(config, dataset)
    seen = see_all(store, wanted_videos(config, dataset), classes=dataset.classes, progress=progress)
    held = {video.video.name for video in held_out}
    footage = LabelledFootage(
        tuple(each for each in seen if each.source.video.name not in held),
        tuple(each for each in seen if each.source.video.name in held),
    )
    for part, what in ((footage.fitted, "to learn from"), (footage.held_out, "to validate on")):
        lacking = [
            name for place, name in enumerate(dataset.classes) if all(each.target != place for each in part)
        ]
        if lacking:
            raise DatasetIncomplete(f"no video of {', '.join(lacking)} {what}", where=config.data.root)
    return footage


def _split(config: FitConfig, dataset: KnowsClasses) -> tuple[list[ClassVideo], list[ClassVideo]]:
    """The videos to learn from, and those that are held out of them."""
    videos = dataset.class_videos("train")
    return hold_out(videos, fraction=config.data.held_out_fraction, seed=config.seed)


def wanted_videos(config: FitConfig, dataset: KnowsClasses) -> list[tuple[ClassVideo, int]]:
    """The videos that a fit looks at, each with the number of views."""
    fitted, held_out = _split(config, dataset)
    views = 1 + config.training.augmentation.views
    return [(video, views) for video in fitted] + [(video, 1) for video in held_out]


def require_same(group: Group, footage: LabelledFootage) -> None:
    """Checks that all processes have the same videos, which they may read from disks of their own.

    Raises:
        TrainingError: One has others.
    """
    group.require_same(
        [(each.source.video.name, each.frames) for each in (*footage.fitted, *footage.held_out)]
    )


def require_normal(footage: LabelledFootage, clip: ClipSpec, *, normal: int, root: Path) -> None:
    """Says before training, not after, that there is too little normal video to calibrate on.

    Raises:
        DatasetIncomplete: There is.
    """
    frames = sum(
        each.frames for each in footage.held_out if each.target == normal and each.frames >= clip.span_frames
    )
    if frames < MIN_FRAMES:
        raise DatasetIncomplete(
            f"too little normal video is held out for calibration: {frames} frames in clips of {clip.span_frames} or "
            f"more, at least {MIN_FRAMES} are needed",
            where=root,
            hint="Add ordinary clips",
        )


def see_all(
    store: FeatureStore,
    videos: Sequence[tuple[ClassVideo, int]],
    *,
    classes: Sequence[str],
    progress: Progress | None = None,
) -> list[SeenVideo]:
    """Features of videos, each in so many views; one that cannot be read is left out with a warning."""
    found = []
    for number, (video, views) in enumerate(videos):
        if progress:
            progress(f"looking at {video.video.name}", number, len(videos))
        try:
            seen = store.open(video.video, views=views)
        except VideoError as error:
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)
            continue
        found.append(SeenVideo(video, seen, list(classes).index(video.label)))
    if progress:
        progress("looking at videos", len(videos), len(videos))
    return found


def train_classes(
    method: Method,
    footage: LabelledFootage,
    config: FitConfig,
    *,
    run: RunFolder,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> TrainingSummary:
    """Trains the classifier and sets its temperature."""
    classifying = cast("Classifying", method)
    summary = train_classify(
        classifying,
        [LabelledFeatures(each.seen.features_VTD, each.target) for each in footage.fitted],
        [LabelledFeatures(each.seen.features_VTD, each.target) for each in footage.held_out],
        config.training,
        run=run,
        seed=config.seed,
        resume=resume,
        progress=progress,
        group=group,
    )
    method.eval()
    fit_temperature(classifying, [(each.seen, each.target) for each in footage.held_out])
    return summary


def finetune_classes(
    method: Method,
    footage: LabelledFootage,
    config: FitConfig,
    *,
    run: RunFolder,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> LabelledFootage:
    """Trains backbone and classifier together; returns the footage as the backbone then sees it.

    Another backbone has another store: what it sees of the videos is computed anew.
    """
    train_backbone(method, footage, config, run=run, resume=resume, progress=progress, group=group)
    method.eval()
    store, classes = store_of(config, method), cast("Classifying", method).classes
    seen = see_all(store, [(each.source, 1) for each in footage.held_out], classes=classes, progress=progress)
    fit_temperature(cast("Classifying", method), [(each.seen, each.target) for each in seen])
    return LabelledFootage(footage.fitted, tuple(seen))


def train_backbone(
    method: Method,
    footage: LabelledFootage,
    config: FitConfig,
    *,
    run: RunFolder,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> None:
    """Trains backbone and classifier together."""
    from normalcy.training.finetune import LabelledFrames, finetune

    cache, clip = FrameCache(config.data.cache.expanduser()), method.clip

    def decoded(videos: Sequence[SeenVideo]) -> list[LabelledFrames]:
        entries = [
            cache.open(each.source.video, size_px=clip.size_px, channels=3, stride_frames=clip.stride_frames)
            for each in videos
        ]
        return [
            LabelledFrames(entry.frames_TCHW, each.target)
            for entry, each in zip(entries, videos, strict=True)
        ]

    # The first process decodes, where all see one disk; then the others open what it kept.
    if group.is_first:
        videos = decoded(footage.fitted), decoded(footage.held_out)
    group.wait()
    if not group.is_first:
        videos = decoded(footage.fitted), decoded(footage.held_out)
    finetune(
        method,
        *videos,
        config.training.finetuning,
        config.training,
        run=RunFolder(run.finetuning),
        seed=config.seed,
        resume=resume,
        progress=progress,
        group=group,
    )


def calibrate_classes(
    method: Method, footage: LabelledFootage, *, settings: ScoringSettings, normal: int
) -> CalibrationResult:
    """Calibrates on the normal videos that were held out.

    Raises:
        CalibrationError: There is too little of them.
    """
    scores, seconds = [], 0.0
    for each in footage.held_out:
        if each.target != normal:
            continue
        found = smoothed_scores(
            cast("Classifying", method),
            each.seen,
            spec=method.clip,
            settings=settings,
            name=each.source.video.name,
        )
        if len(score_T := np.array(list(found))):
            scores.append(score_T)
            seconds += _seconds(each.seen) * len(score_T) / each.frames
    frames = sum(len(score_T) for score_T in scores)
    rate = frames / seconds if seconds > 0 else 25.0
    calibration = fit_calibration(
        scores, frames_per_second=rate, cluster_gap_seconds=settings.merge_gap_seconds
    )
    # A map is the score all over.
    samples_N = np.concatenate(scores)
    return CalibrationResult(calibration, rate, map_scale(np.stack([samples_N, samples_N], axis=1)))


def _seconds(seen: Seen) -> float:
    """How long a video is: its frames, the last one included, at its mean rate."""
    elapsed, frames = float(seen.pts_seconds_T[-1] - seen.pts_seconds_T[0]), int(seen.index_T[-1])
    return elapsed * (frames + 1) / frames if frames and elapsed > 0 else (frames + 1) / 25.0
