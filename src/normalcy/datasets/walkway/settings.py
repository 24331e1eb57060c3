"""The three settings: how each looks, and how people walk there."""

from dataclasses import dataclass
from typing import Literal, get_args

from normalcy.datasets.walkway.camera import CEILING_M, WALL_DEPTH_M
from normalcy.datasets.walkway.shapes import Color

SettingName = Literal["wall", "corridor", "crowd"]
SETTING_NAMES: tuple[SettingName, ...] = get_args(SettingName)


@dataclass(frozen=True)
class Panel:
    """A rectangle on the wall that comes back every few metres: a door, a window, a poster, a lamp.

    Attributes:
        x_m: Left edge within the period.
        width_m: Width.
        low_m: Lower edge above the floor.
        high_m: Upper edge.
        color: Of its face.
        frame: Of its border.
        frame_m: Width of the border.
        panes: Number of panes beside each other.
        glow: How much of its brightness is its own rather than the lamps'.
    """

    x_m: float
    width_m: float
    low_m: float
    high_m: float
    color: Color
    frame: Color
    frame_m: float = 0.07
    panes: int = 1
    glow: float = 0.0


@dataclass(frozen=True)
class Lamps:
    """A row of lamps along the corridor.

    Attributes:
        every_m: Distance between neighbours.
        height_m: Above the floor.
        depth_m: From the camera.
        power: Brightness at one metre, against the ambient light.
        ambient: Light that comes from everywhere.
        panel_m: Size (along, across) of the glowing panel on the ceiling; none where 0.
    """

    every_m: float
    height_m: float
    depth_m: float
    power: float
    ambient: float
    panel_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Setting:
    """A place and its traffic.

    Attributes:
        wall: Colour of the wall.
        dado: Colour of the wall's lower part.
        stones: Whether the wall is laid of rough stones; smooth otherwise.
        floor: Colours of the floor's tiles, laid like a chessboard.
        grout: Colour between the tiles.
        tile_m: Side of a tile.
        panels: What hangs on the wall or opens in it.
        period_m: Width after which the panels come back.
        lamps: Its lamps.
        one_way: Whether everybody goes to the right; arrows on the floor say so.
        walkers_per_m: Walkers in view for each metre of its width.
        group_chance: Part of the walkers who come with somebody.
    """

    wall: Color
    dado: Color
    stones: bool
    floor: tuple[Color, Color]
    grout: Color
    tile_m: float
    panels: tuple[Panel, ...]
    period_m: float
    lamps: Lamps
    one_way: bool
    walkers_per_m: float
    group_chance: float


_WOOD: Color = (96, 72, 52)
_DARK: Color = (66, 62, 60)
_ALUMINIUM: Color = (128, 134, 140)
_GLASS: Color = (176, 206, 222)

SETTINGS: dict[SettingName, Setting] = {
    "wall": Setting(
        wall=(186, 152, 122),
        dado=(170, 138, 110),
        stones=True,
        floor=((198, 184, 160), (184, 169, 144)),
        grout=(146, 132, 112),
        tile_m=0.6,
        panels=(
            Panel(0.4, 1.05, 0.0, 2.15, (124, 84, 54), _WOOD, frame_m=0.10),
            Panel(2.05, 0.22, 2.05, 2.40, (255, 232, 180), _DARK, frame_m=0.03, glow=1.0),
            Panel(2.75, 0.75, 1.05, 2.10, (198, 186, 140), _DARK, frame_m=0.05),
            Panel(3.75, 0.60, 1.25, 2.05, (92, 128, 136), _DARK, frame_m=0.05),
            Panel(4.85, 0.22, 2.05, 2.40, (255, 232, 180), _DARK, frame_m=0.03, glow=1.0),
        ),
        period_m=5.6,
        lamps=Lamps(2.8, 2.3, WALL_DEPTH_M - 0.55, power=0.75, ambient=0.78),
        one_way=False,
        walkers_per_m=0.45,
        group_chance=0.25,
    ),
    "corridor": Setting(
        wall=(206, 208, 202),
        dado=(150, 172, 176),
        stones=False,
        floor=((148, 156, 164), (142, 150, 158)),
        grout=(120, 128, 136),
        tile_m=0.9,
        panels=(
            Panel(0.7, 1.0, 0.0, 2.1, (128, 150, 160), _ALUMINIUM),
            Panel(3.1, 0.5, 1.3, 1.9, (222, 222, 214), _ALUMINIUM, frame_m=0.04),
        ),
        period_m=4.6,
        lamps=Lamps(2.3, CEILING_M, 5.0, power=1.5, ambient=0.62, panel_m=(1.2, 0.5)),
        one_way=True,
        walkers_per_m=0.45,
        group_chance=0.15,
    ),
    "crowd": Setting(
        wall=(188, 184, 176),
        dado=(168, 160, 150),
        stones=False,
        floor=((196, 190, 180), (122, 112, 108)),
        grout=(110, 102, 98),
        tile_m=0.7,
        panels=(
            Panel(0.3, 2.3, 0.45, 2.5, _GLASS, _ALUMINIUM, panes=3, glow=0.8),
            Panel(2.9, 0.45, 0.0, CEILING_M, (150, 142, 132), (138, 130, 120), frame_m=0.05),
        ),
        period_m=3.7,
        lamps=Lamps(1.85, CEILING_M, 5.4, power=1.4, ambient=0.66, panel_m=(0.9, 0.9)),
        one_way=False,
        walkers_per_m=1.25,
        group_chance=0.35,
    ),
}
