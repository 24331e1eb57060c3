"""CUHK Avenue: one camera before a campus building; people who run, throw things or walk the wrong way.

    training_videos/01.avi ... 16.avi
    testing_videos/01.avi ... 21.avi
    ground_truth_demo/testing_label_mask/1_label.mat ... 21_label.mat    cell array volLabel, one mask per frame

The masks come in an archive of their own and are found in the places where people unpack it.
`training_vol` and `testing_vol` of the release hold the videos once more, as MATLAB volumes, and are not needed.

Lu, Shi, Jia: Abnormal Event Detection at 150 FPS in MATLAB. ICCV 2013.

Letters: T frames of a video, H height, W width.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from normalcy.datasets.base import BoolArray, CheckReport, DatasetInfo, LabelledVideo, Split
from normalcy.datasets.check import (
    Checklist,
    Official,
    check_labels,
    check_split,
    collect_labels,
)
from normalcy.datasets.labels import load_mat_variable
from normalcy.datasets.listing import first_existing, nothing_found, video_files
from normalcy.datasets.masks import masks_to_labels, nonzero
from normalcy.errors import LabelError

OFFICIAL = Official(train_videos=16, train_frames=15_328, test_videos=21, test_frames=15_324)

_FOLDERS: dict[Split, str] = {"train": "training_videos", "test": "testing_videos"}
_NAMES: dict[Split, list[str]] = {
    "train": [f"{number:02d}" for number in range(1, OFFICIAL.train_videos + 1)],
    "test": [f"{number:02d}" for number in range(1, OFFICIAL.test_videos + 1)],
}
_LABEL_FOLDERS = (
    "ground_truth_demo/testing_label_mask",
    "testing_label_mask",
    "testing_gt/testing_label_mask",
    "testing_gt",
    "testing_vol",
)


class Avenue:
    """CUHK Avenue; the root is the folder that holds `training_videos`, or its parent."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="avenue",
        title="CUHK Avenue",
        home="http://www.cse.cuhk.edu.hk/leojia/projects/detectabnormal/dataset.html",
        citation=(
            "C. Lu, J. Shi, J. Jia. Abnormal Event Detection at 150 FPS in MATLAB. "
            "IEEE International Conference on Computer Vision (ICCV), 2013"
        ),
        terms="for non-commercial use only",
        fps=25.0,
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = self._find_base()
        self._labels: dict[Path, BoolArray] = {}

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in natural order; DatasetIncomplete when there are none."""
        folder = self._base / _FOLDERS[split]
        found = [LabelledVideo(name=path.stem, split=split, path=path) for path in video_files(folder)]
        if not found:
            raise nothing_found(self.info, f"{split} videos", where=folder)
        return found

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video, bool (T,): abnormal where the mask is not empty; None without masks."""
        # Reading the masks of a video takes seconds and much memory; its labels are small enough to keep.
        if video.path not in self._labels:
            masks = self.pixel_masks(video)
            if masks is None:
                return None
            self._labels[video.path] = masks_to_labels(masks)
        return self._labels[video.path]

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Mask of each frame of a test video, bool (H, W); None where its label file is absent."""
        path = self._label_file(video)
        return None if path is None else _read_volume(path)

    def check(self) -> CheckReport:
        """Compares videos, frames and labels with the published counts."""
        checklist = Checklist()
        if not self.root.is_dir():
            checklist.add("missing", f"the folder {self.root}")
            return checklist.report(self.info, self.root)
        check_split(checklist, self, "train", OFFICIAL, names=_NAMES["train"])
        counts = check_split(checklist, self, "test", OFFICIAL, names=_NAMES["test"])
        if counts:
            self._check_labels(checklist, counts)
        return checklist.report(self.info, self.root)

    def _find_base(self) -> Path:
        bases = (self.root, self.root / "Avenue Dataset", self.root / "Avenue_Dataset", self.root / "avenue")
        return next(
            (base for base in bases if any((base / name).is_dir() for name in _FOLDERS.values())), self.root
        )

    def _label_file(self, video: LabelledVideo) -> Path | None:
        if video.split != "test":
            return None
        names = {f"{video.name}_label.mat", f"{video.name.lstrip('0')}_label.mat"}
        # The archive of the masks is often unpacked beside the folder of the videos.
        bases = dict.fromkeys((self._base, self.root))
        return first_existing(
            base / folder / name for base in bases for folder in _LABEL_FOLDERS for name in sorted(names)
        )

    def _check_labels(self, checklist: Checklist, frame_counts: dict[str, int]) -> None:
        videos = [video for video in self.videos("test") if video.name in frame_counts]
        labels = collect_labels(checklist, videos, self.frame_labels)
        for name, label_T in labels.items():
            if len(label_T) != frame_counts[name]:
                what = f"test video {name}: {len(label_T)} labels for {frame_counts[name]} frames"
                checklist.add("wrong", what)
        check_labels(checklist, labels, OFFICIAL)


def _read_volume(path: Path) -> Iterator[BoolArray]:
    """Masks of a `volLabel` cell array, one at a time."""
    for number, mask in enumerate(load_mat_variable(path, "volLabel").ravel(), start=1):
        mask_HW = np.asarray(mask)
        if mask_HW.ndim != 2 or mask_HW.dtype.kind not in "buif":
            raise LabelError(
                f"expected a mask of numbers (H, W), got {mask_HW.dtype} {mask_HW.shape}",
                where=f"{path}, volLabel{{{number}}}",
                hint="Is it one of the label files of the release?",
            )
        yield nonzero(mask_HW)
