"""Pictures as the decoder gives them become images: upright, scaled and converted by swscale.

Letters: H height, W width, C channels (1 grey, 3 RGB).
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from normalcy.video.frame import UInt8Array

Matrix = tuple[int, int, int, int]

# swscale widens the bilinear kernel when it shrinks, so nothing aliases. The other flags make white 255 where the
# fast paths stop at 253, and give the same bytes on every processor.
_SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)
# Display matrix (a, b, c, d) of a turn by quarters, counter-clockwise.
_QUARTERS: tuple[Matrix, ...] = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))


class Scaler:
    """Makes images of one size and kind.

    Args:
        size_px: (height, width); None takes the size of the first picture.
        grey: One channel (the source's luma, or the BT.601 luma of RGB) instead of three; full range either way.
    """

    def __init__(self, *, size_px: tuple[int, int] | None, grey: bool) -> None:
        self._size_px = size_px
        self._format = "gray" if grey else "rgb24"
        self._reformatter = VideoReformatter()
        self._orientation = Orientation()
        self._first_size_px: tuple[int, int] | None = None
        self.changed_size_px: tuple[int, int] | None = None

    def to_image(self, picture: av.VideoFrame) -> UInt8Array:
        """The picture as uint8 (H, W, C)."""
        matrix = self._orientation.matrix(picture)
        height, width = _turned(self._target_size(self.upright_size(picture)), matrix)
        scaled = self._reformatter.reformat(
            picture,
            width=width,
            height=height,
            format=self._format,
            interpolation=_SCALING,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        image = np.asarray(scaled.to_ndarray(), np.uint8)
        image_HWC = image[..., np.newaxis] if image.ndim == 2 else image
        return np.ascontiguousarray(turn_upright(image_HWC, matrix))

    def upright_size(self, picture: av.VideoFrame) -> tuple[int, int]:
        """(height, width) in pixels of a picture of this source as it is meant to be seen."""
        return _turned((picture.height, picture.width), self._orientation.matrix(picture))

    def _target_size(self, size_px: tuple[int, int]) -> tuple[int, int]:
        if self._first_size_px is None:
            self._first_size_px = size_px
        elif size_px != self._first_size_px and self.changed_size_px is None:
            self.changed_size_px = size_px
        return self._size_px or self._first_size_px


class Orientation:
    """Remembers the display matrix of a source: looking it up keeps a frame's memory alive for longer."""

    def __init__(self) -> None:
        self._seen: dict[int, Matrix] = {}

    def matrix(self, picture: av.VideoFrame) -> Matrix:
        """Display matrix of a picture."""
        if picture.rotation not in self._seen:
            self._seen[picture.rotation] = display_matrix(picture)
        return self._seen[picture.rotation]


def display_matrix(picture: av.VideoFrame) -> Matrix:
    """Entries (a, b, c, d) of the matrix that turns coded into displayed positions.

    A mirrored Exif orientation of a jpg is not seen: PyAV tells only its rotation.
    """
    try:
        entries = bytes(picture.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]
    except (KeyError, ValueError):  # ValueError: side data of a kind that PyAV does not know, such as Exif
        return _QUARTERS[round(picture.rotation / 90) % 4]
    a, b, _, c, d, *_ = np.frombuffer(entries, np.int32).tolist()
    return a, b, c, d


def upright_size(picture: av.VideoFrame) -> tuple[int, int]:
    """(height, width) in pixels of the picture as it is meant to be seen."""
    return _turned((picture.height, picture.width), display_matrix(picture))


def turn_upright(image_HWC: UInt8Array, matrix: Matrix) -> UInt8Array:
    """A view of the image, turned and mirrored as the display matrix says."""
    a, b, c, d = matrix
    if _is_sideways(matrix):
        return image_HWC.swapaxes(0, 1)[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]
    return image_HWC[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _turned(size_px: tuple[int, int], matrix: Matrix) -> tuple[int, int]:
    return size_px[::-1] if _is_sideways(matrix) else size_px


def _is_sideways(matrix: Matrix) -> bool:
    a, b, _, _ = matrix
    return abs(b) > abs(a)
