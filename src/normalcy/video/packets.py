"""What the packets of a file say of its frames before any is decoded: when each is shown, where decoding may begin.

Letters: N frames, K key frames.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from normalcy.video._pyav import duration_of, open_container, rate_of, timeline_of, video_stream
from normalcy.video.contract import ReadOptions
from normalcy.video.sources import Source

Int64Array = npt.NDArray[np.int64]
_LEAST_KEY_FRAMES = 2


@dataclass(frozen=True, eq=False)
class PacketSurvey:
    """The frames of a video as its packets promise them; only decoding shows whether they keep it.

    Attributes:
        fps: As the container says.
        ticks_N: Timestamps of the frames as they are shown, in the stream's time base, ascending.
        seconds_N: The same as presentation times, float64: what a reader says that decodes from the start.
        keys_K: Which of the frames are key frames.
        seek_K: Timestamp to seek to for each.
    """

    fps: float
    ticks_N: Int64Array
    seconds_N: npt.NDArray[np.float64]
    keys_K: Int64Array
    seek_K: Int64Array


class _Packet(NamedTuple):
    pts: int
    duration: int
    is_key: bool
    seek: int


def survey_packets(
    source: Source, options: ReadOptions, *, longer_than_seconds: float
) -> PacketSurvey | None:
    """Reads all packets of a video, and decodes none.

    Args:
        source: A file.
        options: Time-outs.
        longer_than_seconds: A video of which the container does not say that it is longer is not surveyed.

    Returns:
        None where it is not surveyed, or where packets cannot be relied on: without timestamps, damaged, or all but
        the first need one another.

    Raises:
        VideoError: It cannot be opened.
    """
    with open_container(source, options) as container:
        stream = video_stream(container, source)
        duration_seconds = duration_of(container, stream)
        if duration_seconds is None or duration_seconds <= longer_than_seconds:
            return None
        packets = _packets(container, stream)
        return _survey(packets, stream, source) if packets else None


def _packets(container: InputContainer, stream: VideoStream) -> list[_Packet] | None:
    """In order of presentation; None where they cannot be relied on."""
    found: list[_Packet] = []
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None or packet.is_corrupt or packet.is_discard:
                return None
            seek = packet.pts if packet.dts is None else packet.dts
            found.append(_Packet(packet.pts, packet.duration or 0, packet.is_keyframe, seek))
    except FFmpegError:
        return None
    found.sort()
    distinct = len({packet.pts for packet in found}) == len(found)
    keys = sum(packet.is_key for packet in found)
    return found if distinct and keys >= _LEAST_KEY_FRAMES and found[0].is_key else None


def _survey(packets: list[_Packet], stream: VideoStream, source: Source) -> PacketSurvey:
    timeline = timeline_of(stream, source)
    seconds = [timeline.place(packet.pts, duration=packet.duration)[1] for packet in packets]
    keys = [place for place, packet in enumerate(packets) if packet.is_key]
    return PacketSurvey(
        rate_of(stream),
        np.array([packet.pts for packet in packets], np.int64),
        np.array(seconds, np.float64),
        np.array(keys, np.int64),
        np.array([packets[place].seek for place in keys], np.int64),
    )
