"""One folder a class, such as `fight/` and `noFight/`, with videos or folders of pictures in it, nested as you like.

Folds are dealt out so that videos which show the same scene stay together (see `near_duplicates`).
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from normalcy.datasets.base import BoolArray, CheckReport, DatasetInfo, LabelledVideo, Split
from normalcy.datasets.check import Checklist, check_readable
from normalcy.datasets.classes import ClassVideo, find_normal, require_fold
from normalcy.datasets.folds import Fold, stratified_group_folds
from normalcy.datasets.listing import count_frames, find_videos, nothing_found, subfolders
from normalcy.datasets.near_duplicates import same_scene
from normalcy.datasets.own_folder import DEFAULT_PICTURE_FPS
from normalcy.errors import ConfigError, DatasetIncomplete

FOLDS = 5
HASHES = Path("~/.cache/normalcy/hashes")


class ClassFolder:
    """Your own videos, one folder a class; one of them normal."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="class-folder",
        title="Your own classes",
        home="your own cameras: one folder a class, one of them called normal",
        citation="nothing to cite",
        terms="your own",
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fold = 0

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the folders that hold videos."""
        found = tuple(folder.name for folder in subfolders(self.root) if find_videos(folder))
        if len(found) < 2:
            raise DatasetIncomplete(
                f"{len(found)} folders with videos, at least two classes are needed",
                where=self.root,
                hint="Put the videos of each class into a folder of its own",
            )
        return found

    @property
    def normal_class(self) -> str:
        """The folder that is called as normal video is."""
        return find_normal(self.classes)

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return FOLDS

    def at_fold(self, fold: int) -> Self:
        """The same at another fold."""
        other = copy.copy(self)
        other.fold = require_fold(fold, self.folds)
        return other

    def class_videos(self, split: Split) -> list[ClassVideo]:
        """Videos of a split of the fold at hand, of all classes."""
        fold = self._folds[self.fold]
        chosen = [self._every[place] for place in (fold.train if split == "train" else fold.test)]
        return [replace(each, video=replace(each.video, split=split)) for each in chosen]

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Of `train` the normal videos, of `test` all."""
        return [
            each.video
            for each in self.class_videos(split)
            if split == "test" or each.label == self.normal_class
        ]

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """All frames of a video are of its class."""
        label = next(each.label for each in self._every if each.video.path == video.path)
        return np.full(count_frames(video), label != self.normal_class, np.bool_)

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """There are none."""
        return None

    def check(self) -> CheckReport:
        """Says what there is, what cannot be read, and what shows the same."""
        checklist = Checklist()
        try:
            every = self._every
            for label in self.classes:
                videos = [each.video for each in every if each.label == label]
                counts = check_readable(checklist, label, videos)
                checklist.add("ok", f"{len(counts)} videos of {label}, {sum(counts.values()):,} frames")
            checklist.add("ok", f"{self.normal_class} is normal")
            scenes = len({each.group for each in every})
            checklist.add(
                "note", f"{len(every)} videos show {scenes} scenes; a scene is never on both sides of a fold"
            )
            self._check_counts(checklist)
            checklist.add("ok", f"{len(self._folds)} folds")
        except DatasetIncomplete as error:
            checklist.add("missing", str(error))
        except ConfigError as error:
            checklist.add("wrong", str(error))
        return checklist.report(self.info, self.root)

    def _check_counts(self, checklist: Checklist) -> None:
        """Of a benchmark, its official counts."""

    @cached_property
    def _every(self) -> list[ClassVideo]:
        """All videos, in order."""
        found = [
            (LabelledVideo(_name(path, self.root), "train", path, _fps(path)), label)
            for label in self.classes
            for path in find_videos(self.root / label)
        ]
        groups = same_scene([video for video, _ in found], cache=HASHES.expanduser())
        return [ClassVideo(video, label, group) for (video, label), group in zip(found, groups, strict=True)]

    @cached_property
    def _folds(self) -> list[Fold]:
        every = self._every
        return stratified_group_folds(
            [each.label for each in every], [each.group for each in every], folds=self.folds
        )


class SurveillanceFight(ClassFolder):
    """Surveillance Camera Fight: 300 clips of about two seconds from cameras of shops, streets and buses.

    Aktı, Tataroğlu, Ekenel: Vision-based Fight Detection from Surveillance Cameras. IPTA 2019, arXiv 2002.04355.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="surveillance-fight",
        title="Surveillance Camera Fight",
        home="https://github.com/seymanurakti/fight-detection-surv-dataset",
        citation=(
            "Ş. Aktı, G. A. Tataroğlu, H. K. Ekenel. "  # noqa: RUF001
            "Vision-based Fight Detection from Surveillance Cameras. "
            "IEEE International Conference on Image Processing Theory, Tools and Applications (IPTA), 2019"
        ),
        terms="MIT",
    )

    _VIDEOS: ClassVar[dict[str, int]] = {"fight": 150, "noFight": 150}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The two of the release."""
        if not any(find_videos(self.root / name) for name in self._VIDEOS):
            raise nothing_found(self.info, "videos", where=self.root)
        return tuple(self._VIDEOS)

    def _check_counts(self, checklist: Checklist) -> None:
        for label, expected in self._VIDEOS.items():
            found = sum(each.label == label for each in self._every)
            checklist.count(f"videos of {label}", found=found, expected=expected)


def _fps(path: Path) -> float | None:
    """Of a folder of pictures; files say it themselves."""
    return DEFAULT_PICTURE_FPS if path.is_dir() else None


def _name(path: Path, root: Path) -> str:
    """Path below the root, without suffix."""
    relative = path.relative_to(root)
    return (relative if path.is_dir() else relative.with_suffix("")).as_posix()
