"""What flows through scoring: clips in, scored frames and events out. Plain numpy, no torch.

Letters: T frames of a clip, C channels, H height, W width.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from normalcy.methods.contract import ClipScores, FrameStamp

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

__all__ = ["Clip", "ClipScores", "Event", "FloatArray", "FrameScore", "FrameStamp", "UInt8Array"]


@dataclass(frozen=True, eq=False)
class Clip:
    """Consecutive frames of one source, ready to be scored.

    Attributes:
        clip_TCHW: uint8.
        stamps: Stamp of each frame of the clip.
        due: Stamps of the frames whose score this clip settles, in order; some may not be in the clip.
        source_id: Which camera or file.
    """

    clip_TCHW: UInt8Array
    stamps: tuple[FrameStamp, ...]
    due: tuple[FrameStamp, ...]
    source_id: str


@dataclass(frozen=True, eq=False)
class FrameScore:
    """The verdict on one frame.

    Attributes:
        source_id: Which camera or file.
        index: Place in the source.
        pts_seconds: Presentation time.
        raw: Score of the method, higher is more abnormal.
        smoothed: Causally smoothed score: what thresholds are applied to.
        false_alarms_per_day: How often normal video reaches this smoothed score; NaN when not calibrated.
        alarmed: Whether the alarm is on at this frame.
        own: False where the frame was not scored itself: it keeps the last score, or before there is one, the first.
        parts: Each term of the score.
        map_HW: Anomaly map, float32 at the method's size.
    """

    source_id: str
    index: int
    pts_seconds: float
    raw: float
    smoothed: float
    false_alarms_per_day: float
    alarmed: bool
    own: bool
    parts: dict[str, float] = field(default_factory=dict)
    map_HW: FloatArray | None = None


@dataclass(frozen=True)
class Event:
    """A span of alarmed frames on one source, both ends included."""

    source_id: str
    start_index: int
    end_index: int
    start_seconds: float
    end_seconds: float
    peak_index: int
    peak_seconds: float
    peak_score: float
    parts: dict[str, float] = field(default_factory=dict)
