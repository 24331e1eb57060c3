"""The engine tells the supervisor that it lives, and what it counted."""

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
            _send(self._control, self._counters())


@contextmanager
def beating_while_opening(control: Connection) -> Iterator[None]:
    """Beats from a thread, for as long as detectors open: that is one long call."""
    is_open = threading.Event()

    def beat() -> None:
        while not is_open.wait(BEAT_SECONDS):
            _send(control, Counters(opening=True))

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_open.set()
        thread.join()


def _send(control: Connection, counters: Counters) -> None:
    """Leaves it out where the supervisor reads nothing: that must not hold up scoring."""
    with suppress(OSError):
        if select.select([], [control], [], 0)[1]:
            control.send(counters)
