"""Decodes files, URLs and webcams with PyAV."""

import itertools
import logging
import re
import time
from collections.abc import Generator, Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from normalcy.errors import UnreadableVideo, VideoError
from normalcy.video._scaler import upright_size
from normalcy.video._timeline import Timeline
from normalcy.video._unreadable import is_timeout, timed_out, why_unreadable
from normalcy.video.contract import DEFAULT_FPS, Decoded, ReadOptions, Tally, VideoInfo
from normalcy.video.sources import Source
from normalcy.video.urls import resolves_within, scheme_of

logger = logging.getLogger(__name__)

HIGHEST_CREDIBLE_FPS = 1000


class PyAVBackend:
    """Decodes a video from its start to its end.

    Reading from a later time decodes and discards what comes before: an index is only right when every frame in front
    was counted.

    Raises:
        UnreadableVideo: Not a single frame can be decoded.
        VideoTimeout: A URL did not open, or sent no frame, in time.
    """

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self._source = source
        self._open_timeout_seconds = options.open_timeout_seconds
        self._read_timeout_seconds = options.read_timeout_seconds
        self.tally = Tally()
        self._container = open_container(source, options)
        try:
            self._stream = video_stream(self._container, source)
            # Frame threads hold back a frame per core: fast for files, late for cameras.
            self._stream.thread_type = "SLICE" if source.is_live else "AUTO"
            limit_decoding(self._stream, options)
            self._timeline = timeline_of(self._stream, source)
            self._rest = self._decode_all()
            self._first: Decoded | None = next(self._rest, None)
            if self._first is None:
                raise UnreadableVideo(
                    f"not one frame of its {_codec(self._stream)} video can be decoded",
                    where=source.name,
                    hint="Try it in a player, or copy it again.",
                )
            self.info = describe(self._container, self._stream, self._first.picture, source)
        except BaseException:
            self._container.close()
            raise

    def decode(self, options: ReadOptions) -> Generator[Decoded]:
        """Decodes the frames that the options want."""
        first = [] if self._first is None else [self._first]
        self._first = None
        for decoded in itertools.chain(first, self._rest):
            if options.is_past(decoded.pts_seconds):
                return
            if options.wants(decoded.index, decoded.pts_seconds):
                yield decoded

    def close(self) -> None:
        """Releases decoder and file."""
        self._first = None
        self._rest.close()
        self._container.close()

    def _decode_all(self) -> Generator[Decoded]:
        asked = time.monotonic()
        for packet in self._packets():
            for picture in self._pictures(packet):
                index, pts_seconds = self._timeline.place(picture.pts, duration=picture.duration)
                if picture.is_corrupt:
                    self._note_damage("incomplete pictures were left out")
                    continue
                self.tally.read += 1
                self.tally.end_seconds = self._timeline.end_seconds
                yield Decoded(picture, index, pts_seconds, self._timeline.stream_seconds(picture.pts))
                asked = time.monotonic()
            self._require_picture(waited_seconds=time.monotonic() - asked)
        self.tally.lost = self._timeline.lost

    def _require_picture(self, *, waited_seconds: float) -> None:
        """A URL that sends what nothing can be made of is as good as silent."""
        limit = self._read_timeout_seconds + (0 if self.tally.read else self._open_timeout_seconds)
        if self._source.kind == "url" and waited_seconds > limit:
            raise timed_out(self._source, what="no picture could be decoded", limit_seconds=limit)

    def _packets(self) -> Iterator["Packet[VideoStream] | None"]:
        """Packets up to the end, or to where reading breaks off, then None, which empties the decoder."""
        packets = iter(self._container.demux(self._stream))
        while (packet := self._next_packet(packets)) is not None:
            if packet.size:
                self._timeline.expect(packet.pts)
                yield packet
        yield None

    def _next_packet(self, packets: Iterator["Packet[VideoStream]"]) -> "Packet[VideoStream] | None":
        asked = time.monotonic()
        try:
            return next(packets, None)
        except FFmpegError as error:
            failure = self._broken_off(error, waited_seconds=time.monotonic() - asked)
        # Raised out here, so that it is not chained to an error that shows the URL.
        if failure is not None:
            raise failure
        return None

    def _broken_off(self, error: FFmpegError, *, waited_seconds: float) -> VideoError | None:
        limit = self._read_timeout_seconds
        is_url = self._source.kind == "url"
        if is_url and is_timeout(error, waited_seconds=waited_seconds, limit_seconds=limit):
            return timed_out(self._source, what="it sent nothing", limit_seconds=limit)
        self._note_damage(f"reading broke off ({error.strerror})")
        return None

    def _pictures(self, packet: "Packet[VideoStream] | None") -> list[av.VideoFrame]:
        if packet is not None and self._is_cut(packet):
            self._note_damage("the last packet is incomplete")
            return []
        try:
            return self._stream.decode(packet)
        except FFmpegError as error:
            self._note_damage(f"packets could not be decoded ({error.strerror})")
            return []

    def _is_cut(self, packet: "Packet[VideoStream]") -> bool:
        """Whether the file ends inside this packet.

        Its error would come out while the decoder is flushed, and cost the good frames that the frame threads hold.
        """
        return packet.is_corrupt and (packet.pos or 0) + packet.size >= self._container.size > 0

    def _note_damage(self, trouble: str) -> None:
        if self._source.is_live and not self.tally.read:
            return  # it was joined between two key frames
        self._timeline.report_damage()
        self.tally.lost = self._timeline.lost
        self.tally.trouble = self.tally.trouble or trouble


def open_container(source: Source, options: ReadOptions) -> InputContainer:
    """Opens a source within its time-out.

    Raises:
        UnreadableVideo: FFmpeg cannot open it.
        VideoTimeout: It took too long.
    """
    started, limit = time.monotonic(), options.open_timeout_seconds
    is_url = source.kind == "url"
    if is_url and not resolves_within(source.location, limit):
        raise timed_out(source, what="its host name was not found", limit_seconds=limit)
    try:
        return av.open(
            source.file or source.location,
            "r",
            format="v4l2" if source.kind == "webcam" else None,
            options=_ffmpeg_options(source, options),
            metadata_errors="replace",
            timeout=(limit, options.read_timeout_seconds) if is_url else None,
        )
    except (FFmpegError, ValueError, OSError) as error:
        waited = time.monotonic() - started
        if is_url and is_timeout(error, waited_seconds=waited, limit_seconds=limit):
            failure: VideoError = timed_out(source, what="it did not open", limit_seconds=limit)
        else:
            failure = why_unreadable(source, error)
    # Raised out here, so that it is not chained to an error that shows the URL.
    raise failure


def _ffmpeg_options(source: Source, options: ReadOptions) -> dict[str, str]:
    is_rtsp = source.kind == "url" and scheme_of(source.location) in {"rtsp", "rtsps"}
    defaults = {"rtsp_transport": "tcp"} if is_rtsp else {}  # UDP loses packets, and firewalls drop it
    return defaults | dict(options.ffmpeg_options)


def video_stream(container: InputContainer, source: Source) -> VideoStream:
    """The video in it; raises UnreadableVideo where there is none, or no decoder for it."""
    stream = container.streams.best("video")
    is_cover = stream is not None and stream.disposition & av.stream.Disposition.attached_pic
    if not isinstance(stream, VideoStream) or is_cover:
        raise UnreadableVideo("there is no video in it", where=source.name, hint="It may hold sound only.")
    if stream.codec_context is None:
        raise UnreadableVideo(
            "FFmpeg has no decoder for its video", where=source.name, hint="Convert it to H.264."
        )
    return stream


def limit_decoding(stream: VideoStream, options: ReadOptions) -> None:
    """To the threads that the options allow; before its first packet is decoded."""
    if options.decode_threads is not None:
        stream.codec_context.thread_count = options.decode_threads


def timeline_of(stream: VideoStream, source: Source) -> Timeline:
    """Before its first frame."""
    return Timeline(
        time_base=stream.time_base or Fraction(1, av.time_base),
        start=None if source.is_live else stream.start_time,
        step_seconds=1 / rate_of(stream),
    )


def describe(
    container: InputContainer, stream: VideoStream, first: av.VideoFrame, source: Source
) -> VideoInfo:
    """What the container says of its video; the size is the first picture's."""
    height_px, width_px = upright_size(first)
    duration_seconds = None if source.is_live else duration_of(container, stream)
    is_live = source.is_live or (source.kind == "url" and duration_seconds is None)
    frame_count = None if is_live else stream.frames or None
    return VideoInfo(
        width_px, height_px, rate_of(stream), frame_count, duration_seconds, "pyav", _codec(stream), is_live
    )


def _codec(stream: VideoStream) -> str:
    return stream.codec_context.name


def rate_of(stream: VideoStream) -> float:
    """Mean frames per second, as the container says."""
    # Without timestamps the average is FFmpeg's default, the guess comes from the codec.
    rates = stream.average_rate, stream.guessed_rate
    for rate in rates if stream.start_time is not None else rates[::-1]:
        if rate and 0 < rate <= HIGHEST_CREDIBLE_FPS:
            return float(rate)
    return DEFAULT_FPS


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Length as the container says; None where it does not say."""
    if container.format.name == "avi" and stream.frames:
        return stream.frames / rate_of(
            stream
        )  # FFmpeg shortens an avi's duration to what is left of the file
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = tag.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
