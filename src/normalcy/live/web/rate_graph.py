"""Events over the rate of false alarms, as a drawing; the template makes SVG of it."""

import math
from dataclasses import dataclass

from normalcy.live.status import CalibrationView

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640.0, 220.0, 44.0, 30.0, 14.0, 44.0
_TICK_WORDS = {-2: "1 in 100 days", -1: "1 in 10 days", 0: "1 a day", 1: "10 a day", 2: "100 a day"}


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


class RateGraph:
    """What a preview looks like.

    Args:
        view: Of a camera.
        chosen: The rate to mark.
    """

    def __init__(self, view: CalibrationView, chosen: float) -> None:
        self._points = sorted(
            (math.log10(rate), threshold, events) for rate, threshold, events in view.preview
        )
        self.mark = math.log10(chosen)
        places = [self.mark, *(point[0] for point in self._points)]
        self._low, self._high = min(places), max(max(places), min(places) + 0.1)
        self._most = max((events for _, _, events in self._points), default=0) or 1

    @property
    def path(self) -> str:
        """The line, as SVG writes it; empty without a preview."""
        corners = [f"{self.x(place):.1f},{self.y(events):.1f}" for place, _, events in self._points]
        return "M" + "L".join(corners) if corners else ""

    @property
    def dots(self) -> list[tuple[float, float]]:
        """Where the line has its points."""
        return [(self.x(place), self.y(events)) for place, _, events in self._points]

    @property
    def ticks(self) -> list[Tick]:
        """Below: rates that are easily said."""
        return [
            Tick(self.x(place), text)
            for place, text in _TICK_WORDS.items()
            if self._low <= place <= self._high
        ]

    @property
    def levels(self) -> list[Tick]:
        """At the left: none, and the most events."""
        return [Tick(self.y(0), "0"), Tick(self.y(self._most), str(self._most))]

    @property
    def events(self) -> float | None:
        """At the chosen rate, between the points beside it; None without a preview."""
        return self._between(2)

    @property
    def threshold(self) -> float | None:
        """Likewise."""
        return self._between(1)

    def x(self, place: float) -> float:
        """Of the logarithm of a rate."""
        return LEFT + (place - self._low) / (self._high - self._low) * (WIDTH - LEFT - RIGHT)

    def y(self, events: float) -> float:
        """Of a number of events."""
        return HEIGHT - BOTTOM - events / self._most * (HEIGHT - BOTTOM - TOP)

    def _between(self, column: int) -> float | None:
        if not self._points:
            return None
        left = max((each for each in self._points if each[0] <= self.mark), default=self._points[0])
        right = min((each for each in self._points if each[0] >= self.mark), default=self._points[-1])
        share = (self.mark - left[0]) / (right[0] - left[0]) if right[0] > left[0] else 0.0
        return left[column] + share * (right[column] - left[column])
