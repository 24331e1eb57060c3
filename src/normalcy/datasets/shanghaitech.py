"""ShanghaiTech Campus: 13 scenes of a campus, with cyclists, skaters, fights and more among those who walk.

    training/videos/01_001.avi             or training/frames/01_001/000.jpg
    testing/frames/01_0014/000.jpg
    testing/test_frame_mask/01_0014.npy    (T,), 1 where abnormal
    testing/test_pixel_mask/01_0014.npy    (T, H, W), 1 where abnormal

The first two digits of a name are the scene.

Luo, Liu, Gao: A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN Framework. ICCV 2017.
Liu, Luo, Lian, Gao: Future Frame Prediction for Anomaly Detection - A New Baseline. CVPR 2018.

Letters: T frames of a video, H height, W width.
"""

from collections.abc import Iterator
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
from normalcy.datasets.labels import require_length
from normalcy.datasets.listing import count_pictures, nothing_found, subfolders, video_files
from normalcy.datasets.masks import load_label_array, masks_to_labels, nonzero

# The papers count 42,883 test frames; the release has 40,791.
OFFICIAL = Official(train_videos=330, train_frames=274_515, test_videos=107, test_frames=40_791)

_FPS = 24.0


class ShanghaiTech:
    """ShanghaiTech Campus; the root is the folder that holds `training` and `testing`, or its parent."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="shanghaitech",
        title="ShanghaiTech Campus",
        home="https://svip-lab.github.io/dataset/campus_dataset.html",
        citation=(
            "W. Luo, W. Liu, S. Gao. A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN "
            "Framework. IEEE International Conference on Computer Vision (ICCV), 2017; and W. Liu, W. Luo, "
            "D. Lian, S. Gao. Future Frame Prediction for Anomaly Detection - A New Baseline. IEEE Conference "
            "on Computer Vision and Pattern Recognition (CVPR), 2018"
        ),
        terms="for research; see the home page",
        fps=_FPS,
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        bases = (root, root / "shanghaitech", root / "ShanghaiTech")
        found = (base for base in bases if (base / "training").is_dir() or (base / "testing").is_dir())
        self._base = next(found, root)

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in natural order; DatasetIncomplete when there are none."""
        found = self._training() if split == "train" else self._picture_folders("test", "testing")
        if not found:
            raise nothing_found(self.info, f"{split} videos", where=self._base)
        return found

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video, bool (T,); from its masks where only these are there; None without either."""
        path = self._label_file("test_frame_mask", video)
        frame_count = count_pictures(video.path) if video.split == "test" else 0
        if path is not None:
            label_T = nonzero(load_label_array(path, ndim=1))
            return require_length(label_T, frame_count=frame_count, where=path)
        masks = self.pixel_masks(video)
        if masks is None:
            return None
        return require_length(masks_to_labels(masks), frame_count=frame_count, where=f"masks of {video.name}")

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Mask of each frame of a test video, bool (H, W), read one at a time; None where there are none."""
        path = self._label_file("test_pixel_mask", video)
        if path is None:
            return None
        mask_THW = load_label_array(path, ndim=3)
        return (nonzero(mask_HW) for mask_HW in mask_THW)

    def check(self) -> CheckReport:
        """Compares videos, frames and labels with the published counts."""
        checklist = Checklist()
        if not self.root.is_dir():
            checklist.add("missing", f"the folder {self.root}")
            return checklist.report(self.info, self.root)
        check_split(checklist, self, "train", OFFICIAL)
        if check_split(checklist, self, "test", OFFICIAL):
            self._check_labels(checklist)
        return checklist.report(self.info, self.root)

    def _training(self) -> list[LabelledVideo]:
        """Training videos: the files of the release, or the pictures that many people made of them."""
        files = video_files(self._base / "training" / "videos")
        if files:
            return [LabelledVideo(name=path.stem, split="train", path=path) for path in files]
        return self._picture_folders("train", "training")

    def _picture_folders(self, split: Split, folder: str) -> list[LabelledVideo]:
        return [
            LabelledVideo(name=path.name, split=split, path=path, fps=_FPS)
            for path in subfolders(self._base / folder / "frames")
        ]

    def _label_file(self, folder: str, video: LabelledVideo) -> Path | None:
        path = self._base / "testing" / folder / f"{video.name}.npy"
        return path if video.split == "test" and path.is_file() else None

    def _check_labels(self, checklist: Checklist) -> None:
        videos = self.videos("test")
        labels = collect_labels(checklist, videos, self.frame_labels)
        check_labels(checklist, labels, OFFICIAL)
        masked = [video for video in videos if self._label_file("test_pixel_mask", video) is not None]
        checklist.add("note", f"pixel masks of {len(masked)} of {len(videos)} test videos")
        check_agreement(
            checklist,
            labels,
            collect_labels(checklist, masked, self._mask_labels),
            sources=("test_frame_mask", "test_pixel_mask"),
        )

    def _mask_labels(self, video: LabelledVideo) -> BoolArray | None:
        masks = self.pixel_masks(video)
        return None if masks is None else masks_to_labels(masks)
