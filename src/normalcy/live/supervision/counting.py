"""What the engine could not keep, counted over all its processes, and told of."""

import math
import time
from dataclasses import fields

from normalcy.live.engine.orders import Counters
from normalcy.live.engine.recorder import Recorder
from normalcy.live.status import EngineCounters
from normalcy.live.supervision.notes import Notes

_REFUSED_SECONDS = 5.0
"""A store that is locked for a moment is nothing to tell of."""
_RECENT_SECONDS = 600.0
"""What failed by itself, and may go well by now, is told of for so long."""


class Counting:
    """Adds up what the inference process says, also of those that died, and what the supervisor writes itself.

    Args:
        recorder: Of the supervisor.
        notes: Where to tell of it.
    """

    def __init__(self, recorder: Recorder, notes: Notes) -> None:
        self._recorder, self._notes = recorder, notes
        self._before, self._now = EngineCounters(), Counters()
        self._grown: dict[str, tuple[int, float]] = {}

    @property
    def total(self) -> EngineCounters:
        """Since the engine was started."""
        counted = _sum(self._before, self._now)
        return _sum(counted, self._recorder)

    def take(self, counters: Counters) -> None:
        """The inference process counted so far."""
        self._now = counters

    def renew(self) -> None:
        """The inference process begins anew, at nothing."""
        self._before, self._now = _sum(self._before, self._now), Counters()

    def tell(self, now: float) -> None:
        """Notes what a person should look at; monotonic clock."""
        total = self.total
        has_failed = self._grew("media", total.media_failures, now)
        self._notes.put(
            "media", "Pictures or clips cannot be written: the log says why" if has_failed else ""
        )
        has_failed = self._grew("lessons", total.lesson_failures, now)
        self._notes.put(
            "lessons", "Some false alarms could not be taught: the log says why" if has_failed else ""
        )
        self._notes.put("store", _refusal(self._now.refused_since, self._recorder.refused_since))
        lost = f"{total.lost} changes were never stored: the log says why" if total.lost else ""
        self._notes.put("lost", lost)

    def _grew(self, topic: str, count: int, now: float) -> bool:
        """Whether it was counted up not long ago."""
        known, at = self._grown.get(topic, (0, -math.inf))
        if count > known:
            at = now
        self._grown[topic] = count, at
        return now - at < _RECENT_SECONDS


def _refusal(*refused_since: float | None) -> str:
    since = min((each for each in refused_since if each is not None), default=None)
    if since is None or time.time() - since < _REFUSED_SECONDS:
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(since))
    return f"It has refused since {clock}: events wait to be stored, and alerts to be sent. The log says why"


def _sum(one: EngineCounters, other: EngineCounters | Counters | Recorder) -> EngineCounters:
    """Of what both count; a recorder knows nothing of pictures."""
    names = [each.name for each in fields(EngineCounters)]
    return EngineCounters(**{name: getattr(one, name) + getattr(other, name, 0) for name in names})
