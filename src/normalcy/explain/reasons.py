"""Why it alarmed: where, which term of the score, how far from the usual, and a sentence that a guard understands.

Letters: H height, W width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.scoring.usual import UsualPart

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_OF_PEAK = 0.5  # a place belongs to what is odd where the map is at least half as high as at its peak
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "middle", "right")
_FAR = 100.0
_ALL_OVER = 0.6  # of the picture


class Box(NamedTuple):
    """Left, top, right and bottom edge, as parts of the picture's width and height."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE_PICTURE = Box(0.0, 0.0, 1.0, 1.0)


class Place(NamedTuple):
    """Where something is odd.

    Attributes:
        box: Around it.
        mask_HW: Which pixels of the map belong to it.
        outline: Around those pixels: x and y of corners, as parts of the picture's width and height.
    """

    box: Box
    mask_HW: BoolArray
    outline: tuple[tuple[float, float], ...]


class PartReading(NamedTuple):
    """A term of the score at a frame.

    Attributes:
        name: Of the term.
        value: What it is.
        limit: At least 99 of 100 normal frames stay below; None where that is not known.
        excess: How far it is from usual: 0 at the median of normal frames, 1 at `limit`; None likewise.
        times: How many times `limit` it is, of a term that is positive on normal video; None otherwise.
        beyond: Of how many normal frames none is as high; 0 where one is, or where that is not known.
        counts: Whether the score is made of it; others are measured beside it.
    """

    name: str
    value: float
    limit: float | None
    excess: float | None
    times: float | None = None
    beyond: int = 0
    counts: bool = True


def place_of(map_HW: FloatArray) -> Place | None:
    """The connected part around the peak of an anomaly map; None where the map says nothing or is the same all over."""
    finite_HW = np.nan_to_num(np.asarray(map_HW, np.float32))
    low, peak = float(finite_HW.min()), float(finite_HW.max())
    if peak <= low:
        return None
    high_HW = finite_HW >= low + _OF_PEAK * (peak - low)
    _, parts_HW = cv2.connectedComponents(high_HW.view(np.uint8), connectivity=8)
    mask_HW = parts_HW == parts_HW[np.unravel_index(int(finite_HW.argmax()), finite_HW.shape)]
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    height, width = mask_HW.shape
    box = Box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return Place(Box(*(float(edge) for edge in box)), mask_HW, _outline(mask_HW))


def _outline(mask_HW: BoolArray) -> tuple[tuple[float, float], ...]:
    height, width = mask_HW.shape
    contours, _ = cv2.findContours(mask_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corners = max(contours, key=len)[:, 0]
    return tuple(((float(x) + 0.5) / width, (float(y) + 0.5) / height) for x, y in corners)


def read_parts(
    parts: Mapping[str, float], usual: Mapping[str, UsualPart], *, terms: Sequence[str] = ()
) -> list[PartReading]:
    """Every part: those that the score is made of first, and among them the one furthest from its usual.

    One that no normal frame reached stands before all that some did; what nothing is known of comes last.

    Args:
        parts: Of the score of a frame.
        usual: What they are on normal video.
        terms: Those that the score is made of; all without.
    """
    readings = [
        _reading(name, float(value), usual.get(name))._replace(counts=not terms or name in terms)
        for name, value in parts.items()
    ]

    def order(each: PartReading) -> tuple[bool, bool, float]:
        return each.counts, each.beyond > 0, -math.inf if each.excess is None else each.excess

    return sorted(readings, key=order, reverse=True)


def _reading(name: str, value: float, usual: UsualPart | None) -> PartReading:
    if usual is None or not math.isfinite(value):
        return PartReading(name, value, None, None)
    beyond = usual.frames if value > usual.highest else 0
    times = value / usual.limit if usual.median >= 0 and usual.limit > 0 else None
    return PartReading(name, value, usual.limit, usual.excess(value), times, beyond)


def where_words(box: Box | None) -> str:
    """A place in words.

    >>> where_words(Box(0.0, 0.7, 0.2, 1.0)), where_words(Box(0.4, 0.4, 0.6, 0.6)), where_words(None)
    ('at the lower left', 'in the middle', 'in the picture')
    """
    if box is None:
        return "in the picture"
    if (box.right - box.left) * (box.bottom - box.top) >= _ALL_OVER:
        return "all over the picture"
    row = _ROWS[min(2, int(3 * (box.top + box.bottom) / 2))]
    column = _COLUMNS[min(2, int(3 * (box.left + box.right) / 2))]
    if column == "middle":
        return {"upper": "at the top", "middle": "in the middle", "lower": "at the bottom"}[row]
    return f"on the {column}" if row == "middle" else f"at the {row} {column}"


def sentence(box: Box | None, leading: PartReading | None, *, words: Mapping[str, str]) -> str:
    """What a guard reads. The place is where the map of all terms peaks; the term is the frame's, which has no place.

    Args:
        box: Where.
        leading: The term that is furthest from usual; None where the score has no terms.
        words: What is odd where a term is high, by its name, as `MethodDefinition.part_words` has it.

    >>> speed = PartReading("speed", 9.0, 3.0, excess=4.2, times=3.0, beyond=2550)
    >>> sentence(None, speed, words={"speed": "moves faster"})
    'In the picture, something moves faster: 3.0x the usual limit, more than in any of 2,550 normal frames.'
    """
    place = where_words(box)
    place = place[0].upper() + place[1:]
    if leading is not None and leading.excess is not None and leading.excess <= 1:
        return f"{place}, much is a little unusual at once: no term of the score is beyond its usual limit by itself."
    text = f"{place}, something {words.get(leading.name if leading else '', 'is unlike normal video')}"
    if leading is None or leading.excess is None:
        return f"{text}."
    seen = f"more than in any of {leading.beyond:,} normal frames" if leading.beyond else ""
    times = (
        "" if leading.times is None or leading.times < 1.05 else f"{_times(leading.times)}x the usual limit"
    )
    told = ", ".join(filter(None, [times, seen]))
    return f"{text}: {told}." if told else f"{text}, a little beyond what is usual."


def _times(times: float) -> str:
    return f"over {_FAR:.0f}" if times > _FAR else f"{times:.1f}"
