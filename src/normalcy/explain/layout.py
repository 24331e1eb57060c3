"""Where things are on an annotated picture. Letters: H height, W width, C channels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]

HEADER_PX, STATUS_PX, TRACE_PX = 34, 40, 110
BORDER_PX = 4
_GAP_PX = 6
_SMALLEST_PANEL_PX, _LARGEST_PANEL_PX, _WIDEST_PANEL_PX = 240, 480, 640
_NARROWEST_CANVAS_PX = 740  # the verdict under the panels needs this much


@dataclass(frozen=True)
class Layout:
    """Header, three panels side by side, verdict, trace; every size is even, as H.264 wants it."""

    panel_height_px: int
    panel_width_px: int

    @classmethod
    def for_image(cls, image_HWC: UInt8Array) -> "Layout":
        """Panels of a readable height in the picture's own proportions."""
        height, width = image_HWC.shape[:2]
        px_per_width = height / width
        wanted = min(max(height, _SMALLEST_PANEL_PX * px_per_width), _LARGEST_PANEL_PX)
        panel_height = _even(max(min(wanted, _WIDEST_PANEL_PX * px_per_width), _SMALLEST_PANEL_PX))
        return cls(panel_height, max(_even(panel_height * width / height), 2))

    @property
    def panel_size_px(self) -> tuple[int, int]:
        """(height, width) of a panel."""
        return self.panel_height_px, self.panel_width_px

    @property
    def width_px(self) -> int:
        """Width of the canvas."""
        return max(self._panels_width_px + 2 * BORDER_PX, _NARROWEST_CANVAS_PX)

    @property
    def height_px(self) -> int:
        """Height of the canvas."""
        return self.trace_top_px + TRACE_PX

    @property
    def status_top_px(self) -> int:
        """Where the verdict in words begins."""
        return HEADER_PX + self.panel_height_px + 2 * BORDER_PX

    @property
    def trace_top_px(self) -> int:
        """Where the score trace begins."""
        return self.status_top_px + STATUS_PX

    def panel_corner_px(self, place: int) -> tuple[int, int]:
        """(left, top) of panel 0, 1 or 2."""
        first_left = (self.width_px - self._panels_width_px) // 2
        return first_left + place * (self.panel_width_px + _GAP_PX), HEADER_PX + BORDER_PX

    @property
    def _panels_width_px(self) -> int:
        return 3 * self.panel_width_px + 2 * _GAP_PX


def _even(value_px: float) -> int:
    return 2 * round(value_px / 2)
