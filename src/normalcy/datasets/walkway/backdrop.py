"""The empty scene: floor, wall, ceiling and lamps, painted once for a camera.

Every pixel of a finer picture is traced back to the surface it shows; textures are functions of the place on that
surface in metres, so that they keep their size whatever the picture's. Scaling down softens the edges.

Letters: H height, W width, C channels (RGB).
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.camera import CEILING_M, WALL_DEPTH_M, Camera
from normalcy.datasets.walkway.settings import SETTINGS, Lamps, Panel, Setting, SettingName
from normalcy.datasets.walkway.shapes import Color

FloatArray = npt.NDArray[np.float32]

_NOISE_SIDE, _NOISE_PER_M = 512, 48.0
_SKIRTING_M, _DADO_M = 0.12, 1.0
_STONE_M = (0.56, 0.28)
_ARROW_EVERY_M, _ARROW_DEPTH_M = 2.6, 5.1
_LAMPS_AROUND = 3
CEILING_COLOR: Color = (214, 214, 208)


@dataclass(frozen=True, eq=False)
class Texture:
    """Random tables that textures are made from: smooth noise, and one value for each tile or stone."""

    smooth_HW: FloatArray
    cells_HW: FloatArray

    def noise(self, x_HW: FloatArray, y_HW: FloatArray, *, per_m: float = _NOISE_PER_M) -> FloatArray:
        """Noise of mean 0 and deviation 1 at places in metres."""
        noise_HW = cv2.remap(
            self.smooth_HW,
            np.float32(per_m) * x_HW % np.float32(_NOISE_SIDE - 1),
            np.float32(per_m) * y_HW % np.float32(_NOISE_SIDE - 1),
            cv2.INTER_LINEAR,
        )
        return np.asarray(noise_HW, np.float32)

    def cell(self, column_HW: FloatArray, row_HW: FloatArray) -> FloatArray:
        """A value between -1 and 1 for each tile."""
        side = len(self.cells_HW)
        return np.asarray(self.cells_HW[row_HW.astype(int) % side, column_HW.astype(int) % side], np.float32)


@lru_cache(maxsize=8)
def backdrop(name: SettingName, camera: Camera, *, seed: int, margin_px: int, finer: int) -> FloatArray:
    """Paints a setting as seen by a camera, with a margin around the picture.

    Returns:
        Read-only float32 (H + 2 margin, W + 2 margin, 3), 0 to 255.
    """
    setting, texture = SETTINGS[name], _texture(seed)
    height, width = (side + 2 * margin_px for side in camera.size_px)
    x_W, y_H = (_centers(side, finer) - np.float32(margin_px) for side in (width, height))
    horizon_px, wall_scale = camera.horizon * camera.size_px[0], camera.scale(WALL_DEPTH_M)
    wall_top = horizon_px - wall_scale * (CEILING_M - camera.height_m)
    rows = np.searchsorted(y_H, (wall_top, camera.floor_row(WALL_DEPTH_M)))
    ceiling_H, wall_H, floor_H = np.split(y_H - np.float32(horizon_px), rows)
    across_W = (x_W - np.float32(camera.size_px[1] / 2)) / np.float32(camera.focal_px)
    parts = (
        _ceiling(setting, *_plane(across_W, ceiling_H, camera, camera.height_m - CEILING_M)),
        _wall(
            setting,
            texture,
            *_upright(across_W, np.float32(camera.height_m) - wall_H / np.float32(wall_scale)),
        ),
        _floor(setting, texture, *_plane(across_W, floor_H, camera, camera.height_m)),
    )
    small_HWC = cv2.resize(np.concatenate(parts), (width, height), interpolation=cv2.INTER_AREA)
    image_HWC = np.asarray(small_HWC, np.float32)
    image_HWC.flags.writeable = False
    return image_HWC


def brightness(lamps: Lamps, x_m: FloatArray, y_m: FloatArray, z_m: FloatArray) -> FloatArray:
    """Light that falls on places in the scene from an endless row of lamps: 1 is plain daylight."""
    beside_m, apart_m2 = x_m % lamps.every_m, (y_m - lamps.height_m) ** 2 + (z_m - lamps.depth_m) ** 2
    light = np.full(np.shape(x_m), lamps.ambient, np.float32)
    for number in range(-_LAMPS_AROUND, _LAMPS_AROUND + 2):
        light += lamps.power / (2.0 + 2.2 * ((beside_m - number * lamps.every_m) ** 2 + apart_m2))
    return light


def _texture(seed: int) -> Texture:
    rng = np.random.default_rng([seed, 0x7E])
    smooth_HW = sum(
        cv2.resize(rng.standard_normal((side, side), np.float32), (_NOISE_SIDE, _NOISE_SIDE)) * weight
        for side, weight in ((16, 0.5), (64, 0.6), (256, 0.8))
    )
    return Texture(np.asarray(smooth_HW, np.float32), rng.uniform(-1, 1, (61, 61)).astype(np.float32))


def _centers(side_px: int, finer: int) -> FloatArray:
    """Middles of the finer picture's pixels, in pixels of the picture."""
    return np.asarray((np.arange(side_px * finer) + 0.5) / finer, np.float32)


def _plane(
    across_W: FloatArray, below_H: FloatArray, camera: Camera, drop_m: float
) -> tuple[FloatArray, FloatArray]:
    """X and Z, each (H, W), of a level plane `drop_m` below the camera at rows below the horizon."""
    z_H = np.float32(camera.focal_px * drop_m) / below_H
    return across_W[None, :] * z_H[:, None], np.repeat(z_H[:, None], len(across_W), axis=1)


def _upright(across_W: FloatArray, y_H: FloatArray) -> tuple[FloatArray, FloatArray]:
    """X and Y, each (H, W), of the wall."""
    x_W = across_W * np.float32(WALL_DEPTH_M)
    return np.repeat(x_W[None, :], len(y_H), axis=0), np.repeat(y_H[:, None], len(x_W), axis=1)


def _floor(setting: Setting, texture: Texture, x_HW: FloatArray, z_HW: FloatArray) -> FloatArray:
    u_HW, v_HW = x_HW / setting.tile_m, z_HW / setting.tile_m
    odd_HW = (np.floor(u_HW) + np.floor(v_HW)) % 2 == 1
    image_HWC = np.where(odd_HW[..., None], _paint(setting.floor[0]), _paint(setting.floor[1]))
    vary_HW = 1 + 0.035 * texture.cell(np.floor(u_HW), np.floor(v_HW)) + 0.018 * texture.noise(x_HW, z_HW)
    grout_HW = np.minimum(_edge_distance(u_HW), _edge_distance(v_HW)) * setting.tile_m < 0.016
    image_HWC = np.where(grout_HW[..., None], _paint(setting.grout), image_HWC)
    if setting.one_way:
        image_HWC = np.where(_arrow(x_HW, z_HW)[..., None], _paint((226, 222, 200)), image_HWC)
    corner_HW = 1 - 0.30 * np.exp(-(WALL_DEPTH_M - z_HW) / 0.25)
    light_HW = brightness(setting.lamps, x_HW, np.zeros_like(x_HW), z_HW)
    return np.asarray(image_HWC * (vary_HW * corner_HW * light_HW)[..., None], np.float32)


def _wall(setting: Setting, texture: Texture, x_HW: FloatArray, y_HW: FloatArray) -> FloatArray:
    image_HWC = np.where((y_HW < _DADO_M)[..., None], _paint(setting.dado), _paint(setting.wall))
    vary_HW = 1 + 0.012 * texture.noise(x_HW, y_HW)
    if setting.stones:
        vary_HW *= _stones(texture, x_HW, y_HW)
    else:
        vary_HW[np.abs(y_HW - _DADO_M) < 0.03] *= 0.82
    light_HW = brightness(setting.lamps, x_HW, y_HW, np.full_like(x_HW, WALL_DEPTH_M))
    light_HW *= 1 - 0.22 * np.exp(-y_HW / 0.2) - 0.12 * np.exp(-(CEILING_M - y_HW) / 0.2)
    image_HWC = image_HWC * vary_HW[..., None]
    image_HWC[y_HW < _SKIRTING_M] = _paint(setting.grout)
    image_HWC *= light_HW[..., None]
    for panel in setting.panels:
        _hang(image_HWC, panel, (x_HW % setting.period_m) - panel.x_m, y_HW, light_HW)
    return np.asarray(image_HWC, np.float32)


def _ceiling(setting: Setting, x_HW: FloatArray, z_HW: FloatArray) -> FloatArray:
    light_HW = brightness(setting.lamps, x_HW, np.full_like(x_HW, CEILING_M - 0.4), z_HW)
    image_HWC = _paint(CEILING_COLOR) * (0.35 + 0.45 * light_HW)[..., None]
    along, across = setting.lamps.panel_m
    from_lamp_HW = (x_HW / setting.lamps.every_m + 0.5) % 1 - 0.5
    glowing_HW = np.abs(from_lamp_HW) * setting.lamps.every_m < along / 2
    glowing_HW &= np.abs(z_HW - setting.lamps.depth_m) < across / 2
    image_HWC[glowing_HW] = (255, 252, 240)
    return np.asarray(image_HWC, np.float32)


def _stones(texture: Texture, x_HW: FloatArray, y_HW: FloatArray) -> FloatArray:
    course_HW = np.floor(y_HW / _STONE_M[1])
    u_HW, v_HW = x_HW / _STONE_M[0] + 0.5 * (course_HW % 2), y_HW / _STONE_M[1]
    shade_HW = 1 + 0.13 * texture.cell(np.floor(u_HW), course_HW) + 0.035 * texture.noise(x_HW, y_HW)
    joint_HW = np.minimum(_edge_distance(u_HW) * _STONE_M[0], _edge_distance(v_HW) * _STONE_M[1]) < 0.022
    return np.asarray(np.where(joint_HW, 0.70, shade_HW), np.float32)


def _hang(
    image_HWC: FloatArray, panel: Panel, x_HW: FloatArray, y_HW: FloatArray, light_HW: FloatArray
) -> None:
    """Paints a panel in place; x counts from its left edge."""
    inside_HW = (x_HW >= 0) & (x_HW < panel.width_m) & (y_HW >= panel.low_m) & (y_HW < panel.high_m)
    pane_HW = _edge_distance(x_HW / panel.width_m * panel.panes) * panel.width_m / panel.panes
    edge_HW = np.minimum(
        pane_HW, np.minimum(y_HW - panel.low_m if panel.low_m else y_HW + 1, panel.high_m - y_HW)
    )
    face_HW = inside_HW & (edge_HW >= panel.frame_m)
    rise_HW = (y_HW - panel.low_m) / (panel.high_m - panel.low_m)
    own_HW = panel.glow * (0.85 + 0.25 * rise_HW) + (1 - panel.glow) * light_HW * (0.92 + 0.10 * rise_HW)
    image_HWC[inside_HW] = _paint(panel.frame) * light_HW[inside_HW][:, None]
    image_HWC[face_HW] = _paint(panel.color) * own_HW[face_HW][:, None]


def _arrow(x_HW: FloatArray, z_HW: FloatArray) -> npt.NDArray[np.bool_]:
    x_HW, z_HW = x_HW % _ARROW_EVERY_M - 0.8, np.abs(z_HW - _ARROW_DEPTH_M)
    shaft_HW = (x_HW > 0) & (x_HW < 0.65) & (z_HW < 0.10)
    head_HW = (x_HW >= 0.65) & (x_HW < 1.05) & (z_HW < 0.30 * (1.05 - x_HW) / 0.40)
    return shaft_HW | head_HW


def _edge_distance(u_HW: FloatArray) -> FloatArray:
    """Distance to the nearest whole number."""
    return np.abs(u_HW - np.rint(u_HW))


def _paint(color: Color) -> FloatArray:
    return np.array(color, np.float32)
