"""Solids that figures are put together from.

A solid is the convex hull of some spheres: one makes a head, two a limb, four a torso, eight small ones a box.
Points are (forward, side, up) in metres from the spot an actor stands on; side counts away from the camera
when the actor faces right.
"""

from typing import NamedTuple

Color = tuple[float, float, float]
Spot = tuple[float, float, float]


class Solid(NamedTuple):
    """The hull of spheres, or a wheel's rim.

    Attributes:
        points: Centres (forward, side, up) in metres.
        radii_m: Of each sphere.
        color: RGB, 0 to 255.
        lift: Metres that the solid counts as nearer to the camera when solids are sorted by depth.
        rim_m: Above 0, the solid is a ring of this thickness around its one point.
    """

    points: tuple[Spot, ...]
    radii_m: tuple[float, ...]
    color: Color
    lift: float = 0.0
    rim_m: float = 0.0


def limb(a: Spot, b: Spot, radius_a_m: float, radius_b_m: float, color: Color, *, lift: float = 0.0) -> Solid:
    """A tapered limb between two points."""
    return Solid((a, b), (radius_a_m, radius_b_m), color, lift)


def ball(center: Spot, radius_m: float, color: Color, *, lift: float = 0.0) -> Solid:
    """A sphere."""
    return Solid((center,), (radius_m,), color, lift)


def ring(center: Spot, radius_m: float, rim_m: float, color: Color, *, lift: float = 0.0) -> Solid:
    """The rim of a wheel that stands in the forward-up plane."""
    return Solid((center,), (radius_m,), color, lift, rim_m)


def box(low: Spot, high: Spot, color: Color, *, radius_m: float = 0.02, lift: float = 0.0) -> Solid:
    """A box between two opposite corners, with rounded edges."""
    corners = tuple(
        (f, s, u) for f in (low[0], high[0]) for s in (low[1], high[1]) for u in (low[2], high[2])
    )
    return Solid(corners, (radius_m,) * 8, color, lift)


def shade(color: Color, factor: float) -> Color:
    """A colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255.0, value * factor) for value in color)
    return red, green, blue
