"""Folders of pictures, read as videos."""

import logging
import re
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.video.codeccontext import VideoCodecContext

from normalcy.errors import FallbackWarning, UnreadableVideo
from normalcy.video._scaler import upright_size
from normalcy.video.contract import DEFAULT_FPS, Decoded, ReadOptions, Tally, VideoInfo

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})

# What a file begins with says more than its name: a png called .jpg is common.
_SIGNATURES = (
    (b"\xff\xd8\xff", "mjpeg"),
    (b"\x89PNG", "png"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)


def list_pictures(folder: str | Path) -> list[Path]:
    """Pictures of a folder in natural order: `2.jpg` before `10.jpg`. Hidden files and subfolders are left out."""
    return sorted((path for path in Path(folder).iterdir() if _is_picture(path)), key=natural_key)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def natural_key(path: Path) -> tuple[list[str | int], str]:
    """Sorts runs of digits by their value."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [int(part) if part.isdecimal() and part.isascii() else part for part in parts], path.name


class PictureBackend:
    """Reads pictures one by one; a picture that cannot be read keeps its place in the count."""

    def __init__(self, pictures: Sequence[Path], *, name: str, fps: float | None) -> None:
        self._pictures = pictures
        self._fps = fps or DEFAULT_FPS
        self._name = name
        self._has_warned = False
        self.tally = Tally()
        self.info = self._look_at_first()

    def decode(self, options: ReadOptions) -> Generator[Decoded]:
        """Decodes the pictures that the options want."""
        for index, path in enumerate(self._pictures):
            pts_seconds = index / self._fps
            if options.is_past(pts_seconds):
                return
            if options.wants(index, pts_seconds) and (picture := self._read(path)) is not None:
                yield Decoded(picture, index, pts_seconds)
            self.tally.end_seconds = (index + 1) / self._fps

    def close(self) -> None:
        """Nothing is kept open between pictures."""

    def _look_at_first(self) -> VideoInfo:
        for path in self._pictures:
            try:
                picture, codec = self._decode(path)
            except (OSError, ValueError, FFmpegError):
                continue
            height_px, width_px = upright_size(picture)
            count = len(self._pictures)
            return VideoInfo(width_px, height_px, self._fps, count, count / self._fps, "pictures", codec)
        raise UnreadableVideo(
            f"none of the {len(self._pictures)} pictures can be read",
            where=self._name,
            hint="Open one in a viewer, and copy the folder again if that fails too.",
        )

    def _read(self, path: Path) -> av.VideoFrame | None:
        try:
            picture, _ = self._decode(path)
        except (OSError, ValueError, FFmpegError) as error:
            logger.warning("%s: picture left out: %s", path, error)
            self.tally.lost += 1
            self.tally.trouble = self.tally.trouble or f"{path.name} cannot be read"
            return None
        self.tally.read += 1
        return picture

    def _decode(self, path: Path) -> tuple[av.VideoFrame, str]:
        data = path.read_bytes()
        codec = next((codec for signature, codec in _SIGNATURES if data.startswith(signature)), None)
        try:
            if codec is not None:
                return decode_picture(data, codec=codec), codec
        except InvalidDataError:
            raise  # a damaged picture: OpenCV would fill the missing part with grey
        except FFmpegError as error:
            logger.info("%s: PyAV does not read this kind of %s: %s", path, codec, error)
        picture = _decode_with_opencv(data)
        self._warn_of_fallback(path)
        return picture, codec or "unknown"

    def _warn_of_fallback(self, path: Path) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning("%s: PyAV cannot read this picture, OpenCV does", path)
            warnings.warn(f"{path}: read with OpenCV, because PyAV cannot", FallbackWarning, stacklevel=2)


def decode_picture(data: bytes, *, codec: str) -> av.VideoFrame:
    """Decodes the bytes of one picture file; raises InvalidDataError where some are missing."""
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_type = "NONE"
    if codec == "mjpeg":
        context.options = {"err_detect": "explode"}  # else a cut jpg comes with a grey lower part
    frames = context.decode(av.Packet(data)) or context.decode(None)
    if not frames:
        raise ValueError("no picture in it")
    return frames[0]


def _decode_with_opencv(data: bytes) -> av.VideoFrame:
    import cv2

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError("neither PyAV nor OpenCV reads it")
    return av.VideoFrame.from_ndarray(np.asarray(image, np.uint8), "bgr24")
