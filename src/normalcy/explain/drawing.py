"""Text, tints and lines on a picture in memory. Colours are RGB; canvases are uint8 and drawn on in place.

Letters: H height, W width, C channels (always 3 here).
"""

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

BACKGROUND: Colour = (15, 18, 24)
SURFACE: Colour = (25, 29, 37)
FAINT: Colour = (58, 65, 78)
DIM: Colour = (150, 159, 173)
INK: Colour = (232, 236, 241)
SCORE: Colour = (112, 190, 255)
TRUTH: Colour = (255, 190, 70)
ALARM: Colour = (255, 79, 79)
CALM: Colour = (70, 190, 130)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4


def text_width_px(text: str, *, scale: float, bold: bool = False) -> int:
    """Width of a text as `put_text` draws it."""
    return int(cv2.getTextSize(text, _FONT, scale, 1 + bold)[0][0])


def put_text(
    canvas_HWC: UInt8Array,
    text: str,
    at_xy: tuple[int, int],
    *,
    colour: Colour,
    scale: float,
    bold: bool = False,
) -> int:
    """Draws text with its baseline starting at `at_xy`; returns the x where it ends."""
    cv2.putText(canvas_HWC, text, at_xy, _FONT, scale, colour, 1 + bold, cv2.LINE_AA)
    return at_xy[0] + text_width_px(text, scale=scale, bold=bold)


def fit_text(text: str, *, width_px: int, scale: float, bold: bool = False) -> str:
    """The text, shortened with dots where it is wider than `width_px`."""
    if text_width_px(text, scale=scale, bold=bold) <= width_px:
        return text
    while text and text_width_px(text + "...", scale=scale, bold=bold) > width_px:
        text = text[:-1]
    return text + "..."


def fill(canvas_HWC: UInt8Array, box_xyxy: Box, *, colour: Colour) -> None:
    """Paints a box (left, top, right, bottom; the last two excluded); several times faster than numpy's slices."""
    left, top, right, bottom = box_xyxy
    cv2.rectangle(canvas_HWC, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)


def tint(canvas_HWC: UInt8Array, box_xyxy: Box, *, colour: Colour, share: float) -> None:
    """Mixes a colour into a box (left, top, right, bottom; the last two excluded)."""
    left, top, right, bottom = box_xyxy
    region = canvas_HWC[max(top, 0) : bottom, max(left, 0) : right]
    region[:] = (region * (1 - share) + np.asarray(colour) * share).astype(np.uint8)


def dashed_line(canvas_HWC: UInt8Array, *, y_px: int, left_px: int, right_px: int, colour: Colour) -> None:
    """A horizontal dashed line."""
    for start in range(left_px, right_px, 9):
        cv2.line(canvas_HWC, (start, y_px), (min(start + 5, right_px), y_px), colour, 1)


def smooth_line(canvas_HWC: UInt8Array, x_px_T: FloatArray, y_px_T: FloatArray, *, colour: Colour) -> None:
    """An anti-aliased line through points between pixels."""
    points = np.stack([x_px_T, y_px_T], axis=1) * (1 << _SUBPIXEL_BITS)
    polyline = points.round().astype(np.int32)[:, None]
    cv2.polylines(canvas_HWC, [polyline], False, colour, 1, cv2.LINE_AA, _SUBPIXEL_BITS)


def pill(canvas_HWC: UInt8Array, text: str, box_xyxy: Box, *, colour: Colour, filled: bool) -> None:
    """A word in a box with round ends: filled to call, outlined to rest."""
    left, top, right, bottom = box_xyxy
    radius = (bottom - top) // 2
    _stadium(canvas_HWC, (left, top, right, bottom), radius, colour)
    if not filled:
        _stadium(canvas_HWC, (left + 1, top + 1, right - 1, bottom - 1), radius - 1, BACKGROUND)
    scale = 0.48
    x_px = (left + right - text_width_px(text, scale=scale, bold=filled)) // 2
    ink = BACKGROUND if filled else colour
    put_text(canvas_HWC, text, (x_px, (top + bottom) // 2 + 6), colour=ink, scale=scale, bold=filled)


def _stadium(canvas_HWC: UInt8Array, box_xyxy: Box, radius: int, colour: Colour) -> None:
    left, top, right, bottom = box_xyxy
    middle = (top + bottom) // 2
    cv2.line(canvas_HWC, (left + radius, middle), (right - radius, middle), colour, bottom - top, cv2.LINE_AA)
