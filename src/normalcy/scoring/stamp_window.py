"""Which frames a clip holds, and which it settles, told by stamps alone: before any picture is decoded.

length 4, hop 2     frames  0 1 2 3 4 5 6 |         clip 0-3 settles 0 1 2 3
                            [-----]       |         clip 2-5 settles 4 5
                                [-----]   |         flush: clip 3-6 settles 6
                                  [-----] |
"""

from collections import deque
from dataclasses import dataclass

from normalcy.methods.contract import ClipSpec, FrameStamp


@dataclass(frozen=True)
class ClipStamps:
    """A clip without its pictures.

    Attributes:
        stamps: Of each frame of the clip.
        due: Of the frames whose score this clip settles, in order; some may not be in the clip.
    """

    stamps: tuple[FrameStamp, ...]
    due: tuple[FrameStamp, ...]


@dataclass(frozen=True)
class Pushed:
    """What became of a frame.

    Attributes:
        taken: Whether clips may hold it; else it came too soon after the last one.
        clip: That it completes, if any.
    """

    taken: bool
    clip: ClipStamps | None = None


class StampWindow:
    """Sliding window over the stamps of one source.

    Args:
        spec: The clip the method reads.
        hop_frames: Frames between the ends of neighbouring clips.
    """

    def __init__(self, spec: ClipSpec, *, hop_frames: int = 1) -> None:
        self.spec = spec
        self.hop_frames = hop_frames
        self._taken: deque[FrameStamp] = deque(maxlen=spec.span_frames)
        self._due: list[FrameStamp] = []
        self._since_clip = hop_frames  # the first full clip does not wait

    @property
    def waiting(self) -> int:
        """Frames that no clip has settled yet."""
        return len(self._due)

    def push(self, stamp: FrameStamp) -> Pushed:
        """Takes a frame in."""
        self._due.append(stamp)
        if self._too_soon(stamp):
            return Pushed(taken=False)
        self._taken.append(stamp)
        self._since_clip += 1
        due = self._is_full and self._since_clip >= self.hop_frames
        return Pushed(taken=True, clip=self._clip(flush=False) if due else None)

    def pass_over(self, stamp: FrameStamp) -> None:
        """Takes note of a frame that no clip would take (`ClipSpec.too_soon`)."""
        self._due.append(stamp)

    def flush(self) -> ClipStamps | None:
        """At the end of the source: a last clip for frames that have no score yet, if there is a full clip."""
        return self._clip(flush=True) if self._due and self._is_full else None

    @property
    def _is_full(self) -> bool:
        return len(self._taken) == self.spec.span_frames

    def _clip(self, *, flush: bool) -> ClipStamps:
        stamps = tuple(self._taken)[:: self.spec.stride_frames]
        newest = self._due[-1] if flush else stamps[self.spec.scored[-1]]
        due = tuple(stamp for stamp in self._due if stamp.index <= newest.index)
        self._due = self._due[len(due) :]
        self._since_clip = 0
        return ClipStamps(stamps, due)

    def _too_soon(self, stamp: FrameStamp) -> bool:
        return bool(self._taken) and self.spec.too_soon(stamp.pts_seconds, after=self._taken[-1].pts_seconds)
