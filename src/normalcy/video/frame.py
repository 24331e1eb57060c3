"""One picture of one source: what every other room reads.

Letters: H height, W width, C channels (1 grey, 3 RGB).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded picture with its place in time.

    Attributes:
        image_HWC: uint8, RGB when C is 3, grey when C is 1; shared, never written to.
        index: Place in the source, from 0, counted before any stride.
        pts_seconds: Presentation time since the start of the source.
        source_id: Which camera or file it came from.
        preview_HWC: The same picture for people, RGB and of its own size; None where none was asked for.
    """

    image_HWC: UInt8Array
    index: int
    pts_seconds: float
    source_id: str
    preview_HWC: UInt8Array | None = None

    def __repr__(self) -> str:
        height, width, channels = self.image_HWC.shape
        return (
            f"Frame({self.source_id!r}, index={self.index}, pts_seconds={self.pts_seconds:.3f}, "
            f"{height}x{width}x{channels})"
        )
