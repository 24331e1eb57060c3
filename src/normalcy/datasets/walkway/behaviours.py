"""What actors do: ordinary walkers, and the seven kinds of abnormal behaviour.

Each builder is given a cue - where, when and which way - and returns the actors it takes, the abnormal one with the
span in which it counts as abnormal. An abnormal frame is one in that span with the actor in the picture.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from normalcy.datasets.walkway.actors import Actor, ActorKind, AnomalyKind, Body, Fall
from normalcy.datasets.walkway.camera import WALKING_MPS, Camera
from normalcy.datasets.walkway.looks import chance_look, chance_paint
from normalcy.datasets.walkway.paths import Path, Point, begin, run, stand, walk
from normalcy.datasets.walkway.person import Look, Pedestrian
from normalcy.datasets.walkway.pose import RUN_CYCLE, WALK_CYCLE
from normalcy.datasets.walkway.vehicles import (
    BICYCLE_WHEEL_M,
    CART_WHEEL_M,
    Cart,
    Cyclist,
    Suitcase,
    Traveller,
)

PACE_SPREAD = 0.15
LUGGAGE_CHANCE = 0.08
# The runner's stride: pixels a frame at the reference depth, in a picture 64 px high at 10 frames a second.
RUNNER_STRIDES_PX = (5, 6, 7, 8, 7, 6, 5)
RUNNER_FRAME_SECONDS = 0.1
METRES_PER_REFERENCE_PX = WALKING_MPS * RUNNER_FRAME_SECONDS / 2
CYCLIST_MPS, CART_MPS = 3.6, 2.4
FALL_SECONDS, RISE_SECONDS = 0.8, 1.8
LOITER_AFTER_SECONDS = 4.0
LEFT_BEHIND_M = 1.5
PUT_DOWN_SECONDS = 1.2
# Beyond the edge of the picture, so that nothing appears or vanishes in view.
WINGS_M = 1.4


@dataclass(frozen=True)
class Cue:
    """Where, when and which way something happens.

    Attributes:
        camera: What is in view.
        rng: Chance for looks and paces.
        on_seconds: When it starts to be abnormal, or when it comes from the wings.
        off_seconds: When it should be over.
        depth_m: Distance from the camera.
        direction: 1 to the right, -1 to the left.
        track_id: Of the first actor.
    """

    camera: Camera
    rng: np.random.Generator
    on_seconds: float
    off_seconds: float
    depth_m: float
    direction: int
    track_id: int

    @property
    def wings_m(self) -> float:
        """X of the edge where actors leave, without sign."""
        return self.camera.half_width_m(self.depth_m) + WINGS_M

    @property
    def entry(self) -> tuple[float, float]:
        """Where actors come from."""
        return -self.direction * self.wings_m, self.depth_m

    @property
    def exit(self) -> tuple[float, float]:
        """Where actors leave."""
        return self.direction * self.wings_m, self.depth_m

    def pace_mps(self) -> float:
        """An ordinary walker's speed."""
        return WALKING_MPS * float(self.rng.uniform(1 - PACE_SPREAD, 1 + PACE_SPREAD))

    def middle_m(self) -> float:
        """An X well within the picture."""
        return float(self.rng.uniform(-0.45, 0.45)) * self.camera.half_width_m(self.depth_m)


def walker(cue: Cue, *, pace_mps: float, drift_m: float = 0.0) -> Actor:
    """Somebody who crosses the picture at an even pace, `drift_m` further away at the far end."""
    leave = (cue.exit[0], cue.exit[1] + drift_m)
    path = walk(begin(cue.entry, seconds=cue.on_seconds, toward=leave), leave, speed_mps=pace_mps)
    look = chance_look(cue.rng)
    if cue.rng.random() < LUGGAGE_CHANCE:
        return _on_foot(cue, Traveller(look, chance_paint(cue.rng)), look, path)
    return _on_foot(cue, Pedestrian(look), look, path)


def runner(cue: Cue) -> list[Actor]:
    """Runs across and back until the time is over."""
    strides_m = [stride_px * METRES_PER_REFERENCE_PX for stride_px in RUNNER_STRIDES_PX]
    # On the grid of its strides, so that at 10 frames a second each frame shows one stride.
    start = round(cue.on_seconds / RUNNER_FRAME_SECONDS) * RUNNER_FRAME_SECONDS
    path, side = begin(cue.entry, seconds=start, toward=cue.exit), cue.direction
    while path.end_seconds < cue.off_seconds:
        path = run(path, side * cue.wings_m, strides_m=strides_m, stride_seconds=RUNNER_FRAME_SECONDS)
        side = -side
    look = chance_look(cue.rng, active=True)
    return [
        Actor(
            cue.track_id,
            "runner",
            Pedestrian(look),
            path,
            cycle_m=RUN_CYCLE * look.height_m,
            running=True,
            abnormal_seconds=(path.start_seconds, math.inf),
        )
    ]


def cyclist(cue: Cue) -> list[Actor]:
    """Rides across and back until the time is over."""
    body = Cyclist(chance_look(cue.rng, active=True), chance_paint(cue.rng))
    path = _to_and_fro(cue, speed_mps=CYCLIST_MPS * float(cue.rng.uniform(0.9, 1.1)))
    return [_on_wheels(cue, "cyclist", body, path, BICYCLE_WHEEL_M)]


def cart(cue: Cue) -> list[Actor]:
    """Drives across and back until the time is over."""
    body = Cart(chance_look(cue.rng, active=True), chance_paint(cue.rng))
    path = _to_and_fro(cue, speed_mps=CART_MPS * float(cue.rng.uniform(0.9, 1.1)))
    return [_on_wheels(cue, "cart", body, path, CART_WHEEL_M)]


def against_flow(cue: Cue) -> list[Actor]:
    """Ordinary walkers, one after another, who go to the left where everybody goes to the right."""
    actors: list[Actor] = []
    start = cue.on_seconds
    while start < cue.off_seconds:
        turned = Cue(cue.camera, cue.rng, start, math.inf, cue.depth_m, -1, cue.track_id + len(actors))
        somebody = walker(turned, pace_mps=cue.pace_mps())
        span = (somebody.path.start_seconds, math.inf)
        actors.append(replace(somebody, kind="against_flow", abnormal_seconds=span))
        start = somebody.path.end_seconds
    return actors


def fall(cue: Cue) -> list[Actor]:
    """Walks, falls, lies, gets up and walks on; abnormal from the start of the fall until upright again."""
    look, pace_mps = chance_look(cue.rng), cue.pace_mps()
    spot = (cue.middle_m(), cue.depth_m)
    stands = max(cue.off_seconds, cue.on_seconds + FALL_SECONDS + RISE_SECONDS)
    when = Fall(cue.on_seconds, cue.on_seconds + FALL_SECONDS, stands - RISE_SECONDS, stands)
    path = _arrive(cue, spot, pace_mps=pace_mps, at_seconds=when.starts)
    path = walk(stand(path, seconds=when.stands - when.starts), cue.exit, speed_mps=pace_mps)
    span = (when.starts, when.stands)
    return [
        replace(_on_foot(cue, Pedestrian(look), look, path), kind="fall", fall=when, abnormal_seconds=span)
    ]


def loiterer(cue: Cue) -> list[Actor]:
    """Stops and paces about; abnormal once that has lasted for a while, until it walks away."""
    look, pace_mps = chance_look(cue.rng), cue.pace_mps()
    home = cue.middle_m()
    arrived = cue.on_seconds - LOITER_AFTER_SECONDS
    path = _arrive(cue, (home, cue.depth_m), pace_mps=pace_mps, at_seconds=arrived)
    while path.end_seconds < cue.off_seconds:
        path = stand(path, seconds=float(cue.rng.uniform(0.8, 2.0)))
        beside = (home + float(cue.rng.uniform(-0.6, 0.6)), cue.depth_m)
        path = walk(path, beside, speed_mps=0.4 * pace_mps)
    span = (cue.on_seconds, path.end_seconds)
    path = walk(path, cue.exit, speed_mps=pace_mps)
    return [replace(_on_foot(cue, Pedestrian(look), look, path), kind="loiterer", abnormal_seconds=span)]


def abandoned_object(cue: Cue) -> list[Actor]:
    """Somebody puts a suitcase down and walks away; the case is abnormal once its carrier is some way off."""
    look, paint, pace_mps = chance_look(cue.rng), chance_paint(cue.rng), cue.pace_mps()
    spot = (cue.middle_m(), cue.depth_m)
    leaves = cue.on_seconds - LEFT_BEHIND_M / pace_mps
    stops = leaves - PUT_DOWN_SECONDS
    path = _arrive(cue, spot, pace_mps=pace_mps, at_seconds=stops)
    path = walk(stand(path, seconds=PUT_DOWN_SECONDS), cue.exit, speed_mps=pace_mps)
    put_down = stops + PUT_DOWN_SECONDS / 2
    carrier = replace(
        _on_foot(cue, Traveller(replace(look, carries="nothing"), paint), look, path),
        luggage_until_seconds=put_down,
        bows=(stops, leaves),
    )
    # The right hand is the near one when the carrier faces right.
    place = (spot[0] + 0.2 * cue.direction, spot[1] - 0.2 * cue.direction)
    rest = stand(
        begin(place, seconds=put_down, toward=(place[0] + cue.direction, place[1])), seconds=math.inf
    )
    case = Actor(
        cue.track_id + 1,
        "abandoned_object",
        Suitcase(paint),
        rest,
        abnormal_seconds=(cue.on_seconds, math.inf),
    )
    return [carrier, case]


BEHAVIOURS: dict[AnomalyKind, Callable[[Cue], list[Actor]]] = {
    "runner": runner,
    "cyclist": cyclist,
    "cart": cart,
    "against_flow": against_flow,
    "fall": fall,
    "loiterer": loiterer,
    "abandoned_object": abandoned_object,
}


def _arrive(cue: Cue, spot: Point, *, pace_mps: float, at_seconds: float) -> Path:
    """A walk from the wings that reaches `spot` at a given time."""
    start = at_seconds - abs(spot[0] - cue.entry[0]) / pace_mps
    return walk(begin(cue.entry, seconds=start, toward=spot), spot, speed_mps=pace_mps)


def _to_and_fro(cue: Cue, *, speed_mps: float) -> Path:
    path, ends = begin(cue.entry, seconds=cue.on_seconds, toward=cue.exit), (cue.exit, cue.entry)
    while path.end_seconds < cue.off_seconds:
        path = walk(path, ends[0], speed_mps=speed_mps)
        ends = ends[::-1]
    return path


def _on_foot(cue: Cue, body: Body, look: Look, path: Path) -> Actor:
    phase = float(cue.rng.uniform(0, math.tau))
    return Actor(cue.track_id, "walker", body, path, cycle_m=WALK_CYCLE * look.height_m, start_phase=phase)


def _on_wheels(cue: Cue, kind: ActorKind, body: Body, path: Path, wheel_m: float) -> Actor:
    span = (path.start_seconds, math.inf)
    return Actor(cue.track_id, kind, body, path, cycle_m=math.tau * wheel_m, abnormal_seconds=span)
