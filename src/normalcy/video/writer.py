"""Writes H.264 videos that play in a browser, and pictures.

Letters: H height, W width, C channels (1 grey, 3 RGB).
"""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from normalcy.errors import ConfigError, FrameShapeError, OutputError
from normalcy.video._atomic import delete, output_errors, replacing, temporary_path
from normalcy.video.frame import UInt8Array
from normalcy.video.pictures import PICTURE_SUFFIXES

WORST_CRF = 51
_LARGEST_FPS_DENOMINATOR = 1001  # NTSC is 30000/1001
_BT601 = 6  # as AVColorSpace, AVColorPrimaries and AVColorTransferCharacteristic number it
_JPEG_QUALITY = 95
_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class VideoWriter:
    """Writes an mp4 (H.264 High, yuv420p, index in front) that appears under its name once it is complete.

    Leaving a `with` block by an error, Ctrl-C among them, deletes what was written. Colours are BT.601 and tagged so:
    the grey that is read back is the grey of the same frames as pictures.

    Args:
        path: Target, `.mp4`; an existing file is replaced.
        fps: Frames per second.
        crf: Quality of x264, from 0 (lossless) to 51; 23 is x264's own choice.

    Raises:
        ConfigError: A value out of range.
        DiskFull: No room is left.
        OutputError: It cannot be written, or closing found no frame.
    """

    def __init__(self, path: str | Path, *, fps: float, crf: int = 23) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != ".mp4":
            raise OutputError(
                f"{self.path.suffix!r} videos are not written", where=self.path, hint="Name it .mp4."
            )
        if not (fps > 0 and 0 <= crf <= WORST_CRF):
            raise ConfigError(
                f"fps={fps}, crf={crf} is out of range", where=self.path, hint="crf is 0 to 51."
            )
        self._rate = Fraction(fps).limit_denominator(_LARGEST_FPS_DENOMINATOR)
        self._crf = crf
        self._temporary = temporary_path(self.path)
        self._reformatter = VideoReformatter()
        self._encoder: tuple[OutputContainer, VideoStream] | None = None
        self._shape_HWC: tuple[int, ...] = ()
        self._is_closed = False
        self.frames_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()

    def write(self, image_HWC: UInt8Array) -> None:
        """Appends a frame: uint8 (H, W, C), RGB or grey, all of one shape. An odd side is padded by one pixel.

        Raises:
            FrameShapeError: Another shape or type than the first frame's.
        """
        if self._is_closed:
            raise ValueError(f"the writer of {self.path} is closed")
        self._check(image_HWC)
        with self._failing_cleanly():
            container, stream = self._encoder or self._open(image_HWC)
            frame = self._to_yuv(pad_to_even(image_HWC))
            container.mux(stream.encode(frame))
        self.frames_written += 1

    def close(self) -> None:
        """Completes the file; may be called twice."""
        if self._is_closed:
            return
        with self._failing_cleanly():
            if self._encoder is None:
                raise OutputError("no frame was written, so there is no video", where=self.path)
            container, stream = self._encoder
            container.mux(stream.encode(None))
            container.close()
            self._temporary.replace(self.path)
            self._is_closed = True

    def discard(self) -> None:
        """Gives up: deletes what was written."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._encoder is not None:
            with contextlib.suppress(FFmpegError):
                self._encoder[0].close()
        delete(self._temporary)

    @contextlib.contextmanager
    def _failing_cleanly(self) -> Iterator[None]:
        try:
            with output_errors(self.path):
                yield
        except FFmpegError as error:
            self.discard()
            raise OutputError(f"cannot be encoded ({error.strerror})", where=self.path) from error
        except BaseException:
            self.discard()
            raise

    def _check(self, image_HWC: UInt8Array) -> None:
        shape = image_HWC.shape
        self._shape_HWC = self._shape_HWC or shape
        if (
            image_HWC.dtype != np.uint8
            or len(shape) != 3
            or shape[2] not in (1, 3)
            or shape != self._shape_HWC
        ):
            raise FrameShapeError(
                f"frame {self.frames_written} is {image_HWC.dtype} {shape}",
                where=self.path,
                hint=f"Frames are uint8 (H, W, 1 or 3), all like the first: {self._shape_HWC}.",
            )

    def _open(self, image_HWC: UInt8Array) -> tuple[OutputContainer, VideoStream]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "faststart"})
        stream = container.add_stream("libx264", rate=self._rate)
        height, width, _ = image_HWC.shape
        stream.height, stream.width, stream.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
        stream.options = {"crf": str(self._crf), "preset": "veryfast", "profile": "high"}
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, _BT601
        context.color_primaries = context.color_trc = _BT601
        self._encoder = container, stream
        return self._encoder

    def _to_yuv(self, image_HWC: UInt8Array) -> av.VideoFrame:
        is_grey = image_HWC.shape[2] == 1
        image = image_HWC[..., 0] if is_grey else image_HWC
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "gray" if is_grey else "rgb24")
        frame = self._reformatter.reformat(
            picture,
            format="yuv420p",
            interpolation=_CONVERSION,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = self.frames_written, 1 / self._rate
        return frame


def pad_to_even(image_HWC: UInt8Array) -> UInt8Array:
    """Repeats the last row or column where a side is odd, which yuv420p cannot hold."""
    height, width, _ = image_HWC.shape
    if height % 2 == width % 2 == 0:
        return image_HWC
    return np.pad(image_HWC, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def write_picture(path: str | Path, image_HWC: UInt8Array) -> None:
    """Writes uint8 (H, W, C), RGB or grey, as jpg, png, tif or bmp, by the name's ending; replaces a file.

    Raises:
        FrameShapeError: Not such an image.
        DiskFull: No room is left.
        OutputError: It cannot be written, or the ending is unknown.
    """
    import cv2

    path = Path(path)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        hint = f"Use one of {', '.join(sorted(PICTURE_SUFFIXES))}."
        raise OutputError(f"{path.suffix!r} pictures are not written", where=path, hint=hint)
    if image_HWC.dtype != np.uint8 or image_HWC.ndim != 3 or image_HWC.shape[2] not in (1, 3):
        raise FrameShapeError(
            f"the image is {image_HWC.dtype} {image_HWC.shape}", where=path, hint="uint8 (H, W, 1 or 3)."
        )
    image_BGR = np.ascontiguousarray(image_HWC[..., ::-1])
    _, encoded = cv2.imencode(path.suffix.lower(), image_BGR, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
