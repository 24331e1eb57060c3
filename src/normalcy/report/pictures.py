"""Frames and heat maps as pictures inside the page.

Letters: H height, W width, C channels.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain.heatmap import as_rgb, colour_ramp, colourise, map_peak, overlay, resize_map
from normalcy.report.data import Case

UInt8Array = npt.NDArray[np.uint8]

_WIDEST_PX, _NARROWEST_PX = 340, 240
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class CasePictures:
    """A case's three pictures as data URIs, and their size."""

    frame: str
    heat_map: str
    overlay: str
    width_px: int
    height_px: int


def case_pictures(case: Case, *, map_range: tuple[float, float]) -> CasePictures:
    """Frame, heat map, and the one over the other, all of one size."""
    low, high = map_range
    image_HWC = _page_size(as_rgb(case.image_HWC))
    map_HW = resize_map(np.asarray(case.map_HW, np.float32), image_HWC.shape[:2])
    return CasePictures(
        frame=jpeg_uri(image_HWC),
        heat_map=jpeg_uri(colourise(map_HW, low=low, high=high)),
        overlay=jpeg_uri(overlay(image_HWC, map_HW, low=low, high=high)),
        width_px=image_HWC.shape[1],
        height_px=image_HWC.shape[0],
    )


def shared_map_range(cases: Sequence[Case]) -> tuple[float, float]:
    """One range for all cases, so that a colour means the same in every picture."""
    return 0.0, max((map_peak(np.asarray(case.map_HW, np.float32)) for case in cases), default=1.0)


def jpeg_uri(image_HWC: UInt8Array) -> str:
    """An RGB picture as a data URI."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image_HWC, cv2.COLOR_RGB2BGR), settings)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def ramp_uri() -> str:
    """The colours of the heat maps from low to high."""
    return jpeg_uri(colour_ramp(240, 10))


def _page_size(image_HWC: UInt8Array) -> UInt8Array:
    height, width = image_HWC.shape[:2]
    wanted = min(max(width, _NARROWEST_PX), _WIDEST_PX)
    if wanted == width:
        return image_HWC
    size = (wanted, max(round(height * wanted / width), 1))
    how = cv2.INTER_AREA if wanted < width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_HWC, size, interpolation=how), np.uint8)
