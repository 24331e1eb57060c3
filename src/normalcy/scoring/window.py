"""The clip window of one source: frames in, clips out.

It alone decides which frames a clip settles, so that a frame gets its score once, from the first clip that holds it.
The rule itself stands in `stamp_window`.

Letters: T frames of a clip, C channels, H height, W width.
"""

from collections import deque

import numpy as np

from normalcy.errors import FrameShapeError
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.stamp_window import ClipStamps, StampWindow
from normalcy.scoring.types import Clip, FrameStamp, UInt8Array
from normalcy.video.frame import Frame


class ClipWindow:
    """Sliding window over the frames of one source.

    Args:
        spec: The clip the method reads.
        hop_frames: Frames between the ends of neighbouring clips.
    """

    def __init__(self, spec: ClipSpec, *, hop_frames: int = 1) -> None:
        self.spec = spec
        self.hop_frames = hop_frames
        self._stamps = StampWindow(spec, hop_frames=hop_frames)
        self._images: deque[UInt8Array] = deque(maxlen=spec.span_frames)
        self._source_id = ""

    @property
    def waiting(self) -> int:
        """Frames that no clip has settled yet."""
        return self._stamps.waiting

    def push(self, frame: Frame) -> Clip | None:
        """Takes a frame in; returns a clip when one is complete.

        Raises:
            FrameShapeError: The frame's size or channels are not the method's.
        """
        self._check(frame)
        self._source_id = frame.source_id
        pushed = self._stamps.push(FrameStamp(frame.index, frame.pts_seconds))
        if pushed.taken:
            self._images.append(frame.image_HWC)
        return self._clip(pushed.clip) if pushed.clip else None

    def pass_over(self, stamp: FrameStamp) -> None:
        """Takes note of a frame that no clip would take (`ClipSpec.too_soon`), whose picture nobody made."""
        self._stamps.pass_over(stamp)

    def flush(self) -> Clip | None:
        """At the end of the source: a last clip for frames that have no score yet, if there is a full clip."""
        stamps = self._stamps.flush()
        return self._clip(stamps) if stamps else None

    def _clip(self, stamps: ClipStamps) -> Clip:
        chosen = list(self._images)[:: self.spec.stride_frames]
        return Clip(stacked(chosen), stamps.stamps, stamps.due, self._source_id)

    def _check(self, frame: Frame) -> None:
        expected = (*self.spec.size_px, self.spec.channels)
        if frame.image_HWC.shape != expected:
            raise FrameShapeError(
                f"frame {frame.index} is {frame.image_HWC.shape}, expected {expected} (height, width, channels)",
                where=frame.source_id,
                hint="Open the source with the size and channels of the method's clip",
            )


def stacked(images: list[UInt8Array]) -> UInt8Array:
    """Frames of uint8 (H, W, C) as a clip (T, C, H, W), in memory as frames are: pictures are taken as they lie."""
    return np.stack(images).transpose(0, 3, 1, 2)
