"""What the streams get to see of a frame.

Letters: C channels, F features, N objects, H and W height and width of the thumbnails, R rows and C columns of cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array
from normalcy.methods.scene_memory.smoothing import Smoother

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """One frame of one camera.

    Attributes:
        scene: Which of the scenes it shows.
        seconds: Since the frame before.
        velocity_RC2: Windowed mean velocity, in pixels a second.
        thumb_HW3: Thumbnail, light made even, float32 grey levels.
        strange_HW: How many usual deviations each pixel lies from the background.
        new_HW: The same, 0 for what has been there since watching began.
        foreground_RC: Cells that are not background, and their neighbours.
        deviation_HW: Of the background, in grey levels.
        residual_RC2: What motion compensation leaves and the picture's gradient, in squared grey levels; None where
            no stream asks for it.
        look_RCF: Look of each cell, as the trunk gives it; None for frames whose look is not taken.
        boxes_N4: Left, top, right and bottom edge of each object, in pixels; None where no detector looks.
        is_last: Whether it is the last of its clip.
        where: Name of the video, number of the frame and its time, for the record.
    """

    scene: int
    seconds: float
    velocity_RC2: FloatArray
    thumb_HW3: FloatArray
    strange_HW: FloatArray
    new_HW: FloatArray
    foreground_RC: npt.NDArray[np.bool_]
    deviation_HW: FloatArray
    residual_RC2: FloatArray | None
    look_RCF: FloatArray | None
    boxes_N4: FloatArray | None = None
    is_last: bool = True
    where: tuple[str, int, float] = ("", 0, 0.0)


class Stream(Protocol):
    """One thing that is watched. What it keeps between the frames of a camera is the camera's: `begin` makes it.

    Attributes:
        renews_seconds: After so long it tells of something else: one piece of evidence.
    """

    renews_seconds: float

    def begin(self) -> Any:
        """State of a camera before its first frame."""
        ...

    def smoother(self) -> Smoother:
        """How the frame scores of a camera settle, before the first."""
        ...

    def remember(self, view: View, state: Any) -> None:
        """Takes a frame of normal footage in."""
        ...

    def amend(self, view: View, state: Any, times_RC: FloatArray | None) -> None:
        """Takes the cells of a frame into what was fitted, as if seen so many times (once without); below 0, out."""
        ...

    def collected(self) -> dict[str, Array]:
        """What was remembered since the survey, by name: all that another memory needs of it to be merged."""
        ...

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Takes in what another memory of the same survey has collected, as if it had been remembered here."""
        ...

    def settle(self) -> None:
        """After the last frame of normal footage."""
        ...

    def judge(self, view: View, state: Any) -> FloatArray:
        """How unusual each cell is, 1 about as much as the usual gets."""
        ...
