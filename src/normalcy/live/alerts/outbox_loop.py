"""The alerts process.

It sleeps until the doorbell rings: something was committed to the outbox, a receiver has answered, or the supervisor
has something to say. Without any of these it looks at the outbox once a second.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from normalcy.live.alerts.control import ControlMessage
from normalcy.live.alerts.sender import Sender
from normalcy.live.bells import Bell, ring, wait
from normalcy.live.config.live import LiveConfig
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.processes import Heart, Stop
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_FAREWELL_SECONDS = 3.0
"""For what is still due when it is told to stop."""


@dataclass(frozen=True)
class AlertsJob:
    """What the alerts process is started with.

    Attributes:
        config: In force.
        store_url: SQLAlchemy's, with its secrets in place.
        media: Folder of events' pictures.
        node: This one of several that share the outbox; none where there is no other.
    """

    config: LiveConfig
    store_url: str = field(repr=False)
    media: Path
    node: NodeIdentity | None = None


def run_alerts(
    job: AlertsJob, doorbell: Bell, stop: Stop, control: "Connection[None, ControlMessage]"
) -> None:
    """Sends what the outbox holds until it is told to stop, or whoever holds the other end of `control` is gone.

    Args:
        job: What to do.
        doorbell: Released by others after each commit to the outbox; an unbounded semaphore.
        stop: Looked at whenever the doorbell rings, and once a second.
        control: Takes `ControlMessage`s.
    """
    store = Store(job.store_url)
    ring_it = partial(ring, doorbell)
    sender = Sender(store, job.config, media=job.media, ring=ring_it, node=job.node)
    listener = _Listener(control, ring=ring_it)
    heart = Heart(control)
    while not (stop.is_set() or listener.is_over):
        heart.beat()
        for message in listener.messages():
            _take(message, sender)
        wait(doorbell, sender.turn())
    _say_farewell(sender, doorbell)
    store.close()


class _Listener:
    """Reads the control connection in a thread, which ends with the connection."""

    def __init__(self, control: "Connection[None, ControlMessage]", *, ring: Callable[[], None]) -> None:
        self._control, self._ring = control, ring
        self._messages: SimpleQueue[ControlMessage] = SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="alerts control", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def messages(self) -> list[ControlMessage]:
        found = []
        while not self._messages.empty():
            found.append(self._messages.get())
        return found

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._messages.put(self._control.recv())
                self._ring()
        self._ring()


def _take(message: ControlMessage, sender: Sender) -> None:
    if "config" in message:
        sender.configure(message["config"])
    if "cameras" in message:
        sender.board.post(message["cameras"])


def _say_farewell(sender: Sender, doorbell: Bell) -> None:
    """Sends what became due just before, such as that events are closed, as far as that is quick."""
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while True:
        wait_seconds = sender.turn()
        if sender.is_idle or time.monotonic() >= deadline:
            break
        wait(doorbell, min(wait_seconds, max(0.0, deadline - time.monotonic())))
    sender.close(wait_seconds=max(0.5, deadline - time.monotonic()))
