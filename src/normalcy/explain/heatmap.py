"""Anomaly maps as colours: alone, and laid over the picture they belong to.

Letters: N maps, H height, W width, C channels (1 grey, 3 RGB).
"""

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

# Inferno is perceptually even and safe for the colour-blind; its low end is black, so quiet places stay quiet.
_LEVELS_IN_ORDER = np.arange(256, dtype=np.uint8).reshape(256, 1)
_COLOURS_RGB = np.ascontiguousarray(cv2.applyColorMap(_LEVELS_IN_ORDER, cv2.COLORMAP_INFERNO)[:, :, ::-1])
_PEAK_QUANTILE = 0.999  # a single hot pixel is noise, a thousandth of the map is a thing


def colourise(map_HW: FloatArray, *, low: float, high: float) -> UInt8Array:
    """Colours an anomaly map: black at `low` and below, pale yellow at `high` and above; NaN is black.

    Returns:
        RGB uint8 (H, W, 3).
    """
    return _colours(_levels(map_HW, low, high))


def overlay(
    image_HWC: UInt8Array, map_HW: FloatArray, *, low: float, high: float, opacity: float = 0.65
) -> UInt8Array:
    """Lays the heat map over its picture, transparent where the map is low, so that normal places stay clear.

    Args:
        image_HWC: uint8, grey or RGB.
        map_HW: Anomaly map of any size; it is scaled to the picture.
        low: Map value that is wholly transparent.
        high: Map value that gets the last colour and the full opacity.
        opacity: Share of the colour at `high`, 0 to 1.

    Returns:
        RGB uint8 of the picture's size.
    """
    base_HWC = as_rgb(image_HWC)
    levels_HW = _levels(resize_map(map_HW, base_HWC.shape[:2]), low, high)
    colour_share_HW = levels_HW.astype(np.float32) * (opacity / 255)
    return np.asarray(
        cv2.blendLinear(_colours(levels_HW), base_HWC, colour_share_HW, 1 - colour_share_HW), dtype=np.uint8
    )


def resize_map(map_HW: FloatArray, size_px: tuple[int, int]) -> FloatArray:
    """Scales a map to (height, width), bilinear."""
    height, width = size_px
    resized = cv2.resize(
        np.ascontiguousarray(map_HW, np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(resized, dtype=np.float32)


def as_rgb(image_HWC: UInt8Array) -> UInt8Array:
    """A grey picture as RGB; an RGB picture as it is."""
    return image_HWC if image_HWC.shape[2] == 3 else np.repeat(image_HWC[:, :, :1], 3, axis=2)


def colour_ramp(width_px: int, height_px: int) -> UInt8Array:
    """The colours from `low` on the left to `high` on the right, for a legend."""
    ramp_W = np.linspace(0, 255, width_px).astype(np.uint8)
    return _colours(np.repeat(ramp_W[None], height_px, axis=0))


def map_peak(map_HW: FloatArray) -> float:
    """Height of the hottest thousandth of a map; 0 when nothing in it is finite."""
    finite = map_HW[np.isfinite(map_HW)]
    return float(np.quantile(finite, _PEAK_QUANTILE)) if finite.size else 0.0


class MapScale:
    """The map values between which the colours run, so that a colour means the same in every frame.

    With `high` it is fixed. Without, `high` is the highest peak seen so far: causal, so it can run on a live
    stream, and colours only ever become calmer as more is seen.

    Args:
        low: Map value of the first colour.
        high: Map value of the last colour, None to follow the video.
    """

    def __init__(self, *, low: float = 0.0, high: float | None = None) -> None:
        self._low = low
        self._fixed = high is not None
        self._high = low if high is None else high

    def range_for(self, map_HW: FloatArray) -> tuple[float, float]:
        """(low, high) to colour this map with, which a scale without a fixed `high` also learns from."""
        if not self._fixed:
            self._high = max(self._high, map_peak(map_HW))
        return self._low, self._high


def _levels(map_HW: FloatArray, low: float, high: float) -> UInt8Array:
    span = high - low if high > low else np.inf  # a map without contrast is shown as quiet
    with np.errstate(invalid="ignore"):
        unit_HW = (np.asarray(map_HW, np.float32) - np.float32(low)) * np.float32(255 / span)
    levels_HW: UInt8Array = np.nan_to_num(np.clip(unit_HW, 0, 255), copy=False).astype(np.uint8)
    return levels_HW


def _colours(levels_HW: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.applyColorMap(levels_HW, _COLOURS_RGB), dtype=np.uint8)
