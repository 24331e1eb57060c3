"""Soft shadows on the floor: each figure's outline, laid down toward the camera, and a dark spot under it.

Letters: H height, W width.
"""

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.drawing import Sprite

FloatArray = npt.NDArray[np.float32]

# Per pixel of height, a shadow falls this much to the right and this much down the picture.
FALLS_RIGHT, FALLS_DOWN = 0.34, 0.26
STRENGTH = 0.42
_SOFTNESS_PX = 0.9  # in a picture 64 px high
_MOST_ROWS = 128  # a soft shadow needs no finer picture
_SPOT = 190


def shade_floor(scene_HWC: FloatArray, figures: Iterable[tuple[Sprite, float]]) -> None:
    """Darkens the scene in place under figures, each given with the row of the floor it stands on."""
    height, width = scene_HWC.shape[:2]
    zoom = min(1.0, _MOST_ROWS / height)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    shadow_HW = np.zeros(size[::-1], np.uint8)
    for sprite, floor_row in figures:
        _spot(shadow_HW, sprite, floor_row, zoom)
        cast_HW = cv2.warpAffine(sprite.rgba_HWC[..., 3], _laid_down(sprite, floor_row, zoom), size)
        np.maximum(shadow_HW, cast_HW, out=shadow_HW)
    sigma = _SOFTNESS_PX * size[1] / 64
    soft_HW = cv2.GaussianBlur(shadow_HW, (0, 0), sigma)
    if zoom < 1:
        soft_HW = cv2.resize(soft_HW, (width, height), interpolation=cv2.INTER_LINEAR)
    scene_HWC *= (1 - soft_HW.astype(np.float32) * np.float32(STRENGTH / 255))[..., None]


def _laid_down(sprite: Sprite, floor_row: float, zoom: float) -> npt.NDArray[np.float64]:
    """Affine map from a sprite's pixels to those of its shadow in the zoomed picture."""
    height_of_top = floor_row - sprite.top_px - 0.5
    right = zoom * (sprite.left_px + 0.5 + FALLS_RIGHT * height_of_top) - 0.5
    down = zoom * (floor_row + FALLS_DOWN * height_of_top) - 0.5
    return np.array([[zoom, -zoom * FALLS_RIGHT, right], [0.0, -zoom * FALLS_DOWN, down]])


def _spot(shadow_HW: npt.NDArray[np.uint8], sprite: Sprite, floor_row: float, zoom: float) -> None:
    reach = 0.42 * sprite.rgba_HWC.shape[1] * zoom
    center = (zoom * (sprite.left_px + sprite.rgba_HWC.shape[1] / 2), zoom * floor_row)
    x, y, along, across = (round(16 * value) for value in (*center, reach, 0.22 * reach))
    cv2.ellipse(shadow_HW, (x, y), (along, across), 0, 0, 360, (_SPOT,), -1, cv2.LINE_AA, 4)
