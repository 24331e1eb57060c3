"""Tells every open page what changes, by server-sent events.

However many pages are open, the engine and the store are asked once a second, and by nobody when none is.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi.concurrency import run_in_threadpool

from normalcy.live.config.secrets import safe_text
from normalcy.live.status import Engine
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.store import Store
from normalcy.live.web.schemas import CameraOut, NoteOut
from normalcy.live.web.shown import shown_cameras, shown_notes

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 1.0
RECENT_EVENTS = 50
MOST_SECONDS = 600.0
"""A stream ends then: its page opens it again, and is asked again who it is."""
WELCOME_SECONDS = 3.0
"""So often it is asked whether somebody who listens still may."""
_WAITING_MESSAGES = 16
_NOTHING_NEW = ": \n\n"
"""A comment, which browsers pass over; it keeps a stream going on which there is nothing to say."""


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

    def put(self, message: str | None) -> int:
        """Adds a message; returns how many had to give way."""
        gave_way = int(self.waiting.full())
        if gave_way:
            self.waiting.get_nowait()
        self.waiting.put_nowait(message)
        return gave_way


class Hub:
    """Everybody who listens.

    Args:
        engine: Asked for cameras.
        store: Asked for events.
        most_listeners: More are refused.
        clock: Monotonic, in seconds.

    Attributes:
        dropped: Messages that gave way because a page read too slowly.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        *,
        most_listeners: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._store = engine, store
        self._most_listeners = most_listeners
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, EventRecord] | None = None
        self._is_closed = False
        self.dropped = 0

    def listen(self, is_welcome: Callable[[], Awaitable[bool]]) -> AsyncGenerator[str]:
        """Messages as they go over the wire, until the hub is closed; the first comes at once.

        Args:
            is_welcome: Whether who listens still may: asked again and again, and the end where not.

        Raises:
            HubFull: As many listen as may.
        """
        if not self._has_room:
            raise HubFull
        return self._messages(is_welcome)

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

    async def _messages(self, is_welcome: Callable[[], Awaitable[bool]]) -> AsyncGenerator[str]:
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
            asked, end = self._clock(), self._clock() + MOST_SECONDS
            while (message := await listener.waiting.get()) is not None and self._clock() < end:
                if self._clock() - asked >= WELCOME_SECONDS:
                    if not await is_welcome():
                        return
                    asked = self._clock()
                yield message
        finally:
            self._listeners.discard(listener)

    async def _poll(self) -> None:
        while self._listeners:
            try:
                for name, content in await run_in_threadpool(self._look):
                    self._tell(f"event: {name}\ndata: {json.dumps(content)}\n\n")
            except Exception as error:
                # Whatever it is: pages that follow must not stand still for ever because of it.
                logger.warning("the dashboard's stream: %s", safe_text(f"{type(error).__name__}: {error}"))
                self._tell(_NOTHING_NEW)
            await asyncio.sleep(PERIOD_SECONDS)

    def _look(self) -> list[tuple[str, Any]]:
        """What there is to say: names and contents of messages."""
        cameras = [CameraOut.of(status).model_dump(mode="json") for status in shown_cameras(self._engine)]
        notes = [NoteOut.of(note).model_dump(mode="json") for note in shown_notes(self._engine)]
        health = {"ready": self._engine.is_ready, "notes": notes}
        changes = [("event", asdict(each)) for each in self._changes()]
        return [("cameras", cameras), ("health", health), *changes]

    def _changes(self) -> list[EventChange]:
        with self._store.reading() as session:
            recent = find_events(session, EventFilter(), limit=RECENT_EVENTS)
            open_ones = find_events(session, EventFilter(state="open"), limit=RECENT_EVENTS)
        before, self._seen = self._seen, {event.id: event for event in (*recent, *open_ones)}
        return [] if before is None else event_changes(before, list(self._seen.values()))

    def _tell(self, message: str) -> None:
        self.dropped += sum(listener.put(message) for listener in self._listeners)


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
