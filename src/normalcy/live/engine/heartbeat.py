"""The engine tells the supervisor that it lives, and what it counted."""

import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from normalcy.live.engine.orders import Counters

BEAT_SECONDS = 1.0


class Heartbeat:
    """Beats of the scoring loop: none comes where it hangs.

    Args:
        control: To the supervisor.
        counters: What was counted by now.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        control: Connection,
        *,
        counters: Callable[[], Counters],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control, self._counters, self._clock = control, counters, clock
        self._due = clock()

    def beat(self) -> None:
        """Sends a message if it is time to."""
        if self._clock() >= self._due:
            self._due = self._clock() + BEAT_SECONDS
            self.say()

    def tell(self, messages: Sequence[object]) -> None:
        """Sends what the supervisor waits for."""
        with suppress(OSError):
            for each in messages:
                self._control.send(each)

    def say(self) -> None:
        """Sends what was counted; nothing where the supervisor does not read: that must not hold up scoring."""
        with suppress(OSError):
            if select.select([], [self._control], [], 0)[1]:
                self._control.send(self._counters())
