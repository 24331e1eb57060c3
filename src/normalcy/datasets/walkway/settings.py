"""The three settings: how each looks, and how people walk there."""

from dataclasses import dataclass
from typing import Literal

from normalcy.datasets.walkway.shapes import Color

SettingName = Literal["wall", "corridor", "crowd"]


@dataclass(frozen=True)
class Panel:
    """A rectangle on the wall that comes back every few metres: a door, a window, a poster.

    Attributes:
        x_m: Left edge within the period.
        width_m: Width.
        low_m: Lower edge above the floor.
        high_m: Upper edge.
        color: Of its face.
        frame: Of its border.
        glow: Above 0 for a window: how much brighter its top is.
    """

    x_m: float
    width_m: float
    low_m: float
    high_m: float
    color: Color
    frame: Color
    glow: float = 0.0


@dataclass(frozen=True)
class Setting:
    """A place.

    Attributes:
        name: In manifests and on the command line.
        wall: Colour of the wall.
        dado: Colour of the wall's lower metre.
        stones: Whether the wall is laid of stones; plain paint otherwise.
        floor: Colours of the floor's tiles, laid like a chessboard.
        tile_m: Side of a tile.
        panels: What hangs on the wall or opens in it.
        period_m: Width after which the panels come back.
        arrows: Whether arrows on the floor show the way.
        walkers_per_second_m: How many walkers enter a second for each metre of view at the reference depth.
        group_chance: Part of the walkers who come with somebody.
        one_way: Whether everybody goes to the right.
    """

    name: SettingName
    wall: Color
    dado: Color
    stones: bool
    floor: tuple[Color, Color]
    tile_m: float
    panels: tuple[Panel, ...]
    period_m: float
    arrows: bool
    walkers_per_second_m: float
    group_chance: float
    one_way: bool


_DOOR_FRAME: Color = (92.0, 74.0, 58.0)
_ALUMINIUM: Color = (122.0, 128.0, 134.0)

SETTINGS: dict[SettingName, Setting] = {
    "wall": Setting(
        name="wall",
        wall=(176, 148, 120),
        dado=(158, 128, 102),
        stones=True,
        floor=(Color := (188, 180, 166), (172, 163, 148)),  # type: ignore
        tile_m=0.6,
        panels=(
            Panel(0.5, 1.0, 0.0, 2.1, (112, 78, 52), _DOOR_FRAME),
            Panel(2.5, 0.8, 1.1, 2.2, (206, 196, 150), (70, 60, 50)),
            Panel(3.7, 0.7, 1.2, 2.1, (96, 132, 138), (70, 60, 50)),
        ),
        period_m=5.6,
        arrows=False,
        walkers_per_second_m=0.11,
        group_chance=0.2,
        one_way=False,
    ),
}
