"""Decodes a stretch of a video from a key frame on, and vouches for each frame that it is the one that was promised."""

from collections.abc import Iterator, Sequence

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from normalcy.video._pyav import limit_decoding, open_container, video_stream
from normalcy.video._scaler import Scaler
from normalcy.video.contract import ReadOptions
from normalcy.video.frame import UInt8Array
from normalcy.video.sources import Source


class NotAsSurveyed(Exception):
    """The decoder gives other frames than the packets promised: only decoding from the start tells what is right."""


class Stretch:
    """Pictures of neighbouring frames, each as uint8 (H, W, C) on demand.

    Args:
        source: A file.
        options: Size and colour of the images, and how many threads decode.
        seek: Timestamp of the key frame to begin at; None begins at the start.
        ticks: Timestamps of the wanted frames, ascending; none of those that are decoded in between may be missing.
        to_end: Whether nothing may come after them.

    Raises:
        VideoError: It cannot be opened.
    """

    def __init__(
        self, source: Source, options: ReadOptions, *, seek: int | None, ticks: Sequence[int], to_end: bool
    ) -> None:
        self._seek, self._ticks, self._to_end = seek, ticks, to_end
        self._scaler = Scaler(size_px=options.size_px, grey=options.grey)
        self._container = open_container(source, options)
        self._stream = video_stream(self._container, source)
        self._stream.thread_type = "AUTO"
        limit_decoding(self._stream, options)

    def image(self, picture: av.VideoFrame) -> UInt8Array:
        """What a method reads, the same as a reader gives that decodes from the start."""
        return self._scaler.to_image(picture)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Exactly the wanted frames, in order.

        Raises:
            NotAsSurveyed: Others came, or something could not be decoded.
        """
        try:
            yield from self._wanted()
        except FFmpegError as error:
            raise NotAsSurveyed(error.strerror) from error

    def close(self) -> None:
        """Releases decoder and file."""
        self._container.close()

    def _wanted(self) -> Iterator[av.VideoFrame]:
        if self._seek is not None:
            self._container.seek(self._seek, stream=self._stream)
        given = 0
        for picture in _decoded(self._container, self._stream):
            if picture.pts is not None and picture.pts < self._ticks[0]:
                continue
            if given == len(self._ticks):
                raise NotAsSurveyed("there are more frames than packets promised")
            if picture.is_corrupt or picture.pts != self._ticks[given]:
                raise NotAsSurveyed(f"expected a frame at {self._ticks[given]}, got one at {picture.pts}")
            given += 1
            yield picture
            if given == len(self._ticks) and not self._to_end:
                return
        if given < len(self._ticks):
            raise NotAsSurveyed(f"only {given} of {len(self._ticks)} frames came")


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        if packet.size:
            yield from stream.decode(packet)
    yield from stream.decode(None)
