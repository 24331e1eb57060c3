"""How often a process that dies is started again, and when it is given up."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Restarts:
    """Waits longer with each death, and gives up after too many in a short time.

    Attributes:
        most: Deaths within the window that are still forgiven.
        window_seconds: Older deaths are forgotten.
        first_wait_seconds, longest_wait_seconds: Before it is started again; doubled with each death in the window.
        total: Deaths of all time.
    """

    most: int = 5
    window_seconds: float = 120.0
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 10.0
    total: int = 0
    _deaths: deque[float] = field(default_factory=deque)

    def died(self, now: float) -> float | None:
        """Takes note of a death, on the monotonic clock; seconds to wait, or None where it is given up."""
        self.total += 1
        self._deaths.append(now)
        while self._deaths and now - self._deaths[0] > self.window_seconds:
            self._deaths.popleft()
        if len(self._deaths) > self.most:
            return None
        return float(min(self.first_wait_seconds * 2 ** (len(self._deaths) - 1), self.longest_wait_seconds))

    def forgive(self) -> None:
        """Forgets what was, because somebody mended something."""
        self._deaths.clear()
