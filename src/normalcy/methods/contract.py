"""What everyone else knows of a method: the clip it reads, the scores it gives, the training that fits it.

Letters: B clips in a batch, T frames (all of the clip, or only the scored ones), C channels, H height, W width.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClipSpec:
    """The clip a method reads.

    Attributes:
        length_frames: Frames in a clip.
        size_px: (height, width).
        channels: 1 grey, 3 RGB.
        stride_frames: Distance between neighbouring frames of a clip.
        scored_frames: Places in the clip that get a score, ascending; all of them when empty.
        value_range: What pixel values 0 and 255 become in `clip_BTCHW`.
        spacing_seconds: Frames that follow the last one taken sooner are passed over; 0 takes all.
        hop_frames: Frames between the ends of neighbouring clips, where no other number will do.
    """

    length_frames: int
    size_px: tuple[int, int]
    channels: int
    stride_frames: int = 1
    scored_frames: tuple[int, ...] = ()
    value_range: tuple[float, float] = (0.0, 1.0)
    spacing_seconds: float = 0.0
    hop_frames: int | None = None

    @property
    def span_frames(self) -> int:
        """Frames of the source from the first to the last frame of a clip, both counted."""
        return (self.length_frames - 1) * self.stride_frames + 1

    @property
    def scored(self) -> tuple[int, ...]:
        """Places in the clip that get a score, spelled out."""
        return self.scored_frames or tuple(range(self.length_frames))

    def too_soon(self, pts_seconds: float, *, after: float) -> bool:
        """Whether a frame follows the last one taken by less than the spacing; not where a clock jumped back."""
        return self.spacing_seconds > 0 and 0 <= pts_seconds - after < self.spacing_seconds

    def taken(self, pts_seconds: Iterable[float]) -> int:
        """How many of the frames at these times are taken."""
        count, last = 0, -math.inf
        for seconds in pts_seconds:
            if not self.too_soon(seconds, after=last):
                count, last = count + 1, seconds
        return count

    def in_range(self, clip_BTCHW: "Tensor") -> "Tensor":
        """Clips of uint8 in the range of values that the method reads, float32."""
        low, high = self.value_range
        return clip_BTCHW.float() / 255 * (high - low) + low


class Scores(NamedTuple):
    """What a method says of a batch of clips; T counts the scored frames only.

    Attributes:
        score_BT: Frame scores, float32, higher is more abnormal.
        map_BTHW: Anomaly maps, float32, at least 0.
        parts: Each term of the score by name, (B, T): why it is high.
    """

    score_BT: "Tensor"
    map_BTHW: "Tensor"
    parts: dict[str, "Tensor"]


@dataclass(frozen=True)
class FrameStamp:
    """A frame's place in its source."""

    index: int
    pts_seconds: float


@dataclass(frozen=True, eq=False)
class ClipScores:
    """Scores of one clip; T counts the scored frames only."""

    score_T: FloatArray
    map_THW: FloatArray
    parts: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Grey pictures to be compared, uint8 (N, H, W): as they are, and as they were predicted."""

    real_NHW: npt.NDArray[np.uint8]
    predicted_NHW: npt.NDArray[np.uint8]


Look = Mapping[str, npt.NDArray[Any]]
"""What a method with cameras sees in a clip, whatever camera it is of: arrays by name."""


class Camera(Protocol):
    """What a method keeps between the frames of one source."""

    def scores(self, stamps: tuple[FrameStamp, ...], look: Look) -> ClipScores:
        """Scores of the scored frames of the next clip of that source, from what was seen in it."""
        ...

    def remember(self, stamps: tuple[FrameStamp, ...], look: Look) -> None:
        """Takes the next clip of normal footage into the method's memory."""
        ...


@runtime_checkable
class TeachableCamera(Camera, Protocol):
    """A camera whose memory can be told that something it saw is normal."""

    def with_own_memory(self) -> Self:
        """A camera of the same source that can be taught without the others, with which it shares its memory now."""
        ...

    def anew(self) -> Self:
        """A camera of the same source that has seen nothing yet, on the same memory."""
        ...

    def beside(self, source: str) -> Self:
        """A camera of other footage on the same memory: what is taught through it, this one knows once it settled."""
        ...

    def teach(
        self,
        stamps: tuple[FrameStamp, ...],
        look: Look,
        *,
        box: tuple[float, float, float, float] | None,
        times: float,
        start_seconds: float = 0.0,
    ) -> None:
        """Takes the next clip of its footage for normal.

        Args:
            stamps: Of the clip's frames.
            look: What was seen in it.
            box: Left, top, right and bottom edge as parts of the picture; None for all of it.
            times: As if it had been seen so many times.
            start_seconds: Earlier frames change nothing, but what takes time to see has seen them.
        """
        ...

    def settle(self) -> None:
        """After all that was to be taught."""
        ...
