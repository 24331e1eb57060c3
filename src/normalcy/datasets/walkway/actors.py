"""Actors: somebody or something that is on the scene for a while, each a pure function of time."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from normalcy.datasets.walkway.camera import WALKING_MPS
from normalcy.datasets.walkway.drawing import Stance
from normalcy.datasets.walkway.paths import Path
from normalcy.datasets.walkway.pose import Moment
from normalcy.datasets.walkway.shapes import Solid

AnomalyKind = Literal["runner", "cyclist", "cart", "against_flow", "fall", "loiterer", "abandoned_object"]
ANOMALY_KINDS: tuple[AnomalyKind, ...] = get_args(AnomalyKind)
ActorKind = AnomalyKind | Literal["walker"]
Span = tuple[float, float]


class Body(Protocol):
    """What can be drawn at a moment."""

    def solids(self, moment: Moment, /) -> list[Solid]:
        """Its solids, in metres from the spot it stands on."""
        ...


@dataclass(frozen=True)
class Fall:
    """When somebody goes down and comes up again, in seconds."""

    starts: float
    lies: float
    rises: float
    stands: float

    def recline(self, seconds: float) -> float:
        """0 upright, 1 lying; quick at the end of the fall, slow in getting up."""
        down = math.pow(_part(self.starts, self.lies, seconds), 1.7)
        up = _part(self.rises, self.stands, seconds)
        return down * (1 - up * up * (3 - 2 * up))

    def buckle(self, seconds: float) -> float:
        """How far the knees give way: on the way down, and more on the way up."""
        down = math.sin(math.pi * _part(self.starts, self.lies, seconds) ** 0.8)
        up = math.sin(math.pi * _part(self.rises, self.stands, seconds))
        return max(0.0, 0.6 * down, 0.9 * up)


@dataclass(frozen=True)
class Actor:
    """Somebody or something on the scene while its path lasts.

    Attributes:
        track_id: From 1, unique within a video.
        kind: A walker, or the anomaly it takes part in.
        body: What is drawn.
        path: Where it is.
        cycle_m: Way for one turn of the gait or of the wheels.
        start_phase: Of the gait at the start of the path, radians.
        running: Whether the gait is a run.
        fall: When it falls, if it does.
        luggage_until_seconds: Until when the suitcase is at hand.
        bows: When it bends down to put something on the floor, if it does.
        abnormal_seconds: From when until when it is abnormal, if ever.
    """

    track_id: int
    kind: ActorKind
    body: Body
    path: Path
    cycle_m: float = 1.0
    start_phase: float = 0.0
    running: bool = False
    fall: Fall | None = None
    luggage_until_seconds: float = math.inf
    bows: Span | None = None
    abnormal_seconds: Span | None = None

    def present(self, seconds: float) -> bool:
        """Whether it is on the scene, in view or not."""
        return self.path.start_seconds <= seconds <= self.path.end_seconds

    def abnormal(self, seconds: float) -> bool:
        """Whether it is abnormal just then."""
        return (
            self.abnormal_seconds is not None
            and self.abnormal_seconds[0] <= seconds < self.abnormal_seconds[1]
        )

    def stance(self, seconds: float) -> Stance:
        """Where it stands."""
        knot = self.path.at(seconds)
        return Stance(knot.x_m, knot.z_m, knot.yaw)

    def moment(self, seconds: float) -> Moment:
        """What it does."""
        knot = self.path.at(seconds)
        bow = 0.45 * math.sin(math.pi * _part(*self.bows, seconds)) if self.bows else 0.0
        return Moment(
            phase=self.start_phase + math.tau * knot.travelled_m / self.cycle_m,
            swing=min(1.0, self.path.speed_mps(seconds) / (0.6 * WALKING_MPS)),
            run=float(self.running),
            recline=self.fall.recline(seconds) if self.fall else 0.0,
            buckle=max(bow, self.fall.buckle(seconds) if self.fall else 0.0),
            idle_seconds=seconds,
            with_luggage=seconds < self.luggage_until_seconds,
        )


def _part(start: float, end: float, seconds: float) -> float:
    """Part of a span that has passed, from 0 to 1."""
    return min(1.0, max(0.0, (seconds - start) / (end - start)))
