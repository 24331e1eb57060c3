"""What the completeness checks of all datasets share: counting, comparing, and finding damaged files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from normalcy.datasets.base import (
    BoolArray,
    CheckItem,
    CheckReport,
    Dataset,
    DatasetInfo,
    LabelledVideo,
    Split,
)
from normalcy.datasets.labels import find_disagreement, label_checksum
from normalcy.datasets.listing import count_frames
from normalcy.errors import DatasetIncomplete, InputError
from normalcy.video.reader import list_pictures, probe

Status = Literal["ok", "missing", "extra", "wrong", "note"]

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Official:
    """Published numbers of a benchmark.

    Attributes:
        train_videos: Videos of the training split.
        train_frames: Their frames.
        test_videos: Videos of the test split.
        test_frames: Their frames.
        abnormal_frames: Test frames labelled abnormal; None where no copy was at hand to count.
        label_checksum: `normalcy.datasets.labels.label_checksum` of the test split; None likewise.
    """

    train_videos: int
    train_frames: int
    test_videos: int
    test_frames: int
    abnormal_frames: int | None = None
    label_checksum: str | None = None

    def of(self, split: Split) -> tuple[int, int]:
        """Videos and frames of a split."""
        if split == "train":
            return self.train_videos, self.train_frames
        return self.test_videos, self.test_frames


class Checklist:
    """Collects the lines of a check in the order they are found."""

    def __init__(self) -> None:
        self.items: list[CheckItem] = []

    def add(self, status: Status, what: str) -> None:
        """One line."""
        self.items.append(CheckItem(status, what))

    def count(self, what: str, *, found: int, expected: int, more: Status = "extra") -> None:
        """A count beside the official one; `more` is the status of having too many."""
        if found == expected:
            self.add("ok", f"{found:,} {what}")
        elif found < expected:
            self.add("missing", f"{expected - found:,} of {expected:,} {what} (found {found:,})")
        else:
            self.add(more, f"{found:,} {what}, officially {expected:,}")

    def report(self, info: DatasetInfo, root: Path) -> CheckReport:
        """The finished check."""
        return CheckReport(info=info, root=root, items=tuple(self.items))


def name_some(names: Iterable[object]) -> str:
    """The first few names, and how many more there are.

    Examples:
        >>> name_some(["a", "b"])
        'a, b'
        >>> name_some(range(8))
        '0, 1, 2, 3, 4 and 3 more'
    """
    listed = [str(name) for name in names]
    shown = ", ".join(listed[:_NAMES_SHOWN])
    return shown if len(listed) <= _NAMES_SHOWN else f"{shown} and {len(listed) - _NAMES_SHOWN} more"


def check_names(checklist: Checklist, what: str, *, found: Sequence[str], expected: Sequence[str]) -> None:
    """Videos by name: which are there, missing and extra."""
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if missing:
        checklist.add("missing", f"{len(missing)} of {len(expected)} {what}: {name_some(missing)}")
    else:
        checklist.add("ok", f"{len(expected)} {what}")
    if extra:
        checklist.add("extra", f"{len(extra)} {what} beyond the official ones: {name_some(extra)}")


def check_split(
    checklist: Checklist, dataset: Dataset, split: Split, official: Official, *, names: Sequence[str] = ()
) -> dict[str, int]:
    """Compares the videos of a split, by name where names are official, and their frames.

    Returns:
        Frames of each video that can be read.
    """
    videos, frames = official.of(split)
    try:
        found = dataset.videos(split)
    except DatasetIncomplete:
        checklist.add("missing", f"all {videos} {split} videos")
        return {}
    if names:
        check_names(checklist, f"{split} videos", found=[video.name for video in found], expected=names)
    else:
        checklist.count(f"{split} videos", found=len(found), expected=videos)
    counts = check_readable(checklist, f"{split} video", found)
    known = sum(count for name, count in counts.items() if not names or name in names)
    checklist.count(f"{split} frames", found=known, expected=frames, more="wrong")
    return counts


def check_readable(checklist: Checklist, what: str, videos: Sequence[LabelledVideo]) -> dict[str, int]:
    """Frames of each video by name; those that cannot be read become lines of the check instead."""
    counts: dict[str, int] = {}
    for video in videos:
        try:
            probe(video.path)
            counts[video.name] = count_frames(video)
        except InputError as error:
            checklist.add("wrong", f"{what} {video.name}: {error}")
    folders = [video.path for video in videos if video.path.is_dir() and video.name in counts]
    check_empty_files(checklist, (path for folder in folders for path in list_pictures(folder)))
    return counts


def check_empty_files(checklist: Checklist, paths: Iterable[Path]) -> None:
    """Files of zero bytes, which a broken download or a full disk leaves behind."""
    empty = [path for path in paths if path.stat().st_size == 0]
    if empty:
        names = name_some(f"{path.parent.name}/{path.name}" for path in empty)
        checklist.add("wrong", f"{len(empty)} empty files: {names}")


def collect_labels(
    checklist: Checklist,
    videos: Sequence[LabelledVideo],
    read: Callable[[LabelledVideo], BoolArray | None],
) -> dict[str, BoolArray]:
    """Labels of each video that has them; those that cannot be had become lines of the check instead."""
    labels: dict[str, BoolArray] = {}
    for video in videos:
        try:
            label_T = read(video)
        except InputError as error:
            checklist.add("wrong", str(error))
            continue
        if label_T is not None:
            labels[video.name] = label_T
    return labels


def check_labels(checklist: Checklist, labels: dict[str, BoolArray], official: Official) -> None:
    """Number of abnormal frames and checksum of a complete set of labels."""
    if len(labels) < official.test_videos:
        lacking = official.test_videos - len(labels)
        checklist.add("missing", f"labels of {lacking} of {official.test_videos} test videos")
        return
    abnormal = sum(int(label_T.sum()) for label_T in labels.values())
    if official.abnormal_frames is None:
        checklist.add("note", f"{abnormal:,} abnormal test frames (no official count is pinned)")
    elif abnormal != official.abnormal_frames:
        checklist.add("wrong", f"{abnormal:,} abnormal test frames, officially {official.abnormal_frames:,}")
    else:
        checklist.add("ok", f"{abnormal:,} abnormal test frames")
    if official.label_checksum is not None:
        _check_checksum(checklist, list(labels.values()), official.label_checksum)


def check_agreement(
    checklist: Checklist,
    labels: dict[str, BoolArray],
    others: dict[str, BoolArray],
    *,
    sources: tuple[str, str],
    otherwise: Status = "wrong",
) -> None:
    """Compares two label sources of the same videos; `otherwise` is the status of a disagreement."""
    both = [name for name in labels if name in others]
    problems = [
        problem
        for name in both
        if (problem := find_disagreement(labels[name], others[name], video=name, sources=sources))
    ]
    for problem in problems:
        checklist.add(otherwise, problem)
    if both and not problems:
        checklist.add("ok", f"{sources[0]} and {sources[1]} agree on {len(both)} test videos")


def _check_checksum(checklist: Checklist, labels: Sequence[BoolArray], expected: str) -> None:
    found = label_checksum(labels)
    if found == expected:
        checklist.add("ok", f"label checksum {found[:12]}")
    else:
        checklist.add(
            "wrong", f"label checksum {found[:12]}, officially {expected[:12]}: figures cannot be compared"
        )
