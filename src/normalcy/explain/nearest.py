"""What a place usually looks like: the normal frame that is most like a frame there.

Letters: N frames, H height, W width.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain.heatmap import as_rgb
from normalcy.explain.reasons import Box

UInt8Array = npt.NDArray[np.uint8]

_COMPARED_PX = 32
_AROUND = 0.25  # of the box's size, compared on every side of it


@dataclass(frozen=True, eq=False)
class NormalExample:
    """A frame of normal video.

    Attributes:
        video: Its name.
        seconds: Its time.
        image_HWC: uint8, RGB.
        difference: Mean difference to what was looked for, in grey levels.
    """

    video: str
    seconds: float
    image_HWC: UInt8Array
    difference: float


@dataclass(frozen=True, eq=False)
class NearestLook:
    """The remembered look that is nearest to what is odd.

    Attributes:
        video: Name of the normal video it was seen in.
        seconds: When.
        x, y: Where, as parts of the picture's width and height.
        image_HWC: That frame, uint8, RGB; None where the video is not at hand.
    """

    video: str
    seconds: float
    x: float
    y: float
    image_HWC: UInt8Array | None = None


def widened(box: Box) -> Box:
    """The box with some of what is around it, within the picture."""
    wide, high = _AROUND * (box.right - box.left), _AROUND * (box.bottom - box.top)
    return Box(
        max(0.0, box.left - wide),
        max(0.0, box.top - high),
        min(1.0, box.right + wide),
        min(1.0, box.bottom + high),
    )


def nearest_frame(
    image_HWC: UInt8Array, box: Box, normal: Iterable[tuple[str, float, UInt8Array]]
) -> NormalExample | None:
    """The normal frame that looks most alike in and around a box; None without any.

    Args:
        image_HWC: The frame.
        box: Where to compare.
        normal: Name, time and picture of frames of normal video.
    """
    wanted_HW = _patch(image_HWC, box)
    best: NormalExample | None = None
    for video, seconds, other_HWC in normal:
        difference = float(np.abs(wanted_HW - _patch(other_HWC, box)).mean())
        if best is None or difference < best.difference:
            best = NormalExample(video, seconds, as_rgb(other_HWC), difference)
    return best


def around(image_HWC: UInt8Array, box: Box) -> UInt8Array:
    """What is in a box and a little around it; at least a pixel."""
    height, width = image_HWC.shape[:2]
    wide = widened(box)
    top, left = int(wide.top * height), int(wide.left * width)
    bottom, right = max(round(wide.bottom * height), top + 1), max(round(wide.right * width), left + 1)
    return np.ascontiguousarray(image_HWC[top:bottom, left:right])


def _patch(image_HWC: UInt8Array, box: Box) -> npt.NDArray[np.float32]:
    """The same, grey and of one size."""
    grey_HW = cv2.cvtColor(around(as_rgb(image_HWC), box), cv2.COLOR_RGB2GRAY)
    return np.asarray(
        cv2.resize(grey_HW, (_COMPARED_PX, _COMPARED_PX), interpolation=cv2.INTER_AREA), np.float32
    )
