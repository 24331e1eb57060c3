"""Two nodes as real processes: one is killed, and the other goes on."""

import signal
import time
from collections import Counter
from itertools import pairwise

import pytest
from live_captures import until
from live_fleet_processes import NodeProcess
from live_receivers import webhook_receiver
from live_world import WorldCamera

from normalcy.live.store.events import find_events, open_events
from normalcy.live.store.records import EventFilter
from normalcy.live.store.store import Store

pytest_plugins = ["live_databases"]

CAMERAS = ("gate", "yard")


def said(run, cameras, hook, url):
    return {
        "bundles": {"tiny": {"path": str(run.path / "bundle"), "backend": "torch", "threads": 1}},
        "defaults": {"preview_height_px": 90, "scene_change": False},
        "cameras": {name: {"source": camera.url} for name, camera in cameras.items()},
        "events": {"pre_roll_seconds": 0.5, "post_roll_seconds": 0.5, "cool_down_seconds": 0.5},
        "alerts": {"webhooks": {"guard": {"url": hook.url}}, "per_camera_per_hour": 10_000},
        "store": {"url": url, "retention": {"free_gigabytes": 0}},
        "fleet": {"lease_seconds": 4, "heartbeat_seconds": 1},
    }


@pytest.fixture
def site(tiny_flow_run, postgresql_url, tmp_path):
    store = Store(postgresql_url, migrate=True)
    with WorldCamera() as gate, WorldCamera(seed=8, delay_seconds=3.0) as yard, webhook_receiver() as hook:
        shared = said(tiny_flow_run, {"gate": gate, "yard": yard}, hook, postgresql_url)
        nodes = [NodeProcess(tmp_path / name, name, shared) for name in ("one", "two")]
        for node in nodes:
            node.start()
        yield store, nodes, hook
        for node in nodes:
            node.kill()
    store.close()


def test_the_other_goes_on_where_one_stands_still_or_is_killed(site):
    store, (one, two), hook = site
    until(lambda: one.scored() | two.scored() == set(CAMERAS), seconds=60)
    until(lambda: len(one.scored()) == len(two.scored()) == 1, seconds=60)
    (paused,) = one.scored()
    until(lambda: any(event.camera == paused for event in all_open(store)), seconds=30)
    one.signal(signal.SIGSTOP)
    until(lambda: two.scored() == set(CAMERAS), seconds=30)
    assert [each["state"] for each in two.ask("nodes")] == ["silent", "alive"]
    one.signal(signal.SIGCONT)
    until(lambda: one.scored(), seconds=60)  # one of the two comes back, once it is seen to last
    until(lambda: any(event.camera in two.scored() for event in all_open(store)), seconds=30)
    two.kill()
    killed = time.monotonic()
    until(lambda: one.scored() == set(CAMERAS), seconds=30)
    assert time.monotonic() - killed < 30.0
    assert one.stop() == 0
    require_once(store, hook)


def all_open(store):
    with store.reading() as session:
        return open_events(session)


def require_once(store, hook):
    """No event overlaps another of its camera, and each was told as one."""
    with store.reading() as session:
        events = find_events(session, EventFilter(), limit=500)
    assert {event.camera for event in events} == set(CAMERAS)
    assert {event.node for event in events} == {"one", "two"}
    assert [event.state for event in events] == ["closed"] * len(events)
    for name in CAMERAS:
        mine = sorted((each for each in events if each.camera == name), key=lambda each: each.started_at)
        assert all(before.ended_at < after.started_at for before, after in pairwise(mine))
    opened = Counter(each.payload["id"] for each in hook.accepted if each.payload["type"] == "event.opened")
    assert opened.keys() == {event.id for event in events}
    keys = Counter(hook.keys)
    assert (
        sum(count > 1 for count in keys.values()) <= 1
    )  # at most that which was under way when one was killed
