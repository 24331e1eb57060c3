"""Somebody on a bicycle, somebody in a small electric cart, somebody with a suitcase, and the suitcase alone.

Lengths in metres; spots are (forward, side, up) from the point under the middle of the thing.
"""

import math
from dataclasses import dataclass

from normalcy.datasets.walkway.person import Look, dressed
from normalcy.datasets.walkway.pose import Joint, Moment, gait_pose, seated
from normalcy.datasets.walkway.shapes import Color, Solid, Spot, ball, box, limb, ring, shade

BLACK: Color = (38.0, 38.0, 42.0)
STEEL: Color = (165.0, 168.0, 174.0)
LAMP: Color = (250.0, 244.0, 220.0)
BICYCLE_WHEEL_M, CART_WHEEL_M = 0.34, 0.22
WHEEL_TURNS_PER_PEDAL_TURN = 2.4
CASE_HEIGHT_M = 0.38


@dataclass(frozen=True)
class Cyclist:
    """Somebody on a bicycle; the moment's phase is the wheels'."""

    look: Look
    paint: Color

    def solids(self, moment: Moment) -> list[Solid]:
        """Bicycle and rider at a moment."""
        cranks = -moment.phase / WHEEL_TURNS_PER_PEDAL_TURN
        pedals = [_around((0.0, 0.29), 0.16, cranks + half) for half in (0.0, math.pi)]
        rider = seated(
            self.look.height_m,
            hip=(-0.22, 0.98),
            lean=math.radians(34),
            feet=((pedals[0][0] - 0.06, pedals[0][1] + 0.09), (pedals[1][0] - 0.06, pedals[1][1] + 0.09)),
            grip=(0.43, 1.03),
            head_lean=0.3,
        )
        return [*self._bicycle(moment.phase, pedals), *dressed(self.look, rider)]

    def _bicycle(self, phase: float, pedals: list[Joint]) -> list[Solid]:
        rear, front, crank = (-0.53, BICYCLE_WHEEL_M), (0.56, BICYCLE_WHEEL_M), (0.0, 0.29)
        seat, stem, bar = (-0.21, 0.88), (0.40, 0.82), (0.37, 1.00)
        tubes = ((rear, crank), (crank, seat), (seat, rear), (crank, stem), (seat, stem), (front, stem))
        return [
            *_wheel(rear, BICYCLE_WHEEL_M, phase),
            *_wheel(front, BICYCLE_WHEEL_M, phase),
            *(_rod(a, b, 0.026, self.paint) for a, b in tubes),
            _rod(stem, bar, 0.02, STEEL),
            _rod(bar, (0.47, 1.02), 0.024, BLACK),
            _rod((-0.34, 0.91), (-0.10, 0.90), 0.036, BLACK),
            ball((0.0, -0.04, 0.29), 0.07, STEEL),
            *(
                _rod(crank, pedal, 0.018, STEEL, side=side)
                for pedal, side in zip(pedals, (0.08, -0.08), strict=True)
            ),
        ]


@dataclass(frozen=True)
class Cart:
    """An electric cart with a roof and a driver; the moment's phase is the wheels'."""

    look: Look
    paint: Color

    def solids(self, moment: Moment) -> list[Solid]:
        """Cart and driver at a moment."""
        driver = seated(
            self.look.height_m,
            hip=(-0.22, 0.74),
            lean=math.radians(-4),
            feet=((0.36, 0.44), (0.40, 0.44)),
            grip=(0.30, 1.02),
        )
        return [*self._body(), *self._roof(), *dressed(self.look, driver), *self._wheels(moment.phase)]

    def _body(self) -> list[Solid]:
        sides = (-0.42, 0.42)
        nose = tuple(
            (f, s, u) for s in sides for f, u in ((0.56, 0.34), (0.98, 0.34), (0.98, 0.60), (0.64, 0.84))
        )
        return [
            box((-1.0, -0.42, 0.26), (0.98, 0.42, 0.38), shade(self.paint, 0.6), lift=0.05),
            box((-1.0, -0.42, 0.36), (-0.48, 0.42, 0.74), self.paint, lift=0.32),
            Solid(nose, (0.03,) * len(nose), self.paint, 0.6),
            box((-0.46, -0.40, 0.38), (0.06, 0.40, 0.60), shade(self.paint, 0.8), lift=0.31),
            box((-0.44, -0.38, 0.58), (0.06, 0.38, 0.66), BLACK, lift=0.0),
            box((-0.50, -0.38, 0.66), (-0.44, 0.38, 1.12), BLACK, lift=-0.02),
            limb((0.60, 0.0, 0.80), (0.32, 0.0, 1.00), 0.022, 0.022, BLACK),
            *(ball((0.99, side, 0.52), 0.05, LAMP, lift=0.5) for side in (-0.30, 0.30)),
        ]

    def _roof(self) -> list[Solid]:
        feet, heads = (-0.72, 0.60), (-0.62, 0.46)
        posts = [
            limb((foot, side, 0.70), (head, side, 1.90), 0.022, 0.022, STEEL)
            for foot, head in zip(feet, heads, strict=True)
            for side in (0.40, -0.40)
        ]
        return [*posts, box((-0.78, -0.44, 1.90), (0.62, 0.44, 1.95), self.paint, lift=0.7)]

    def _wheels(self, phase: float) -> list[Solid]:
        return [
            part
            for hub in ((-0.70, CART_WHEEL_M), (0.72, CART_WHEEL_M))
            for side in (-0.44, 0.44)
            for part in _wheel(hub, CART_WHEEL_M, phase, side=side, tyre_m=0.09, lift=0.3)
        ]


@dataclass(frozen=True)
class Traveller:
    """Somebody on foot with a suitcase in the right hand."""

    look: Look
    paint: Color

    def solids(self, moment: Moment) -> list[Solid]:
        """The body at a moment, with the suitcase as long as it is at hand."""
        pose = gait_pose(self.look.height_m, moment)
        body = dressed(self.look, pose)
        if not moment.with_luggage:
            return body
        forward, side, up = pose.hands[1]
        return [*body, *_case(self.paint, (forward, side, max(0.0, up - CASE_HEIGHT_M - 0.10)))]


@dataclass(frozen=True)
class Suitcase:
    """A suitcase that stands on the floor."""

    paint: Color

    def solids(self, _moment: Moment) -> list[Solid]:
        """The case."""
        return _case(self.paint, (0.0, 0.0, 0.0))


def _case(paint: Color, at: Spot) -> list[Solid]:
    f, s, u = at
    top = u + CASE_HEIGHT_M
    return [
        box((f - 0.25, s - 0.09, u + 0.03), (f + 0.25, s + 0.09, top), paint, radius_m=0.03, lift=0.15),
        *(
            box((x - 0.02, s - 0.10, u + 0.03), (x + 0.02, s - 0.10, top), shade(paint, 0.6), lift=0.30)
            for x in (f - 0.14, f + 0.14)
        ),
        limb((f - 0.08, s, top + 0.07), (f + 0.08, s, top + 0.07), 0.022, 0.022, BLACK, lift=0.14),
        limb((f - 0.08, s, top + 0.07), (f - 0.09, s, top), 0.018, 0.018, BLACK, lift=0.13),
        limb((f + 0.08, s, top + 0.07), (f + 0.09, s, top), 0.018, 0.018, BLACK, lift=0.13),
    ]


def _wheel(
    hub: Joint, radius_m: float, phase: float, *, side: float = 0.0, tyre_m: float = 0.05, lift: float = -0.1
) -> list[Solid]:
    rim = radius_m - tyre_m / 2
    ends = [_around(hub, rim, -phase + math.tau * part / 5) for part in range(5)]
    return [
        *(_rod(hub, end, 0.009, STEEL, side=side, lift=lift) for end in ends),
        ring((hub[0], side, hub[1]), rim, tyre_m, BLACK, lift=lift + 0.01),
        ball((hub[0], side, hub[1]), 0.05, STEEL, lift=lift + 0.02),
    ]


def _rod(a: Joint, b: Joint, radius_m: float, color: Color, *, side: float = 0.0, lift: float = 0.0) -> Solid:
    return limb((a[0], side, a[1]), (b[0], side, b[1]), radius_m, radius_m, color, lift=lift)


def _around(center: Joint, radius_m: float, angle: float) -> Joint:
    return center[0] + radius_m * math.cos(angle), center[1] + radius_m * math.sin(angle)
