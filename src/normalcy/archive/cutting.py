"""Cuts a long video into chunks: contiguous ranges of its clips, each with the frames that have to be decoded for it.

    frames  k . . . . . k . . . . . k . . . . .        k: key frames
    clips   [-----]  [-----]  [-----]  [-----]
            chunk 0                chunk 1             chunk 1 decodes from the key frame before its first clip;
                              ^^^^^                    its first frames are decoded by chunk 0 as well, and compared

Which frames a clip holds is what `StampWindow` says, as it does where a video is scored in one go. Chunks hold whole
batches, so that even the batches are the same.

Letters: N frames, K clips, T frames of a clip.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.methods.contract import ClipSpec, FrameStamp
from normalcy.scoring.stamp_window import ClipStamps, StampWindow
from normalcy.video.packets import PacketSurvey

Int64Array = npt.NDArray[np.int64]

BATCH_CLIPS = 8
"""As in `scoring.pipeline.SourceScorer`."""
_WITNESSES = 6
_LEAST_CHUNK = 0.5
"""What is left after the last cut is at least so much of a chunk."""
_MOST_CHUNK = 4.0
"""Where key frames are so far apart that a chunk would be so many times as long, nothing is cut."""


@dataclass(frozen=True, eq=False)
class ChunkPlan:
    """What a chunk decodes and scores.

    Attributes:
        first: Place in the video of the first frame that is decoded for it.
        ticks_N: Timestamps of the frames from there on.
        seconds_N: Their presentation times.
        seek: Timestamp of the key frame to begin at; -1 with `from_start`.
        clip_KT: Places in the video of the frames of each clip.
        due_K: After this clip, all frames up to that place are settled.
        settled: Place of the first frame that it settles.
        from_start, to_end: Whether it is the video's first chunk, or its last.
        own_witnesses, next_witnesses: How many of its first frames the chunk before has decoded as well; and which
            frames, from a place on, the next one decodes too: (place, count).
    """

    first: int
    ticks_N: Int64Array
    seconds_N: npt.NDArray[np.float64]
    seek: int
    clip_KT: Int64Array
    due_K: Int64Array
    settled: int
    from_start: bool
    to_end: bool
    own_witnesses: int
    next_witnesses: tuple[int, int]

    def clips(self) -> Iterator[ClipStamps]:
        """Its clips without their pictures."""
        settled = self.settled
        for place_T, due in zip(self.clip_KT.tolist(), self.due_K.tolist(), strict=True):
            stamps = tuple(self._stamp(place) for place in place_T)
            yield ClipStamps(stamps, tuple(self._stamp(place) for place in range(settled, due + 1)))
            settled = due + 1

    def _stamp(self, place: int) -> FrameStamp:
        return FrameStamp(place, float(self.seconds_N[place - self.first]))

    def to_bytes(self) -> bytes:
        """As a NumPy archive."""
        file = io.BytesIO()
        arrays: dict[str, Any] = {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ChunkPlan":
        """What `to_bytes` gave."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            values = {each.name: found[each.name] for each in fields(cls)}
        plain = {name: value.tolist() for name, value in values.items() if value.ndim == 0}
        place, count = values["next_witnesses"].tolist()
        return cls(**(values | plain | {"next_witnesses": (place, count)}))


def cut(survey: PacketSurvey, spec: ClipSpec, *, hop_frames: int, chunk_seconds: float) -> list[ChunkPlan]:
    """The chunks of a video, in order; none where it is too short for one clip, or has key frames too rarely.

    Args:
        survey: Of its packets.
        spec: The clip the method reads.
        hop_frames: Frames between the ends of neighbouring clips.
        chunk_seconds: About how long each is to be.
    """
    groups = list(_groups(survey, spec, hop_frames, chunk_seconds))
    if any(_is_too_long(group, chunk_seconds) for group in groups):
        return []
    firsts = [min(group[0].stamps[0].index, group[0].due[0].index) for group in groups]
    return [_plan(survey, groups, firsts, number) for number in range(len(groups))]


def _is_too_long(group: list[ClipStamps], chunk_seconds: float) -> bool:
    """A single batch is never too long: it cannot be shorter."""
    seconds = group[-1].stamps[-1].pts_seconds - group[0].stamps[0].pts_seconds
    return len(group) > BATCH_CLIPS and seconds > _MOST_CHUNK * chunk_seconds


def _groups(
    survey: PacketSurvey, spec: ClipSpec, hop_frames: int, chunk_seconds: float
) -> Iterator[list[ClipStamps]]:
    """Clips, chunk by chunk."""
    group: list[ClipStamps] = []
    starts = _starts(survey, chunk_seconds)
    start = next(starts, None)
    for clip in _clips(survey, spec, hop_frames):
        if (
            len(group)
            and len(group) % BATCH_CLIPS == 0
            and start is not None
            and clip.stamps[0].index >= start
        ):
            yield group
            group = []
            while start is not None and start <= clip.stamps[0].index:
                start = next(starts, None)
        group.append(clip)
    if group:
        yield group


def _clips(survey: PacketSurvey, spec: ClipSpec, hop_frames: int) -> Iterator[ClipStamps]:
    window = StampWindow(spec, hop_frames=hop_frames)
    for place, seconds in enumerate(survey.seconds_N.tolist()):
        if clip := window.push(FrameStamp(place, seconds)).clip:
            yield clip
    if clip := window.flush():
        yield clip


def _starts(survey: PacketSurvey, chunk_seconds: float) -> Iterator[int]:
    """Key frames that chunks may begin at."""
    end, target = survey.seconds_N[-1], chunk_seconds
    for place in survey.keys_K.tolist():
        seconds = survey.seconds_N[place]
        if seconds >= target and end - seconds >= _LEAST_CHUNK * chunk_seconds:
            yield place
            target = seconds + chunk_seconds


def _plan(survey: PacketSurvey, groups: list[list[ClipStamps]], firsts: list[int], number: int) -> ChunkPlan:
    group, first, count = groups[number], firsts[number], len(survey.ticks_N)
    key = int(np.searchsorted(survey.keys_K, first, side="right")) - 1
    last = max(group[-1].stamps[-1].index, group[-1].due[-1].index)
    is_last = number == len(groups) - 1
    following = (0, 0) if is_last else (firsts[number + 1], _witnesses(groups[number + 1]))
    end = count if is_last else max(last + 1, sum(following))
    return ChunkPlan(
        first=first if number else 0,
        ticks_N=survey.ticks_N[first if number else 0 : end],
        seconds_N=survey.seconds_N[first if number else 0 : end],
        seek=int(survey.seek_K[key]) if number else -1,
        clip_KT=np.array([[stamp.index for stamp in clip.stamps] for clip in group], np.int64),
        due_K=np.array([clip.due[-1].index for clip in group], np.int64),
        settled=group[0].due[0].index,
        from_start=number == 0,
        to_end=is_last,
        own_witnesses=_witnesses(group) if number else 0,
        next_witnesses=following,
    )


def _witnesses(group: list[ClipStamps]) -> int:
    """How many of a chunk's first frames are compared; all of them are decoded for it."""
    first, last = group[0].stamps[0].index, group[-1].stamps[-1].index
    return min(_WITNESSES, last - first + 1)
