"""Tells every open page what changes, by server-sent events.

However many pages are open, the engine and the store are asked once a second, and by nobody when none is.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi.concurrency import run_in_threadpool

from normalcy.errors import NormalcyError
from normalcy.live.status import Engine
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.store import Store
from normalcy.live.web.schemas import CameraOut
from normalcy.live.web.shown import shown_cameras
from normalcy.live.web.sources import safe_text

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 1.0
RECENT_EVENTS = 50
MOST_SECONDS = 600.0
"""A stream ends then: its page opens it again, and is asked again who it is."""
_WAITING_MESSAGES = 16


class HubFull(Exception):
    """As many pages listen as may."""


@dataclass(frozen=True)
class EventChange:
    """An event was opened, closed, became an alert, or was judged."""

    id: str
    camera: str
    change: str
    severity: str


@dataclass(eq=False)
class _Listener:
    """A page; when it falls behind, its oldest messages give way."""

    waiting: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_WAITING_MESSAGES))

    def put(self, message: str | None) -> None:
        if self.waiting.full():
            self.waiting.get_nowait()
        self.waiting.put_nowait(message)


class Hub:
    """Everybody who listens.

    Args:
        engine: Asked for cameras.
        store: Asked for events.
        most_listeners: More are refused.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        *,
        most_listeners: int = 64,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._store = engine, store
        self._most_listeners = most_listeners
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, EventRecord] | None = None
        self._is_closed = False

    def listen(self) -> AsyncGenerator[str]:
        """Messages as they go over the wire, until the hub is closed; the first comes at once.

        Raises:
            HubFull: As many listen as may.
        """
        if not self._has_room:
            raise HubFull
        return self._messages()

    def close(self) -> None:
        """Ends all streams; to be called in the loop that they run in."""
        self._is_closed = True
        for listener in self._listeners:
            listener.put(None)
        if self._task:
            self._task.cancel()

    @property
    def _has_room(self) -> bool:
        return len(self._listeners) < self._most_listeners and not self._is_closed

    async def _messages(self) -> AsyncGenerator[str]:
        # Counted once it is read, not before: a page that is gone by then would keep its place for ever.
        if not self._has_room:
            return
        listener = _Listener()
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._seen = None
            self._task = asyncio.create_task(self._poll())
        try:
            # The interval after which a browser connects again, and something to say that it is connected.
            yield "retry: 2000\n\n"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MOST_SECONDS):
                    while (message := await listener.waiting.get()) is not None:
                        yield message
        finally:
            self._listeners.discard(listener)

    async def _poll(self) -> None:
        while self._listeners:
            try:
                cameras, changes = await run_in_threadpool(self._look)
            except NormalcyError as error:
                logger.warning("the dashboard's stream: %s", safe_text(str(error)))
            else:
                self._tell("cameras", [camera.model_dump(mode="json") for camera in cameras])
                for each in changes:
                    self._tell("event", asdict(each))
            await asyncio.sleep(PERIOD_SECONDS)

    def _look(self) -> tuple[list[CameraOut], list[EventChange]]:
        cameras = [CameraOut.of(status) for status in shown_cameras(self._engine)]
        with self._store.reading() as session:
            recent = find_events(session, EventFilter(), limit=RECENT_EVENTS)
            open_ones = find_events(session, EventFilter(state="open"), limit=RECENT_EVENTS)
        before, self._seen = self._seen, {event.id: event for event in (*recent, *open_ones)}
        return cameras, [] if before is None else event_changes(before, list(self._seen.values()))

    def _tell(self, name: str, content: Any) -> None:
        message = f"event: {name}\ndata: {json.dumps(content)}\n\n"
        for listener in self._listeners:
            listener.put(message)


def event_changes(before: dict[str, EventRecord], now: Sequence[EventRecord]) -> list[EventChange]:
    """What happened to events between two looks."""
    found = []
    for event in now:
        old = before.get(event.id)
        # One that is old and was not seen before came up because others were deleted.
        is_new = old is None and all(event.started_at >= each.started_at for each in before.values())
        if is_new or (event.state == "open" and old is None):
            found.append(_change(event, "opened"))
        elif old and (old.state, event.state) == ("open", "closed"):
            found.append(_change(event, "closed"))
        elif old and (old.severity, old.verdict) != (event.severity, event.verdict):
            found.append(_change(event, "escalated" if old.severity != event.severity else "judged"))
    return found


def _change(event: EventRecord, change: str) -> EventChange:
    return EventChange(id=event.id, camera=event.camera, change=change, severity=event.severity)
