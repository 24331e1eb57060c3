"""Opens a file, folder of pictures, URL or webcam, and gives its frames.

For example:
    with open_video("walkway.mp4", ReadOptions(size_px=(227, 227), grey=True)) as video:
        for frame in video:
            ...
"""

import contextlib
import logging
import threading
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from normalcy.errors import (
    DamagedVideoWarning,
    FallbackWarning,
    ResolutionChangedWarning,
    UnreadableVideo,
    VideoTooShort,
)
from normalcy.video._pyav import PyAVBackend
from normalcy.video._scaler import Scaler
from normalcy.video.contract import Backend, Decoded, ReadOptions, VideoInfo
from normalcy.video.frame import Frame, UInt8Array
from normalcy.video.pictures import PictureBackend, list_pictures
from normalcy.video.sources import Source, find_source
from normalcy.video.urls import redact

__all__ = [
    "LazyFrame",
    "ReadOptions",
    "VideoInfo",
    "VideoReader",
    "list_pictures",
    "open_video",
    "probe",
    "redact",
]

logger = logging.getLogger(__name__)

AS_IT_IS = ReadOptions()


def open_video(
    source: str | Path, options: ReadOptions = AS_IT_IS, *, source_id: str | None = None
) -> "VideoReader":
    """Opens anything that can be watched and decodes its first frame.

    Args:
        source: A video file, a folder of pictures, an http(s) or rtsp URL, a webcam (`/dev/video0`, or `"0"`).
        options: Size, colour, stride, span and time-outs.
        source_id: Name that the frames carry; the path, or the URL without credentials, when None.

    Raises:
        UnreadableVideo: It does not exist, or nothing in it can be decoded.
        VideoTimeout: A URL did not open, or sent nothing, in time.
    """
    found = find_source(source)
    return VideoReader(
        open_backend(found, options), options, source_id=_printable(redact(source_id or found.name))
    )


def _printable(name: str) -> str:
    """The name without bytes that are no UTF-8, which no table could hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def decoder_version() -> str:
    """Version of what decodes and scales: another one may give other bytes."""
    return ".".join(str(number) for number in av.library_versions["libswscale"])


def probe(source: str | Path) -> VideoInfo:
    """What is known of a source; decodes its first frame only. Raises what `open_video` raises."""
    with open_video(source) as video:
        return video.info


class LazyFrame:
    """A decoded picture with its place in time, which becomes an image only when somebody asks for one.

    Attributes:
        index: Place in the source, from 0, counted before any stride.
        pts_seconds: Presentation time since the start of the source.
        stream_seconds: Its timestamp as the source gives it, whatever that counts from; None where it gives none.
    """

    def __init__(self, decoded: Decoded, *, scaler: Scaler, preview: Scaler | None) -> None:
        self.index, self.pts_seconds = decoded.index, decoded.pts_seconds
        self.stream_seconds = decoded.stream_seconds
        self._picture, self._scaler, self._preview = decoded.picture, scaler, preview

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of the upright picture, before any scaling."""
        return self._scaler.upright_size(self._picture)

    def image(self) -> UInt8Array:
        """What a method reads: uint8 (H, W, C) of the size and colour that the options ask for."""
        return self._scaler.to_image(self._picture)

    def preview(self) -> UInt8Array | None:
        """The picture for people, RGB; None where the options ask for none."""
        return self._preview.to_image(self._picture) if self._preview else None


class VideoReader:
    """Frames of one source, to be read once, in order of presentation.

    `close` may be called from another thread while a frame is awaited: the source is then released as soon as that
    frame, or the time-out, has come.

    Warns:
        DamagedVideoWarning: At the end, when not everything could be decoded.
        ResolutionChangedWarning: Once, when pictures of another size were scaled to the first one's.
    """

    def __init__(self, backend: Backend, options: ReadOptions, *, source_id: str) -> None:
        self.info = backend.info
        self.source_id = source_id
        self._backend = backend
        self._options = options
        self._scaler = Scaler(size_px=options.size_px, grey=options.grey)
        self._preview = _preview_scaler(backend.info, options.preview_height_px)
        self._decoded = backend.decode(options)
        self._decoding = threading.Lock()
        self._is_closing = False
        self._has_given = self._is_exhausted = self._has_warned_of_size = False

    def __repr__(self) -> str:
        return f"VideoReader({self.source_id!r}, {self.info})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames that were not read yet; the source is released when they end or are abandoned.

        Raises:
            ValueError: The reader is closed.
            VideoTimeout: A URL stopped sending.
            VideoTooShort: It ends before `start_seconds`.
        """
        return self._frames(self.lazily())

    def lazily(self) -> Generator[LazyFrame]:
        """The same frames, scaled on demand; says nothing of damage at the end: `trouble` and `lost` do.

        Raises:
            ValueError: The reader is closed.
            VideoTimeout: A URL stopped sending.
        """
        if self._is_closing:
            raise ValueError(
                f"the reader of {self.source_id} is closed: open the video again to read it again"
            )
        return self._lazy_frames()

    @property
    def lost(self) -> int:
        """Frames that could not be decoded so far."""
        return self._backend.tally.lost

    def close(self) -> None:
        """Releases the source; may be called twice."""
        self._is_closing = True
        if self._decoding.acquire(blocking=False):
            try:
                self._decoded.close()
                self._backend.close()
            finally:
                self._decoding.release()

    def _frames(self, lazy_frames: Generator[LazyFrame]) -> Iterator[Frame]:
        with contextlib.closing(lazy_frames):
            for lazy in lazy_frames:
                yield self._frame(lazy)
        if self._is_exhausted:
            self._report()

    def _lazy_frames(self) -> Generator[LazyFrame]:
        try:
            while (decoded := self._next_decoded()) is not None:
                self._has_given = True
                yield LazyFrame(decoded, scaler=self._scaler, preview=self._preview)
            self._is_exhausted = not self._is_closing
        finally:
            self.close()

    def _next_decoded(self) -> Decoded | None:
        with self._decoding:
            decoded = None if self._is_closing else next(self._decoded, None)
            return None if self._is_closing else decoded

    def _frame(self, lazy: LazyFrame) -> Frame:
        image_HWC = lazy.image()
        if self._scaler.changed_size_px and not self._has_warned_of_size:
            self._has_warned_of_size = True
            self._warn_of_size(lazy.index, self._scaler.changed_size_px)
        return Frame(image_HWC, lazy.index, lazy.pts_seconds, self.source_id, lazy.preview())

    def _warn_of_size(self, index: int, size_px: tuple[int, int]) -> None:
        message = (
            f"{self.source_id}: from frame {index} on pictures are {size_px[1]}x{size_px[0]} instead of "
            f"{self.info.width_px}x{self.info.height_px}. They were scaled to one size."
        )
        warnings.warn(message, ResolutionChangedWarning, stacklevel=2)

    def _report(self) -> None:
        tally, start = self._backend.tally, self._options.start_seconds
        if trouble := self.trouble:
            message = (
                f"{self.source_id}: {trouble}. Frames read and used: {tally.read}. Copy it again if you can."
            )
            warnings.warn(message, DamagedVideoWarning, stacklevel=2)
        elif not self._has_given and tally.end_seconds <= start:
            raise VideoTooShort(
                f"it ends at {tally.end_seconds:.2f} s, before start_seconds={start:g}",
                where=self.source_id,
                hint="Start earlier.",
            )

    @property
    def trouble(self) -> str:
        """What is wrong with the source as far as it was read, in words; empty where nothing is."""
        tally = self._backend.tally
        parts = [tally.trouble, f"frames lost: {tally.lost}"] if tally.lost else [tally.trouble]
        if self._ends_early():
            parts.append(f"it ends at {tally.end_seconds:.2f} of {self.info.duration_seconds:.2f} s")
        return ", ".join(part for part in parts if part)

    def _ends_early(self) -> bool:
        expected_seconds = self.info.duration_seconds
        if expected_seconds is None:
            return False
        if self._options.end_seconds is not None:
            expected_seconds = min(expected_seconds, self._options.end_seconds)
        # The container's length is rounded, and may count the time a last picture stands.
        tolerance = max(2 / self.info.fps, min(1.0, expected_seconds / 20))
        return self._backend.tally.end_seconds < expected_seconds - tolerance


def _preview_scaler(info: VideoInfo, height_px: int | None) -> Scaler | None:
    """Scales to a height, with the source's proportions."""
    if height_px is None:
        return None
    width_px = max(1, round(info.width_px * height_px / info.height_px))
    return Scaler(size_px=(height_px, width_px), grey=False)


def open_backend(source: Source, options: ReadOptions) -> Backend:
    """What decodes a source.

    Raises:
        VideoError: Nothing can.
    """
    if source.kind == "pictures":
        return PictureBackend(source.pictures, name=source.name, fps=options.fps)
    try:
        return PyAVBackend(source, options)
    except UnreadableVideo as error:
        # No fallback for URLs: OpenCV knows no more of them, waits without our time-outs and prints credentials.
        fallback = None if source.kind == "url" or source.file else _fallback(source)
        if fallback is None:
            raise
        message = f"{source.name}: read with OpenCV, because PyAV cannot ({error.what})"
        logger.warning(message)
        warnings.warn(message, FallbackWarning, stacklevel=3)
        return fallback


def _fallback(source: Source) -> Backend | None:
    from normalcy.video._opencv import OpenCVBackend

    try:
        return OpenCVBackend(source)
    except UnreadableVideo:
        return None
