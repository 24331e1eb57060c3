"""UCF-Crime: 1,900 long surveillance videos, 13 kinds of crime and accident, and normal life.

    Action_Regnition_splits/train_001.txt ... test_004.txt        four folds of 532 and 168 videos, 14 classes
    Anomaly_Detection_splits/Anomaly_Train.txt, Anomaly_Test.txt  1,610 and 290 videos
    Anomaly_Detection_splits/Temporal_Anomaly_Annotation_for_Testing_Videos.txt   abnormal frames of the 290
    Abuse/Abuse001_x264.mp4 ...                                   videos, below any folders

The lists name a folder and a file; videos are found by the file's name, wherever the parts of the release lie.

Sultani, Chen, Shah: Real-world Anomaly Detection in Surveillance Videos. CVPR 2018, arXiv 1801.04264.

Letters: T frames of a video.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar, Self

import numpy as np

from normalcy.datasets.base import BoolArray, CheckReport, DatasetInfo, LabelledVideo, Split
from normalcy.datasets.check import Checklist, name_some
from normalcy.datasets.classes import ClassVideo, require_fold
from normalcy.datasets.labels import intervals_to_labels
from normalcy.datasets.listing import VIDEO_SUFFIXES, count_frames, first_existing, nothing_found
from normalcy.errors import DatasetIncomplete, LabelError

NORMAL = "Normal"
CLASSES = (
    "Abuse",
    "Arrest",
    "Arson",
    "Assault",
    "Burglary",
    "Explosion",
    "Fighting",
    NORMAL,
    "RoadAccidents",
    "Robbery",
    "Shooting",
    "Shoplifting",
    "Stealing",
    "Vandalism",
)
"""In the order of the release's `ClassIDs.txt`, whose name for the normal ones is Normal_Videos_event."""

_RECOGNITION, _DETECTION = "Action_Regnition_splits", "Anomaly_Detection_splits"
_LIST_BASES = ("", "UCF_Crimes-Train-Test-Split", "UCF_Crimes", "UCF_Crimes/UCF_Crimes-Train-Test-Split")
_NO_FRAME = -1


def _info(name: str, title: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        title=title,
        home="https://www.crcv.ucf.edu/projects/real-world/",
        citation=(
            "W. Sultani, C. Chen, M. Shah. Real-world Anomaly Detection in Surveillance Videos. "
            "IEEE Conference on Computer Vision and Pattern Recognition (CVPR), 2018"
        ),
        terms="see the home page",
        fps=30.0,
    )


class UcfCrime:
    """The four folds for recognising what happens; a video is normal, or all of it is of its class."""

    info: ClassVar[DatasetInfo] = _info("ucf-crime", "UCF-Crime, recognition folds")
    folds: ClassVar[int] = 4
    counts: ClassVar[dict[Split, int]] = {"train": 532, "test": 168}
    classes: ClassVar[tuple[str, ...]] = CLASSES
    normal_class: ClassVar[str] = NORMAL

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fold = 0

    def at_fold(self, fold: int) -> Self:
        """The same at another of the official folds."""
        other = copy.copy(self)
        other.fold = require_fold(fold, self.folds)
        return other

    def class_videos(self, split: Split) -> list[ClassVideo]:
        """Those videos of the official list that are there."""
        found = [
            ClassVideo(LabelledVideo(Path(entry).stem, split, path), class_of(entry), recording_of(entry))
            for entry in self.listed(split)
            if (path := self._files.get(PurePosixPath(entry).name))
        ]
        if not found:
            raise nothing_found(self.info, f"{split} videos", where=self.root)
        return found

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Of `train` the normal videos, of `test` all."""
        return [
            each.video
            for each in self.class_videos(split)
            if split == "test" or each.label == self.normal_class
        ]

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """All frames of a video are of its class: these folds have no annotation in time."""
        return np.full(count_frames(video), class_of(video.path.name) != NORMAL, np.bool_)

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """There are none."""
        return None

    def check(self) -> CheckReport:
        """Compares the lists with the published counts, and the videos with the lists."""
        checklist = Checklist()
        for fold in range(self.folds):
            self._check_fold(checklist, self.at_fold(fold))
        self._check_labels(checklist)
        return checklist.report(self.info, self.root)

    def listed(self, split: Split) -> list[str]:
        """What the official list of a split of the fold at hand holds, folder and file.

        Raises:
            DatasetIncomplete: There is no such list.
        """
        return self._lines(f"{_RECOGNITION}/{split}_{self.fold + 1:03d}.txt")

    def _check_fold(self, checklist: Checklist, fold: Self) -> None:
        for split, expected in self.counts.items():
            name = f"{split} videos of fold {fold.fold}"
            try:
                listed = fold.listed(split)
            except DatasetIncomplete as error:
                checklist.add("missing", str(error))
                continue
            checklist.count(f"listed {name}", found=len(listed), expected=expected, more="wrong")
            absent = [entry for entry in listed if PurePosixPath(entry).name not in self._files]
            if absent:
                checklist.add("missing", f"{len(absent)} of {len(listed)} {name}: {name_some(absent)}")
            else:
                checklist.add("ok", f"{len(listed)} {name}")

    def _check_labels(self, checklist: Checklist) -> None:
        """Nothing more: a video's class is its folder."""

    def _lines(self, name: str) -> list[str]:
        path = first_existing(self.root / base / name for base in _LIST_BASES)
        if path is None:
            raise DatasetIncomplete(f"no list {name}", where=self.root, hint=f"Get it from {self.info.home}")
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Videos by file name, wherever they lie below the root."""
        found = (path for path in sorted(self.root.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES)
        return {path.name: path for path in found}


class UcfCrimeDetection(UcfCrime):
    """The split for finding when something happens: test videos annotated in time, 800 normal ones to learn from."""

    info: ClassVar[DatasetInfo] = _info("ucf-crime-detection", "UCF-Crime, detection split")
    folds: ClassVar[int] = 1
    counts: ClassVar[dict[Split, int]] = {"train": 1610, "test": 290}

    def listed(self, split: Split) -> list[str]:
        """What the official list of a split holds."""
        return self._lines(f"{_DETECTION}/Anomaly_{split.capitalize()}.txt")

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video from the annotation in time; of a training video only its class is known."""
        if video.split != "test":
            return None
        try:
            spans = self._annotated[video.path.name]
        except KeyError as error:
            raise LabelError(f"no line for {video.path.name}", where=f"{self.root}/{_DETECTION}") from error
        count = count_frames(video)
        # The annotation was made on other copies: some spans end a few frames after the video.
        inside = [(start, min(end, count)) for start, end in spans if start < count]
        return intervals_to_labels(inside, frame_count=count, where=video.path)

    def _check_labels(self, checklist: Checklist) -> None:
        try:
            annotated = self._annotated
        except (DatasetIncomplete, LabelError) as error:
            checklist.add("missing", str(error))
            return
        checklist.count(
            "annotated test videos", found=len(annotated), expected=self.counts["test"], more="wrong"
        )

    @cached_property
    def _annotated(self) -> dict[str, list[tuple[int, int]]]:
        """Abnormal spans by file name, half-open, from 0."""
        name = f"{_DETECTION}/Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
        return dict(
            _annotation(line, where=f"{name}:{number}") for number, line in enumerate(self._lines(name), 1)
        )


def class_of(entry: str) -> str:
    """The class of a video, from its file name.

    >>> class_of("RoadAccidents/RoadAccidents021_x264.mp4"), class_of("Normal_Videos_015_x264.mp4")
    ('RoadAccidents', 'Normal')

    Raises:
        LabelError: It is none of the release's.
    """
    name = PurePosixPath(entry).name
    found = next((label for label in CLASSES if name.startswith(label)), None)
    if found is None:
        raise LabelError(f"{name!r} is of none of the classes", hint="Is it a video of UCF-Crime?")
    return found


def recording_of(entry: str) -> str:
    """What a video was cut from: file names that differ in a last letter alone, `Abuse001A`, are parts of one."""
    stem = PurePosixPath(entry).stem.removesuffix("_x264")
    return re.sub(r"(?<=\d)[A-Z]$", "", stem)


def _annotation(line: str, *, where: str) -> tuple[str, list[tuple[int, int]]]:
    """`Abuse028_x264.mp4  Abuse  165  240  -1  -1`: first and last abnormal frame of up to two spans, -1 for none."""
    words = line.split()
    try:
        name, _, *numbers = words
        frames = [int(number) for number in numbers]
        if len(frames) != 4:
            raise ValueError
    except ValueError as error:
        raise LabelError(
            f"cannot read {line!r}", where=where, hint="Expected a file, a class and four numbers"
        ) from error
    return name, [_span(frames[at : at + 2], where) for at in (0, 2) if frames[at] != _NO_FRAME]


def _span(bounds: Sequence[int], where: str) -> tuple[int, int]:
    first, last = bounds
    if not 0 <= first <= last:
        raise LabelError(f"frames {first} to {last} are not a span", where=where)
    # Counted from 1, as in MATLAB; some begin with 0.
    return max(first - 1, 0), last
