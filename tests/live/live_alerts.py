"""An outbox with the alerts loop on it, in a thread or in a process of its own. PYTEST_DONT_REWRITE

A test module takes the fixtures with `pytest_plugins = ["live_alerts"]`.
"""

import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from live_receivers import WebhookReceiver, wait_until, webhook_receiver

from normalcy.live.alerts.control import ControlMessage
from normalcy.live.alerts.messages import EventKind, event_messages
from normalcy.live.alerts.outbox_loop import AlertsJob, run_alerts
from normalcy.live.config.live import LiveConfig
from normalcy.live.store.events import insert_event
from normalcy.live.store.models import Base, MessageRow
from normalcy.live.store.outbox import enqueue
from normalcy.live.store.records import EventRecord
from normalcy.live.store.store import Store, sqlite_url

SPAWN = multiprocessing.get_context("spawn")
CAMERAS = ("door", "yard")


def live_config(**alerts: Any) -> LiveConfig:
    """A configuration with two cameras and these receivers."""
    return LiveConfig.model_validate(
        {
            "bundles": {"one": {"path": "bundle"}},
            "cameras": {
                "door": {"source": "test-pattern", "title": "Front door"},
                "yard": {"source": "test-pattern"},
            },
            "timezone": "UTC",
            "alerts": {"retry_first_seconds": 0.05, "retry_most_seconds": 0.2, **alerts},
        }
    )


def an_event(**changed: Any) -> EventRecord:
    """An event that just opened."""
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "camera": "door",
        "severity": "alert",
        "state": "open",
        "started_at": 1_700_000_000.0,
        "alarmed_at": 1_700_000_001.0,
        "ended_at": 1_700_000_005.0,
        "peak_at": 1_700_000_003.0,
        "peak_score": 4.5,
        "threshold": 2.0,
        "rate_per_day": 0.02,
        "sentence": "it moves in a way that was not seen before",
        "box": (0.1, 0.2, 0.3, 0.4),
        "bundle": "one",
    }
    return EventRecord(**values | changed)


class Outbox:
    """A store in a folder, and what tests do to it.

    Args:
        folder: Empty.
        now: What the clock says when messages are put into it.
        url: Of the database; one in the folder without.
    """

    def __init__(self, folder: Path, *, now: Callable[[], float], url: str | None = None) -> None:
        self.folder, self.url, self._now = folder, url or sqlite_url(folder), now
        self.store = Store(self.url)
        Base.metadata.create_all(self.store.engine)

    def tell(
        self, event: EventRecord, kind: EventKind, config: LiveConfig, *, store: bool = False
    ) -> list[str]:
        """Puts what is to be told of an event into the outbox; keys."""
        messages = event_messages(event, kind, config=config)
        with self.store.transaction() as session:
            if store:
                insert_event(session, event)
            for message in messages:
                enqueue(session, message, at=self._now())
        return [message.key for message in messages]

    def burst(self, count: int, config: LiveConfig, **changed: Any) -> list[str]:
        """So many events that open; keys in order."""
        return [key for _ in range(count) for key in self.tell(an_event(**changed), "event.opened", config)]

    def states(self) -> dict[str, str]:
        """State by key."""
        return {row.key: row.state for row in self.rows()}

    def rows(self) -> list[MessageRow]:
        with self.store.reading() as session:
            return list(session.query(MessageRow).order_by(MessageRow.id))

    def wait_for(self, keys: list[str], *, state: str = "sent", seconds: float = 60.0) -> None:
        """Until all of these are in a state."""
        wait_until(lambda: {self.states()[key] for key in keys} == {state}, seconds=seconds)


class Loop:
    """The alerts loop on an outbox.

    Args:
        outbox: What it sends.
        config: With which receivers.
        in_process: In a process of its own, which can be killed; in a thread otherwise.
    """

    def __init__(self, outbox: Outbox, config: LiveConfig, *, in_process: bool = False) -> None:
        self.doorbell = SPAWN.Semaphore(0)
        self.stop: Any = SPAWN.Event() if in_process else threading.Event()
        self.control, theirs = SPAWN.Pipe()
        job = AlertsJob(config=config, store_url=outbox.url, media=outbox.folder / "media")
        start: Callable[..., Any] = SPAWN.Process if in_process else threading.Thread
        self.worker = start(target=run_alerts, args=(job, self.doorbell, self.stop, theirs), daemon=True)
        self.worker.start()
        self._theirs = theirs
        if in_process:
            theirs.close()

    def ring(self) -> None:
        self.doorbell.release()

    def say(self, message: ControlMessage) -> None:
        self.control.send(message)

    def cameras(self, states: Mapping[str, tuple[str, bool]]) -> None:
        """Says how cameras are: (state, alarmed) by name."""
        self.say(
            {
                "cameras": {
                    name: {"state": state, "alarmed": alarmed, "title": name.title()}
                    for name, (state, alarmed) in states.items()
                }
            }
        )

    def kill(self) -> None:
        self.worker.kill()
        self.worker.join(20)

    def close(self) -> None:
        self.stop.set()
        self.ring()
        self.worker.join(30)
        assert not self.worker.is_alive()
        self.control.close()
        self._theirs.close()

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Clock:
    """A wall clock that the test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    """A webhook that takes everything."""
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> Callable[[], float]:
    """The wall clock; tests that set it have one of their own."""
    return time.time


@pytest.fixture
def outbox(tmp_path: Path, clock: Callable[[], float]) -> Iterator[Outbox]:
    """One of its own for each test."""
    made = Outbox(tmp_path, now=clock)
    yield made
    made.store.close()
