"""What every dataset offers: labelled videos, labels by frame and by pixel, and a check of its completeness.

Letters: T frames of a video, H height, W width, N boxes, each left, top, right, bottom in parts of the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
Split = Literal["train", "test"]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a dataset without having it.

    Attributes:
        name: Name on the command line, `ucsd-ped2`.
        title: Full name.
        home: Where to get it.
        citation: Who to cite.
        terms: Licence or terms of use.
        fps: Frames per second, where the files do not say.
    """

    name: str
    title: str
    home: str
    citation: str
    terms: str
    fps: float | None = None


@dataclass(frozen=True)
class LabelledVideo:
    """One video of a dataset.

    Attributes:
        name: Unique within its split, `01`.
        split: `train` (normal only) or `test`.
        path: A file, or a folder of pictures, that `normalcy.video` reads.
        fps: Frames per second of a folder of pictures; None where the file says so.
    """

    name: str
    split: Split
    path: Path
    fps: float | None = None


@dataclass(frozen=True)
class CheckItem:
    """One line of a completeness check."""

    status: Literal["ok", "missing", "extra", "wrong", "note"]
    what: str


@dataclass(frozen=True)
class CheckReport:
    """What a dataset folder has and lacks."""

    info: DatasetInfo
    root: Path
    items: tuple[CheckItem, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """True when nothing is missing or wrong."""
        return not any(item.status in ("missing", "wrong") for item in self.items)


class Dataset(Protocol):
    """A folder of videos with what is known about them. Construction does no heavy work."""

    info: ClassVar[DatasetInfo]
    root: Path

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in natural order; raises DatasetIncomplete when there are none."""
        ...

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Label of each frame, bool (T,), True where abnormal; None where the video has no labels."""
        ...

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Mask of each frame in order, bool (H, W) at the labels' own size; None where there are none."""
        ...

    def check(self) -> CheckReport:
        """Compares the folder with the official counts and label checksums; never raises for missing files."""
        ...


@runtime_checkable
class KnowsKinds(Protocol):
    """A dataset that can also tell which kinds of anomaly a frame holds."""

    def frame_kinds(self, video: LabelledVideo) -> dict[str, BoolArray]:
        """Where each kind is abnormal, bool (T,) by kind; kinds may overlap; empty where none is known."""
        ...


class TrueRegions(NamedTuple):
    """What is abnormal in one frame.

    Attributes:
        boxes_N4: Around each abnormal thing.
        tracks: Which thing each is, the same number in all frames of a video.
    """

    boxes_N4: FloatArray
    tracks: tuple[int, ...]


@runtime_checkable
class KnowsRegions(Protocol):
    """A dataset that can also tell abnormal things apart and follow them; without, they are read off the masks."""

    def abnormal_regions(self, video: LabelledVideo) -> Iterator[TrueRegions] | None:
        """What is abnormal in each frame in order; None where that is not known."""
        ...
