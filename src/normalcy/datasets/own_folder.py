"""Your own folder of videos.

    train/               normal video: files, or folders of pictures, nested as you like
    test/                optional: video to judge, likewise
    labels.csv           optional: abnormal intervals of the test videos (see `label_csv`)
    test_masks/NAME/     optional: one mask picture per frame of the test video NAME
    test_masks/NAME.npy  or masks (T, H, W), or frame labels (T,)
    fps.txt              optional: frames per second of the folders of pictures, one number

Without `train/`, every video under the root itself is training video. A video is named by its path below its split,
without suffix: `yard/monday` for `train/yard/monday.mp4`. With `labels.csv`, a test video without a row is normal.

Letters: T frames of a video, H height, W width.
"""

import difflib
import math
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray, CheckReport, DatasetInfo, LabelledVideo, Split
from normalcy.datasets.check import Checklist, check_agreement, check_readable, collect_labels, name_some
from normalcy.datasets.label_csv import LabelRow, LabelTable, read_label_csv
from normalcy.datasets.labels import intervals_to_labels, require_length
from normalcy.datasets.listing import find_videos, frame_times
from normalcy.datasets.masks import list_masks, load_label_array, masks_to_labels, nonzero, read_masks
from normalcy.errors import ConfigError, DatasetError, DatasetIncomplete, LabelError

DEFAULT_PICTURE_FPS = 25.0

# People round the end of an event up to the next second; more than that means another video.
_END_SLACK_SECONDS = 1.0
_NOT_TRAINING = frozenset({"train", "test", "test_masks"})


class OwnFolder:
    """Your own videos, with labels where you have them."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="folder",
        title="Your own folder",
        home="your own cameras: normal video belongs in train/, video to judge in test/",
        citation="nothing to cite",
        terms="your own",
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self._times: dict[Path, npt.NDArray[np.float64]] = {}

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in natural order; DatasetIncomplete when there are none."""
        folder, skipped = self._split_folder(split)
        names = _unique_names(find_videos(folder, skipped=skipped), folder)
        fps = self._picture_fps()
        found = [
            LabelledVideo(name=name, split=split, path=path, fps=fps if path.is_dir() else None)
            for name, path in names.items()
        ]
        if not found:
            raise DatasetIncomplete(
                f"no {split} videos",
                where=folder,
                hint="Put video files, or folders of pictures, there",
            )
        return found

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video, bool (T,), from `labels.csv`, else from its masks; None without either."""
        if video.split != "test":
            return None
        table = self._table
        return self._labels_of_table(table, video) if table is not None else self._labels_of_masks(video)

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Mask of each frame of a test video, bool (H, W); None where there are none."""
        if video.split != "test":
            return None
        folder, file = self._mask_places(video)
        if folder.is_dir():
            return read_masks(list_masks(folder, frame_count=len(self._frame_times(video))))
        if file.is_file():
            array = load_label_array(file, ndim=(1, 3))
            return (nonzero(mask_HW) for mask_HW in array) if array.ndim == 3 else None
        return None

    def check(self) -> CheckReport:
        """Says what there is, what cannot be read, and which labels do not fit."""
        checklist = Checklist()
        if not self.root.is_dir():
            checklist.add("missing", f"the folder {self.root}")
            return checklist.report(self.info, self.root)
        self._check_split(checklist, "train")
        if self._check_split(checklist, "test"):
            self._check_labels(checklist)
        return checklist.report(self.info, self.root)

    def _split_folder(self, split: Split) -> tuple[Path, frozenset[str]]:
        """Where the videos of a split lie, and which folders there are not meant."""
        folder = self.root / split
        if split == "train" and not folder.is_dir():
            return self.root, _NOT_TRAINING
        return folder, frozenset()

    def _picture_fps(self) -> float:
        path = self.root / "fps.txt"
        if not path.is_file():
            return DEFAULT_PICTURE_FPS
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        try:
            fps = float(text)
        except ValueError:
            fps = math.nan
        if not (math.isfinite(fps) and fps > 0):
            raise ConfigError(f"{text!r} is not a number of frames per second", where=path)
        return fps

    def _mask_places(self, video: LabelledVideo) -> tuple[Path, Path]:
        masks = self.root / "test_masks"
        return masks / video.name, masks / f"{video.name}.npy"

    def _frame_times(self, video: LabelledVideo) -> npt.NDArray[np.float64]:
        # A file has to be decoded to know the time of each frame, so it is done once.
        if video.path not in self._times:
            self._times[video.path] = frame_times(video)
        return self._times[video.path]

    @cached_property
    def _table(self) -> LabelTable | None:
        path = self.root / "labels.csv"
        if not path.is_file():
            return None
        table = read_label_csv(path)
        known = _spellings(self.videos("test"), self.root / "test")
        for row in table.rows:
            if row.video not in known:
                near = difflib.get_close_matches(row.video, known, n=1, cutoff=0.4)
                hint = f"Did you mean {near[0]!r}?" if near else "Use the names below test/"
                raise LabelError(f"there is no test video {row.video!r}", where=row.where, hint=hint)
        return table

    def _labels_of_table(self, table: LabelTable, video: LabelledVideo) -> BoolArray:
        spellings = _spellings([video], self.root / "test")
        pts_seconds_T = self._frame_times(video)
        label_T = np.zeros(len(pts_seconds_T), dtype=np.bool_)
        for row in table.rows:
            if row.video not in spellings:
                continue
            if table.unit == "seconds":
                label_T |= _seconds_to_labels(row, pts_seconds_T)
            else:
                interval = (int(row.start), int(row.end))
                label_T |= intervals_to_labels([interval], frame_count=len(label_T), where=row.where)
        return label_T

    def _labels_of_masks(self, video: LabelledVideo) -> BoolArray | None:
        folder, file = self._mask_places(video)
        if not folder.is_dir() and file.is_file():
            array = load_label_array(file, ndim=(1, 3))
            label_T = nonzero(array) if array.ndim == 1 else masks_to_labels(nonzero(mask) for mask in array)
            return require_length(label_T, frame_count=len(self._frame_times(video)), where=file)
        masks = self.pixel_masks(video)
        return None if masks is None else masks_to_labels(masks)

    def _check_split(self, checklist: Checklist, split: Split) -> bool:
        try:
            videos = self.videos(split)
        except DatasetIncomplete as error:
            checklist.add("missing" if split == "train" else "note", str(error))
            return False
        except ConfigError as error:
            checklist.add("wrong", str(error))
            return False
        counts = check_readable(checklist, f"{split} video", videos)
        checklist.add("ok", f"{len(counts)} {split} videos of {sum(counts.values()):,} frames")
        pictures = [video.name for video in videos if video.path.is_dir()]
        if pictures and not (self.root / "fps.txt").is_file():
            rate = f"{DEFAULT_PICTURE_FPS:g} frames per second assumed"
            checklist.add("note", f"folders of pictures: {rate}; say otherwise in fps.txt")
        return True

    def _check_labels(self, checklist: Checklist) -> None:
        videos = self.videos("test")
        try:
            table = self._table
        except DatasetError as error:
            checklist.add("wrong", str(error))
            return
        labels = collect_labels(checklist, videos, self.frame_labels)
        abnormal = sum(int(label_T.sum()) for label_T in labels.values())
        checklist.add(
            "note", f"{len(labels)} of {len(videos)} test videos labelled, {abnormal:,} frames abnormal"
        )
        if table is None:
            return
        normal = [name for name, label_T in labels.items() if not label_T.any()]
        if normal:
            checklist.add(
                "note", f"{len(normal)} test videos without a row in labels.csv: {name_some(normal)}"
            )
        from_masks = collect_labels(checklist, videos, self._labels_of_masks)
        check_agreement(checklist, labels, from_masks, sources=("labels.csv", "the masks"))


def _unique_names(paths: list[Path], folder: Path) -> dict[str, Path]:
    """Paths below the folder without suffix, or with it where two would be named alike."""
    bare = {path: _relative(path, folder, keep_suffix=path.is_dir()) for path in paths}
    uses = Counter(bare.values())
    return {
        name if uses[name] == 1 else _relative(path, folder, keep_suffix=True): path
        for path, name in bare.items()
    }


def _relative(path: Path, folder: Path, *, keep_suffix: bool) -> str:
    if path == folder:
        return folder.name
    relative = path.relative_to(folder)
    return (relative if keep_suffix else relative.with_suffix("")).as_posix()


def _spellings(videos: list[LabelledVideo], folder: Path) -> set[str]:
    """Names that a label file may use: with and without suffix."""
    names = {video.name for video in videos}
    return names | {_relative(video.path, folder, keep_suffix=True) for video in videos}


def _seconds_to_labels(row: LabelRow, pts_seconds_T: npt.NDArray[np.float64]) -> BoolArray:
    """Labels of one interval; LabelError where it lies outside the video or between two frames."""
    last_seconds = float(np.nanmax(pts_seconds_T)) if len(pts_seconds_T) else 0.0
    if row.start > last_seconds or row.end > last_seconds + _END_SLACK_SECONDS:
        raise LabelError(
            f"{row.start:g} to {row.end:g} s does not fit {row.video!r}, whose last frame is at {last_seconds:.2f} s",
            where=row.where,
        )
    label_T: BoolArray = (pts_seconds_T >= row.start) & (pts_seconds_T < row.end)
    if not label_T.any():
        raise LabelError(f"no frame lies between {row.start:g} and {row.end:g} s", where=row.where)
    return label_T
