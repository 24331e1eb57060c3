"""The server in its thread, and the stream that open pages follow."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx2
import pytest
from live_web import Site, event

from normalcy.errors import OutputError
from normalcy.live.cameras.state import CameraState
from normalcy.live.store.events import insert_event, update_event
from normalcy.live.store.verdicts import give_verdict
from normalcy.live.web import hub as hub_module
from normalcy.live.web.hub import Hub, HubFull, event_changes
from normalcy.live.web.server import WebServer

pytest_plugins = ["live_web"]

PATIENCE_SECONDS = 30.0


@contextmanager
def stream(url: str) -> Iterator[Iterator[tuple[str, object]]]:
    """Messages of the stream: name and content."""
    with (
        httpx2.Client(timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", f"{url}/api/v1/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _messages(answer.iter_lines())


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, object]]:
    name = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def next_of(messages: Iterator[tuple[str, object]], wanted: str) -> object:
    return next(content for name, content in messages if name == wanted)


def test_the_stream_tells_states_and_events_as_they_change(site, monkeypatch):
    monkeypatch.setattr(hub_module, "PERIOD_SECONDS", 0.05)
    engine = site.engine(web={"port": 0})
    with site.store.transaction() as session:
        insert_event(session, event(1))
    with WebServer(engine, site.store, site.media) as server, stream(server.url) as messages:
        cameras = next_of(messages, "cameras")
        assert [camera["state"] for camera in cameras] == ["online"] * 3
        engine.changes["yard"] = {"state": CameraState.OFFLINE}
        while next_of(messages, "cameras")[1]["state"] != "offline":
            pass
        going_on = event(9, state="open", started_at=time.time(), severity="notice")
        with site.store.transaction() as session:
            insert_event(session, going_on)
        told = next_of(messages, "event")
        assert told == {"id": going_on.id, "camera": "front-door", "change": "opened", "severity": "notice"}
        with site.store.transaction() as session:
            update_event(session, replace(going_on, severity="alert"))
        assert next_of(messages, "event")["change"] == "escalated"
        with site.store.transaction() as session:
            update_event(session, replace(going_on, severity="alert", state="closed"))
        assert next_of(messages, "event")["change"] == "closed"
        with site.store.transaction() as session:
            give_verdict(session, event(1).id, "confirmed", by="anna", at=time.time())
        assert next_of(messages, "event") == {
            **told,
            "id": event(1).id,
            "change": "judged",
            "severity": "alert",
        }


def test_stopping_ends_streams_at_once(site):
    server = WebServer(site.engine(web={"port": 0}), site.store, site.media)
    server.start()
    with stream(server.url) as messages:
        next_of(messages, "cameras")
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert [name for name, _ in messages if name not in ("cameras", "event")] == []
        stopper.join(PATIENCE_SECONDS)
        assert not stopper.is_alive()


def test_a_server_can_be_stopped_twice_and_leaves_its_port(site):
    server = WebServer(site.engine(web={"port": 0}), site.store, site.media)
    server.start()
    url = server.url
    assert httpx2.get(f"{url}/healthz").json() == {"status": "alive"}
    server.stop()
    server.stop()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/healthz")
    again = WebServer(site.engine(web={"port": int(url.rpartition(":")[2])}), site.store, site.media)
    with again:
        assert again.url == url


def test_a_port_that_is_taken_is_one_clear_line(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"127.0.0.1:{port}: cannot listen"):
            WebServer(site.engine(web={"port": port}), site.store, site.media).start()


@pytest.mark.anyio
async def test_only_so_many_may_listen_and_those_who_leave_make_room(site: Site):
    hub = Hub(site.engine(), site.store, most_listeners=2)
    listeners = [hub.listen() for _ in range(4)]
    first, second = listeners[:2]
    assert [(await anext(each)).startswith("retry:") for each in (first, second)] == [True, True]
    with pytest.raises(HubFull):
        hub.listen()
    assert await anext(listeners[2], "refused") == "refused"
    await first.aclose()
    assert (await anext(listeners[3])).startswith("retry:")
    hub.close()
    assert [message async for message in second] == []
    with pytest.raises(HubFull):
        hub.listen()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_events_that_come_up_because_others_were_deleted_are_not_new():
    seen = {each.id: each for each in (event(5), event(6))}
    assert event_changes(seen, [event(6), event(5), event(4)]) == []
    assert [each.change for each in event_changes(seen, [event(7), event(6)])] == ["opened"]
    assert event_changes(seen, []) == []
