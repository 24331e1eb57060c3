"""The server in its thread, and the stream that open pages follow."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from live_web import Site, event, write_user

from normalcy.errors import OutputError
from normalcy.live.cameras.state import CameraState
from normalcy.live.status import Note
from normalcy.live.store.events import insert_event, update_event
from normalcy.live.store.users import end_session, find_user, set_role, start_session
from normalcy.live.store.verdicts import give_verdict
from normalcy.live.web import hub as hub_module
from normalcy.live.web.guard import identity as identity_module
from normalcy.live.web.hub import Hub, HubFull, event_changes
from normalcy.live.web.server import WebServer

pytest_plugins = ["live_web"]

PATIENCE_SECONDS = 30.0


@contextmanager
def stream(url: str, **options: Any) -> Iterator[Iterator[tuple[str, object]]]:
    """Messages of the stream: name and content."""
    with (
        httpx2.Client(timeout=PATIENCE_SECONDS, **options) as client,
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
        assert [name for name, _ in messages if name not in ("cameras", "health", "event")] == []
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


async def always() -> bool:
    return True


@pytest.mark.anyio
async def test_only_so_many_may_listen_and_those_who_leave_make_room(site: Site):
    hub = Hub(site.engine(), site.store, most_listeners=2)
    listeners = [hub.listen(always) for _ in range(4)]
    first, second = listeners[:2]
    assert [(await anext(each)).startswith("retry:") for each in (first, second)] == [True, True]
    with pytest.raises(HubFull):
        hub.listen(always)
    assert await anext(listeners[2], "refused") == "refused"
    await first.aclose()
    assert (await anext(listeners[3])).startswith("retry:")
    hub.close()
    assert [message async for message in second] == []
    with pytest.raises(HubFull):
        hub.listen(always)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_events_that_come_up_because_others_were_deleted_are_not_new():
    seen = {each.id: each for each in (event(5), event(6))}
    assert event_changes(seen, [event(6), event(5), event(4)]) == []
    assert [each.change for each in event_changes(seen, [event(7), event(6)])] == ["opened"]
    assert event_changes(seen, []) == []


def test_a_wall_that_is_left_open_is_told_what_a_person_should_look_at(site, monkeypatch):
    monkeypatch.setattr(hub_module, "PERIOD_SECONDS", 0.05)
    engine = site.engine(web={"port": 0})
    with WebServer(engine, site.store, site.media) as server, stream(server.url) as messages:
        assert next_of(messages, "health") == {"ready": True, "notes": []}
        engine.noted.append(Note("store", "refused by postgresql://a:hunter2@db/x", 5.0))
        engine.is_ready = False
        while (health := next_of(messages, "health"))["ready"]:
            pass
        assert health["notes"] == [{"topic": "store", "text": "refused by postgresql://***@db/x", "at": 5.0}]


def test_an_error_nobody_expected_ends_no_stream(site, monkeypatch, caplog):
    monkeypatch.setattr(hub_module, "PERIOD_SECONDS", 0.05)
    engine = site.engine(web={"port": 0})
    with WebServer(engine, site.store, site.media) as server, stream(server.url) as messages:
        next_of(messages, "cameras")
        monkeypatch.setattr(engine, "cameras", lambda: 1 / 0)
        until(lambda: "ZeroDivisionError" in caplog.text)
        monkeypatch.undo()
        assert len(next_of(messages, "cameras")) == 3


@pytest.mark.parametrize("ends", ["logout", "role", "nothing"])
def test_a_stream_ends_soon_after_its_login_or_role(site, monkeypatch, ends):
    monkeypatch.setattr(hub_module, "PERIOD_SECONDS", 0.02)
    monkeypatch.setattr(hub_module, "WELCOME_SECONDS", 0.02)
    monkeypatch.setattr(identity_module, "REMEMBERED_SECONDS", 0.0)
    write_user(site.store, "bert")
    with site.store.transaction() as session:
        token, _ = start_session(session, find_user(session, "bert"), now=time.time())
    server = WebServer(site.engine(web={"port": 0, "login": True}), site.store, site.media)
    with server, stream(server.url, cookies={"normalcy": token}) as messages:
        next_of(messages, "cameras")
        with site.store.transaction() as session:
            if ends == "logout":
                end_session(session, token)
            elif ends == "role":
                set_role(session, "bert", "admin")
        # Many times as many looks as it takes.
        seen = sum(1 for _ in zip(messages, range(200), strict=False))
    assert (seen == 200) is (ends == "nothing")


@pytest.mark.anyio
async def test_messages_that_a_slow_page_does_not_take_give_way_and_are_counted(site, monkeypatch):
    monkeypatch.setattr(hub_module, "PERIOD_SECONDS", 0.001)
    hub = Hub(site.engine(), site.store)
    slow = hub.listen(always)
    await anext(slow)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not hub.dropped:
            await asyncio.sleep(0.01)
    await slow.aclose()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
