"""Draws a figure's solids into a small picture with soft edges.

Letters: N points of all solids, K corners of a drawn circle, H height, W width, C channels (RGB and alpha).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.camera import Camera
from normalcy.datasets.walkway.shapes import Color, Solid, shade

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
FixedArray = npt.NDArray[np.int32]

FIXED_POINT_BITS = 4
_ANGLES_K = np.arange(14) * math.tau / 14
_CIRCLE_K2 = np.stack([np.cos(_ANGLES_K), np.sin(_ANGLES_K)], axis=1)
# The lit side of a solid is a smaller copy, moved toward the lamps by a part of the sphere's radius.
_LIT_SIZE, _LIT_SHIFT_2 = 0.66, np.array([-0.10, -0.26])
_UNLIT = 0.78
# The far arm and leg are darker: this much a metre of depth, down to a depth.
_DARKER_PER_M, _DARKEST_M = 0.9, 0.3


@dataclass(frozen=True)
class Stance:
    """Where a figure stands in the world: x and z in metres, yaw in radians, height above the floor."""

    x_m: float
    z_m: float
    yaw: float
    raised_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Sprite:
    """A drawn figure, cut to the picture.

    Attributes:
        left_px: Column of its first pixel.
        top_px: Row of its first pixel.
        rgba_HWC: uint8, colour multiplied by alpha.
        in_view: Part of the box around the whole figure that lies within the picture.
    """

    left_px: int
    top_px: int
    rgba_HWC: UInt8Array
    in_view: float = 1.0

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that it covers."""
        height, width = self.rgba_HWC.shape[:2]
        return slice(self.top_px, self.top_px + height), slice(self.left_px, self.left_px + width)


def draw(
    solids: Sequence[Solid], stance: Stance, camera: Camera, *, shift_px: tuple[float, float], finer: int
) -> Sprite | None:
    """Draws solids from far to near, `finer` times as large, and scales down; None when out of the picture."""
    centers_N2, radii_N, depths_N = _project(solids, stance, camera, shift_px)
    low_2 = np.floor((centers_N2 - radii_N[:, None]).min(axis=0)).astype(int) - 1
    high_2 = np.ceil((centers_N2 + radii_N[:, None]).max(axis=0)).astype(int) + 1
    left, top = np.maximum(low_2, 0).tolist()
    right, bottom = np.minimum(high_2, camera.size_px[::-1]).tolist()
    if left >= right or top >= bottom:
        return None
    canvas_HWC = np.zeros(((bottom - top) * finer, (right - left) * finer, 4), np.uint8)
    fine_N2 = (centers_N2 - (left, top)) * finer - 0.5
    _paint(canvas_HWC, solids, fine_N2, radii_N * finer, depths_N, rim_scale=camera.scale(stance.z_m) * finer)
    small_HWC = cv2.resize(canvas_HWC, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    in_view = (right - left) * (bottom - top) / float(np.prod(high_2 - low_2))
    return Sprite(left, top, np.asarray(small_HWC, np.uint8), in_view)


def _paint(
    canvas_HWC: UInt8Array,
    solids: Sequence[Solid],
    centers_N2: FloatArray,
    radii_N: FloatArray,
    depths_N: FloatArray,
    *,
    rim_scale: float,
) -> None:
    """Paints solids onto a canvas; each takes as many of the N points as it has."""
    counts = [len(solid.points) for solid in solids]
    starts = [0, *accumulate(counts[:-1])]
    depths = (np.add.reduceat(depths_N, starts) / counts).tolist()
    outlines = _outlines(centers_N2, radii_N)
    for index in sorted(range(len(solids)), key=lambda i: solids[i].lift - depths[i]):
        solid, part = solids[index], slice(starts[index], starts[index] + counts[index])
        color = shade(solid.color, 1 - _DARKER_PER_M * min(max(depths[index], 0.0), _DARKEST_M))
        if solid.rim_m:
            _paint_ring(canvas_HWC, centers_N2[part][0], radii_N[part][0], color, solid.rim_m * rim_scale)
        else:
            for outline_NK2, paint in zip(outlines, (shade(color, _UNLIT), color), strict=True):
                _paint_hull(canvas_HWC, outline_NK2[part], paint)


def _project(
    solids: Sequence[Solid], stance: Stance, camera: Camera, shift_px: tuple[float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    local_N3 = np.array([point for solid in solids for point in solid.points])
    radii_N = np.array([radius for solid in solids for radius in solid.radii_m])
    cos, sin = math.cos(stance.yaw), math.sin(stance.yaw)
    x_N = stance.x_m + local_N3[:, 0] * cos - local_N3[:, 1] * sin
    depth_N = local_N3[:, 0] * sin + local_N3[:, 1] * cos
    world_N3 = np.stack([x_N, local_N3[:, 2] + stance.raised_m, stance.z_m + depth_N], axis=1)
    return camera.project(world_N3) + shift_px, radii_N * camera.scale(stance.z_m), depth_N


def _outlines(centers_N2: FloatArray, radii_N: FloatArray) -> tuple[FixedArray, FixedArray]:
    """Circles around all points, and the smaller ones of their lit sides, in fixed-point pixels, (N, K, 2)."""
    circle_NK2 = _CIRCLE_K2 * radii_N[:, None, None]
    lit_NK2 = _LIT_SIZE * circle_NK2 + radii_N[:, None, None] * _LIT_SHIFT_2
    full_NK2, lit_NK2 = (
        np.rint((corners_NK2 + centers_N2[:, None]) * (1 << FIXED_POINT_BITS)).astype(np.int32)
        for corners_NK2 in (circle_NK2, lit_NK2)
    )
    return full_NK2, lit_NK2


def _paint_hull(canvas_HWC: UInt8Array, outline_NK2: FixedArray, paint: Color) -> None:
    hull = cv2.convexHull(outline_NK2.reshape(-1, 1, 2))
    cv2.fillConvexPoly(canvas_HWC, hull, (*paint, 255.0), cv2.LINE_8, FIXED_POINT_BITS)


def _paint_ring(
    canvas_HWC: UInt8Array, center_2: FloatArray, radius_px: float, color: Color, rim_px: float
) -> None:
    x, y = np.rint(center_2 * (1 << FIXED_POINT_BITS)).astype(int).tolist()
    radius = round(float(radius_px) * (1 << FIXED_POINT_BITS))
    cv2.circle(
        canvas_HWC, (x, y), radius, (*color, 255.0), max(1, round(rim_px)), cv2.LINE_8, FIXED_POINT_BITS
    )
