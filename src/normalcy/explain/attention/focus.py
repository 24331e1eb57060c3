"""What each frame attends to.

Letters: T frames.
"""

from typing import Literal, NamedTuple

import numpy as np

from normalcy.explain.attention.statistics import LONG_RANGE_FRAMES, FloatArray

Reading = Literal["self-focus", "local focus", "long-range"]


class FrameFocus(NamedTuple):
    """Of one frame.

    Attributes:
        frame: Which, from 0.
        attended: The frames it gives most to and how much, the most first.
        reading: Where most of what it gives goes: to itself, to frames at most two away, or further.
    """

    frame: int
    attended: tuple[tuple[int, float], ...]
    reading: Reading


def frame_focus(weights_TT: FloatArray, *, top: int = 3) -> list[FrameFocus]:
    """Of every frame; of equal weights the earlier frame comes first.

    >>> frame_focus(np.array([[0.1, 0.9], [0.2, 0.8]]), top=1)[0]
    FrameFocus(frame=0, attended=((1, 0.9),), reading='local focus')
    """
    weights_TT = np.asarray(weights_TT, np.float64)
    return [
        FrameFocus(
            frame,
            tuple((int(other), float(row_T[other])) for other in np.argsort(-row_T, kind="stable")[:top]),
            _reading(row_T, frame),
        )
        for frame, row_T in enumerate(weights_TT)
    ]


def _reading(row_T: FloatArray, frame: int) -> Reading:
    apart_T = np.abs(np.arange(len(row_T)) - frame)
    shares: dict[Reading, float] = {
        "self-focus": float(row_T[frame]),
        "local focus": float(row_T[(apart_T > 0) & (apart_T <= LONG_RANGE_FRAMES)].sum()),
        "long-range": float(row_T[apart_T > LONG_RANGE_FRAMES].sum()),
    }
    return max(shares, key=shares.__getitem__)
