"""What the trunk is shown of a picture, and the trunk where it comes as a compiled graph.

Letters: H height, W width, R rows and C columns of cells, D channels of a look.
"""

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

ENLARGE = 2
"""The trunk sees frames so many times larger: its stride is two cells."""

Run = Callable[[UInt8Array], FloatArray]
"""From one enlarged picture, uint8 (1, H, W, 3), to its features, float32 (1, R, C, D)."""


class Looker(Protocol):
    """What a memory takes looks by, whatever runs it."""

    def look(self, image_HW3: UInt8Array) -> FloatArray:
        """From a picture to the looks of its cells, (R, C, D)."""
        ...


class CompiledTrunk:
    """The trunk as a graph that some runtime runs.

    Args:
        run: Runs it; what it gives is no longer its own.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def look(self, image_HW3: UInt8Array) -> FloatArray:
        """From a picture to the looks of its cells, (R, C, D)."""
        (look_RCD,) = self._run(enlarged(image_HW3)[None])
        return np.asarray(look_RCD, np.float32)


def enlarged(image_HW3: UInt8Array) -> UInt8Array:
    """The picture in the size that the trunk sees it in."""
    height, width = image_HW3.shape[:2]
    size = (ENLARGE * width, ENLARGE * height)
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_LINEAR), np.uint8)
