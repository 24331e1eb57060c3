"""UCSD Anomaly Detection Dataset, Ped1 and Ped2, in the two layouts people have.

    official        Train/Train001/001.tif   Test/Test001/001.tif   Test/Test001_gt/001.bmp   Test/UCSDped2.m
    frames          training/frames/01/000.jpg   testing/frames/01/   testing/masks/01/000.png   ped2.mat

Both give the same videos under the same names (`01`, `02`, ...). Labels come from the interval file (`.m`), from
the `.mat` file, from the masks, or from all of them, in which case they have to agree.

Mahadevan, Li, Bhalodia, Vasconcelos: Anomaly Detection in Crowded Scenes. CVPR 2010.

Letters: T frames of a video, H height, W width.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from normalcy.datasets.base import BoolArray, CheckReport, DatasetInfo, LabelledVideo, Split
from normalcy.datasets.check import (
    Checklist,
    Official,
    check_agreement,
    check_labels,
    check_split,
    collect_labels,
)
from normalcy.datasets.labels import (
    Interval,
    find_disagreement,
    intervals_to_labels,
    read_gt_mat,
    read_interval_file,
)
from normalcy.datasets.listing import count_pictures, first_existing, nothing_found, subfolders
from normalcy.datasets.masks import list_masks, masks_to_labels, read_masks
from normalcy.errors import LabelError

_CITATION = (
    "V. Mahadevan, W. Li, V. Bhalodia, N. Vasconcelos. Anomaly Detection in Crowded Scenes. "
    "IEEE Conference on Computer Vision and Pattern Recognition (CVPR), 2010"
)
_HOME = "http://www.svcl.ucsd.edu/projects/anomaly/dataset.html"
_TERMS = "no licence is stated; for research, its authors ask to be cited"
_FPS = 10.0

PED1 = Official(train_videos=34, train_frames=6_800, test_videos=36, test_frames=7_200)
# Copies of the interval file with another end for video 06 (162 instead of 159) circulate; the masks end at 159.
PED2 = Official(
    train_videos=16,
    train_frames=2_550,
    test_videos=12,
    test_frames=2_010,
    abnormal_frames=1_648,
    label_checksum="e3408b33a9c44e8e0e0209257814886267cecad6191d78226ddac90a4d7d363b",
)


@dataclass(frozen=True)
class _Layout:
    """Where the parts of one of the two layouts lie."""

    train: Path
    test: Path
    video_name: re.Pattern[str]
    mask_folder: Callable[[Path], Path]

    def find(self, split: Split) -> dict[int, Path]:
        """Folder of each video of a split by its number."""
        numbered: dict[int, Path] = {}
        for folder in subfolders(self.train if split == "train" else self.test):
            match = self.video_name.fullmatch(folder.name)
            if match is not None:
                numbered[int(match.group(1))] = folder
        return dict(sorted(numbered.items()))


def _official_layout(base: Path) -> _Layout:
    return _Layout(
        train=base / "Train",
        test=base / "Test",
        video_name=re.compile(r"(?:Train|Test)(\d+)"),
        mask_folder=lambda video: video.with_name(f"{video.name}_gt"),
    )


def _frames_layout(base: Path) -> _Layout:
    return _Layout(
        train=base / "training" / "frames",
        test=base / "testing" / "frames",
        video_name=re.compile(r"(?:Train|Test)?(\d+)"),
        mask_folder=lambda video: base / "testing" / "masks" / video.name,
    )


class _Ucsd:
    """What Ped1 and Ped2 have in common: everything but their numbers."""

    info: ClassVar[DatasetInfo]
    official: ClassVar[Official]
    stem: ClassVar[str]
    masks_agree: ClassVar[bool]

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base, self._layout = self._find_layout()
        self._intervals: dict[Path, list[list[Interval]]] = {}

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in order; DatasetIncomplete when there are none."""
        found = [
            LabelledVideo(name=f"{number:02d}", split=split, path=folder, fps=_FPS)
            for number, folder in self._layout.find(split).items()
        ]
        if not found:
            raise nothing_found(self.info, f"{split} videos", where=self.root)
        return found

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video, bool (T,); LabelError when they do not fit it or its sources disagree."""
        sources = self._interval_labels(video)
        if not sources:
            masks = self.pixel_masks(video)
            return None if masks is None else masks_to_labels(masks)
        (first, label_T), *others = sources.items()
        for name, other_T in others:
            problem = find_disagreement(label_T, other_T, video=video.name, sources=(first, name))
            if problem is not None:
                raise LabelError(problem, where=self._base, hint="Remove the file that is wrong")
        return label_T

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Mask of each frame of a test video, bool (H, W); None where the release has none for it."""
        folder = self._layout.mask_folder(video.path)
        if video.split != "test" or not folder.is_dir():
            return None
        return read_masks(list_masks(folder, frame_count=count_pictures(video.path)))

    def check(self) -> CheckReport:
        """Compares videos, frames, labels and masks with the official ones."""
        checklist = Checklist()
        if not self.root.is_dir():
            checklist.add("missing", f"the folder {self.root}")
            return checklist.report(self.info, self.root)
        check_split(checklist, self, "train", self.official, names=self._names("train"))
        if check_split(checklist, self, "test", self.official, names=self._names("test")):
            self._check_labels(checklist)
        return checklist.report(self.info, self.root)

    def _find_layout(self) -> tuple[Path, _Layout]:
        """The first place under the root where one of the layouts is."""
        release = f"UCSD{self.stem}"
        bases = [
            self.root,
            self.root / release,
            self.root / self.stem,
            self.root / "UCSD_Anomaly_Dataset.v1p2" / release,
        ]
        for base in bases:
            for layout in (_official_layout(base), _frames_layout(base)):
                if layout.train.is_dir() or layout.test.is_dir():
                    return base, layout
        return self.root, _official_layout(self.root)

    def _interval_labels(self, video: LabelledVideo) -> dict[str, BoolArray]:
        """Labels of a test video from each interval file there is, by file name."""
        if video.split != "test":
            return {}
        frame_count = count_pictures(video.path)
        labels: dict[str, BoolArray] = {}
        for path in self._interval_files():
            intervals = self._read_intervals(path)
            number = int(video.name)
            if number > len(intervals):
                raise LabelError(f"labels {len(intervals)} videos, but there is a video {number}", where=path)
            labels[path.name] = intervals_to_labels(
                intervals[number - 1], frame_count=frame_count, where=f"{path}, video {video.name}"
            )
        return labels

    def _interval_files(self) -> list[Path]:
        """The interval file and the `.mat` file, those of them that exist."""
        folders = (self._base, self._base / "Test", self._base / "testing")
        found = (
            first_existing(folder / name for folder in folders)
            for name in (f"UCSD{self.stem}.m", f"{self.stem}.mat")
        )
        return [path for path in found if path is not None]

    def _read_intervals(self, path: Path) -> list[list[Interval]]:
        if path not in self._intervals:
            self._intervals[path] = read_interval_file(path) if path.suffix == ".m" else read_gt_mat(path)
        return self._intervals[path]

    def _check_labels(self, checklist: Checklist) -> None:
        sources = [path.name for path in self._interval_files()]
        checklist.add("note", f"labels from {' and '.join(sources) or 'the masks alone'}")
        videos = [video for video in self.videos("test") if video.name in self._names("test")]
        labels = collect_labels(checklist, videos, self.frame_labels)
        check_labels(checklist, labels, self.official)
        masked = [video for video in videos if self._layout.mask_folder(video.path).is_dir()]
        checklist.add("note", f"pixel masks of {len(masked)} of {len(videos)} test videos")
        check_agreement(
            checklist,
            labels,
            collect_labels(checklist, masked, self._mask_labels),
            sources=("the intervals", "the masks"),
            otherwise="wrong" if self.masks_agree else "note",
        )

    def _names(self, split: Split) -> list[str]:
        videos, _ = self.official.of(split)
        return [f"{number:02d}" for number in range(1, videos + 1)]

    def _mask_labels(self, video: LabelledVideo) -> BoolArray | None:
        masks = self.pixel_masks(video)
        return None if masks is None else masks_to_labels(masks)


class UcsdPed1(_Ucsd):
    """UCSD Ped1: people walking towards and away from the camera, 238x158."""

    stem = "ped1"
    masks_agree = False  # not known: masks were drawn for ten videos only, and no copy was at hand to compare
    official = PED1
    info = DatasetInfo(
        name="ucsd-ped1",
        title="UCSD Anomaly Detection Dataset, Ped1",
        home=_HOME,
        citation=_CITATION,
        terms=_TERMS,
        fps=_FPS,
    )


class UcsdPed2(_Ucsd):
    """UCSD Ped2: people walking parallel to the camera plane, 360x240."""

    stem = "ped2"
    masks_agree = True
    official = PED2
    info = DatasetInfo(
        name="ucsd-ped2",
        title="UCSD Anomaly Detection Dataset, Ped2",
        home=_HOME,
        citation=_CITATION,
        terms=_TERMS,
        fps=_FPS,
    )
