"""Decodes files, URLs and webcams with PyAV."""

import itertools
import logging
import time
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from normalcy.errors import UnreadableVideo
from normalcy.video._scaler import upright_size
from normalcy.video._sources import Source
from normalcy.video._timeline import Timeline
from normalcy.video._unreadable import is_timeout, timed_out, why_unreadable
from normalcy.video.contract import DEFAULT_FPS, Decoded, ReadOptions, Tally, VideoInfo
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
        self._read_timeout_seconds = options.read_timeout_seconds
        self.tally = Tally()
        self._container = open_container(source, options)
        try:
            self._stream = _video_stream(self._container, source)
            # Frame threads hold back a frame per core: fast for files, late for cameras.
            self._stream.thread_type = "SLICE" if source.is_live else "AUTO"
            self._timeline = _timeline(self._stream, source)
            self._decoded = self._decode_all()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise UnreadableVideo(
                    f"not one frame of its {self._stream.codec_context.name} video can be decoded",
                    where=source.name,
                    hint="Try it in a player, or copy it again.",
                )
            self.info = self._describe(self._first.picture)
        except BaseException:
            self._container.close()
            raise

    def decode(self, options: ReadOptions) -> Iterator[Decoded]:
        """Decodes the frames that the options want."""
        first = [] if self._first is None else [self._first]
        self._first = None
        for decoded in itertools.chain(first, self._decoded):
            if options.is_past(decoded.pts_seconds):
                return
            if options.wants(decoded.index, decoded.pts_seconds):
                yield decoded

    def close(self) -> None:
        """Releases decoder and file; the decoder's frames in flight are lost."""
        self._decoded.close()
        self._first = None
        self._container.close()

    def _decode_all(self) -> Iterator[Decoded]:
        time_base = self._stream.time_base
        for packet in self._packets():
            for picture in self._pictures(packet):
                index, pts_seconds = self._timeline.place(picture.pts, duration=picture.duration)
                if picture.is_corrupt:
                    self._report_damage()
                    continue
                self.tally.read += 1
                self.tally.end_seconds = self._timeline.end_seconds
                yield Decoded(picture, index, pts_seconds)
