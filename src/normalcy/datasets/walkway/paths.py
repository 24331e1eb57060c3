"""Where somebody is at any time: paths as knots in time, built leg by leg.

A path is a pure function of time. Yaw is the direction of travel in the floor plane: 0 to the right, pi/2 away from
the camera, pi to the left.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

TURN_SECONDS = 0.6
SPEED_WINDOW_SECONDS = 0.12

Point = tuple[float, float]


class Knot(NamedTuple):
    """A place on a path.

    Attributes:
        seconds: When.
        x_m: Across.
        z_m: Depth.
        yaw: Direction faced, radians.
        travelled_m: Length of the path so far.
    """

    seconds: float
    x_m: float
    z_m: float
    yaw: float
    travelled_m: float


@dataclass(frozen=True)
class Path:
    """Knots in time order, with even motion between neighbours."""

    knots: tuple[Knot, ...]

    @property
    def start_seconds(self) -> float:
        """When it begins."""
        return self.knots[0].seconds

    @property
    def end_seconds(self) -> float:
        """When it ends."""
        return self.knots[-1].seconds

    def at(self, seconds: float) -> Knot:
        """Place at a time; before the start and after the end, the first and the last knot."""
        after = bisect_right(self.knots, seconds, key=_seconds)
        if after == 0:
            return self.knots[0]
        if after == len(self.knots):
            return self.knots[-1]
        a, b = self.knots[after - 1], self.knots[after]
        part = (seconds - a.seconds) / (b.seconds - a.seconds)
        return Knot(seconds, *(p + part * (q - p) for p, q in zip(a[1:], b[1:], strict=True)))

    def speed_mps(self, seconds: float) -> float:
        """Speed at a time, averaged over a short window so that starts and stops are soft."""
        before, after = self.at(seconds - SPEED_WINDOW_SECONDS), self.at(seconds + SPEED_WINDOW_SECONDS)
        return (after.travelled_m - before.travelled_m) / (2 * SPEED_WINDOW_SECONDS)


def begin(place: Point, *, seconds: float, toward: Point) -> Path:
    """A path of one knot at `place` (x, z), facing the point `toward`."""
    return Path((Knot(seconds, *place, _heading(place, toward), 0.0),))


def walk(path: Path, to: Point, *, speed_mps: float) -> Path:
    """Adds a straight leg at an even speed, after a turn on the spot where the direction changes."""
    path = turn(path, _heading(path.knots[-1][1:3], to))
    last = path.knots[-1]
    length_m = math.dist(last[1:3], to)
    arrival = Knot(last.seconds + length_m / speed_mps, *to, last.yaw, last.travelled_m + length_m)
    return Path((*path.knots, arrival))


def run(path: Path, to_x_m: float, *, strides_m: Sequence[float], stride_seconds: float) -> Path:
    """Adds a leg along X whose length per stride follows `strides_m` over and over, until past `to_x_m`."""
    start = path.knots[-1]
    path = turn(path, 0.0 if to_x_m > start.x_m else math.pi)
    knots = list(path.knots)
    sign = 1.0 if to_x_m > start.x_m else -1.0
    stride = 0
    while sign * (to_x_m - knots[-1].x_m) > 0:
        last, length_m = knots[-1], strides_m[stride % len(strides_m)]
        knots.append(
            Knot(
                last.seconds + stride_seconds,
                last.x_m + sign * length_m,
                last.z_m,
                last.yaw,
                last.travelled_m + length_m,
            )
        )
        stride += 1
    return Path(tuple(knots))


def stand(path: Path, *, seconds: float) -> Path:
    """Adds a pause."""
    last = path.knots[-1]
    return Path((*path.knots, last._replace(seconds=last.seconds + seconds)))


def turn(path: Path, yaw: float) -> Path:
    """Adds a turn on the spot; none where the direction is the same already."""
    last = path.knots[-1]
    difference = math.remainder(yaw - last.yaw, math.tau)
    if abs(difference) < 1e-6:
        return path
    seconds = last.seconds + TURN_SECONDS * abs(difference) / math.pi
    return Path((*path.knots, last._replace(seconds=seconds, yaw=last.yaw + difference)))


def _seconds(knot: Knot) -> float:
    return knot.seconds


def _heading(start: Point, end: Point) -> float:
    return math.atan2(end[1] - start[1], end[0] - start[0])
