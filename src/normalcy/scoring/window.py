"""The clip window of one source: frames in, clips out.

It alone decides which frames a clip settles, so that a frame gets its score once, from the first clip that holds it:

    length 4, hop 2     frames  0 1 2 3 4 5 6 |         clip 0-3 settles 0 1 2 3
                                [-----]       |         clip 2-5 settles 4 5
                                    [-----]   |         flush: clip 3-6 settles 6
                                      [-----] |

Letters: T frames of a clip, C channels, H height, W width.
"""

from collections import deque

import numpy as np

from normalcy.errors import FrameShapeError
from normalcy.methods.contract import ClipSpec
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
        self._frames: deque[tuple[FrameStamp, UInt8Array]] = deque(maxlen=spec.span_frames)
        self._due: list[FrameStamp] = []
        self._since_clip = hop_frames  # the first full clip does not wait
        self._source_id = ""

    @property
    def waiting(self) -> int:
        """Frames that no clip has settled yet."""
        return len(self._due)

    def push(self, frame: Frame) -> Clip | None:
        """Takes a frame in; returns a clip when one is complete.

        Raises:
            FrameShapeError: The frame's size or channels are not the method's.
        """
        self._check(frame)
        stamp = FrameStamp(frame.index, frame.pts_seconds)
        self._source_id = frame.source_id
        self._due.append(stamp)
        if self._too_soon(stamp):
            return None
        self._frames.append((stamp, frame.image_HWC))
        self._since_clip += 1
        full = len(self._frames) == self.spec.span_frames
        return self._clip(flush=False) if full and self._since_clip >= self.hop_frames else None

    def pass_over(self, stamp: FrameStamp) -> None:
        """Takes note of a frame that no clip would take (`ClipSpec.too_soon`), whose picture nobody made."""
        self._due.append(stamp)

    def flush(self) -> Clip | None:
        """At the end of the source: a last clip for frames that have no score yet, if there is a full clip."""
        if not self._due or len(self._frames) < self.spec.span_frames:
            return None
        return self._clip(flush=True)

    def _clip(self, *, flush: bool) -> Clip:
        chosen = list(self._frames)[:: self.spec.stride_frames]
        stamps = tuple(stamp for stamp, _ in chosen)
        newest = self._due[-1] if flush else stamps[self.spec.scored[-1]]
        due = tuple(stamp for stamp in self._due if stamp.index <= newest.index)
        self._due = self._due[len(due) :]
        self._since_clip = 0
        # In memory as frames are: whoever wants pictures takes them as they lie.
        clip_TCHW = np.stack([image_HWC for _, image_HWC in chosen]).transpose(0, 3, 1, 2)
        return Clip(clip_TCHW, stamps, due, self._source_id)

    def _too_soon(self, stamp: FrameStamp) -> bool:
        return bool(self._frames) and self.spec.too_soon(
            stamp.pts_seconds, after=self._frames[-1][0].pts_seconds
        )

    def _check(self, frame: Frame) -> None:
        expected = (*self.spec.size_px, self.spec.channels)
        if frame.image_HWC.shape != expected:
            raise FrameShapeError(
                f"frame {frame.index} is {frame.image_HWC.shape}, expected {expected} (height, width, channels)",
                where=frame.source_id,
                hint="Open the source with the size and channels of the method's clip",
            )
