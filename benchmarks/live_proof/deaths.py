"""How often a process may be killed: one that dies too often is given up by the supervisor, which is no fault."""

import time
from collections import defaultdict, deque

from normalcy.live.supervision.restarts import Restarts


class Deaths:
    """Keeps count of the processes that were killed, by what they are."""

    def __init__(self) -> None:
        self._most, self._window_seconds = Restarts().most, Restarts().window_seconds
        self._deaths: defaultdict[str, deque[float]] = defaultdict(deque)

    def note(self, role: str) -> None:
        """It was killed."""
        self._deaths[role].append(time.monotonic())

    def forget(self) -> None:
        """A new supervisor counts anew."""
        self._deaths.clear()

    def wait_seconds(self, role: str) -> float:
        """How long it has to be left alone."""
        deaths = self._deaths[role]
        if len(deaths) < self._most:
            return 0.0
        return max(0.0, deaths[-self._most] + self._window_seconds - time.monotonic())
