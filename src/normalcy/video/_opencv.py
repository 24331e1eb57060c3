"""The fallback: cv2.VideoCapture, for files and cameras that PyAV cannot open."""

import contextlib
import os
from collections.abc import Generator, Iterator
from fractions import Fraction

import av
import cv2
import numpy as np

from normalcy.errors import UnreadableVideo
from normalcy.video._scaler import upright_size
from normalcy.video._timeline import Timeline
from normalcy.video.contract import DEFAULT_FPS, Decoded, ReadOptions, Tally, VideoInfo
from normalcy.video.sources import Source

MICROSECOND = Fraction(1, 1_000_000)


class OpenCVBackend:
    """Decodes a video from its start to its end; OpenCV turns it upright.

    Raises:
        UnreadableVideo: Not a single frame can be decoded.
    """

    def __init__(self, source: Source) -> None:
        self._is_live = source.is_live
        self.tally = Tally()
        with _silence():
            self._capture = cv2.VideoCapture(_device(source))
        fps = self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS
        self._timeline = Timeline(time_base=MICROSECOND, start=None, step_seconds=1 / fps)
        self._next = self._read()
        if self._next is None:
            self._capture.release()
            raise UnreadableVideo("OpenCV cannot decode it either", where=source.name)
        self.info = self._describe(self._next.picture, fps)

    def decode(self, options: ReadOptions) -> Generator[Decoded]:
        """Decodes the frames that the options want."""
        while (decoded := self._next) is not None and not options.is_past(decoded.pts_seconds):
            if options.wants(decoded.index, decoded.pts_seconds):
                yield decoded
            self._next = self._read()

    def close(self) -> None:
        """Releases the source."""
        self._next = None
        self._capture.release()

    def _read(self) -> Decoded | None:
        has_come, image_HWC = self._capture.read()
        if not has_come:
            return None
        position_us = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)
        is_known = position_us > 0 or not self.tally.read
        index, pts_seconds = self._timeline.place(position_us if is_known else None)
        self.tally.read += 1
        self.tally.end_seconds = self._timeline.end_seconds
        picture = av.VideoFrame.from_ndarray(np.asarray(image_HWC, np.uint8), "bgr24")
        return Decoded(picture, index, pts_seconds)

    def _describe(self, first: av.VideoFrame, fps: float) -> VideoInfo:
        height_px, width_px = upright_size(first)
        count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        frame_count = None if self._is_live else count or None
        duration_seconds = frame_count / fps if frame_count else None
        codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("ascii", "replace")
        return VideoInfo(
            width_px, height_px, fps, frame_count, duration_seconds, "opencv", codec, self._is_live
        )


def _device(source: Source) -> str | int:
    number = source.location.removeprefix("/dev/video")
    return int(number) if source.kind == "webcam" and number.isdigit() else source.location


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps OpenCV from printing what the error will say."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
