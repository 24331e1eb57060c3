"""What is told of cameras that go and come back: once each, whatever happens to units and processes meanwhile."""

import itertools
import threading
import time
from types import SimpleNamespace

import pytest
from live_captures import until

from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.recorder import Recorder
from normalcy.live.store.cameras import state_history
from normalcy.live.store.models import MessageRow
from normalcy.live.store.outbox import open_outages
from normalcy.live.supervision import camera_news
from normalcy.live.supervision.camera_news import CameraNewsroom
from normalcy.live.supervision.camera_unit import Seen
from normalcy.live.supervision.fleet import Fleet

pytest_plugins = ["live_databases"]

ONLINE, OFFLINE, CONNECTING = CameraState.ONLINE, CameraState.OFFLINE, CameraState.CONNECTING


def config_of(*cameras: str) -> LiveConfig:
    return LiveConfig.model_validate(
        {
            "bundles": {"one": {"path": "bundle"}},
            "cameras": {name: {"source": "test-pattern"} for name in cameras},
            "alerts": {"webhooks": {"guard": {"url": "http://127.0.0.1:9/x"}}},
            "events": {"offline_alert_seconds": 0},
        }
    )


class Engine:
    """A newsroom with a store; another one begins where the main process is started again."""

    def __init__(self, store) -> None:
        self.store, self.config, self.told = store, config_of("yard", "gate"), []
        self.recorder = Recorder(store, bell=threading.Semaphore(0))
        self.recorder.start()
        with store.reading() as session:
            outages = open_outages(session)
        self.newsroom = CameraNewsroom(self.recorder, tell=self.told.append, outages=outages)

    def look(self, **states: CameraState) -> None:
        self.newsroom.look(
            [Seen(name, name.title(), state, "no answer") for name, state in states.items()], self.config
        )

    def stop(self) -> None:
        assert self.recorder.stop(20.0)

    def messages(self) -> list[str]:
        until(lambda: self.recorder._jobs.empty())
        with self.store.reading() as session:
            rows = session.query(MessageRow).order_by(MessageRow.id)
            return [f"{row.camera} {row.kind.removeprefix('camera.')}" for row in rows]


@pytest.fixture
def begin(sqlite_store, monkeypatch):
    """Begins an engine; between any two looks at the clock are ten seconds, so that no two outages share a name."""
    seconds = itertools.count(1e9, 10.0)
    clocks = SimpleNamespace(time=lambda: next(seconds), monotonic=time.monotonic)
    monkeypatch.setattr(camera_news, "time", clocks)
    begun = []

    def start() -> Engine:
        begun.append(Engine(sqlite_store))
        return begun[-1]

    yield start
    for each in begun:
        each.stop()


def test_a_camera_that_goes_and_comes_back_is_told_of_once_each(begin):
    engine = begin()
    for state in (ONLINE, OFFLINE, CONNECTING, OFFLINE, ONLINE, ONLINE):
        engine.look(yard=state, gate=ONLINE)
    engine.stop()
    assert engine.messages() == ["yard offline", "yard online"]


def test_a_camera_that_is_edited_during_its_outage_is_told_to_be_back(begin):
    engine = begin()
    engine.look(yard=OFFLINE, gate=ONLINE)
    engine.look(gate=ONLINE)
    engine.look(yard=CONNECTING, gate=ONLINE)
    engine.look(yard=ONLINE, gate=ONLINE)
    engine.stop()
    assert engine.messages() == ["yard offline", "yard online"]


def test_an_outage_goes_on_where_the_engine_is_started_again(begin):
    before = begin()
    before.look(yard=OFFLINE, gate=ONLINE)
    before.stop()
    for state in (CONNECTING, OFFLINE):
        after = begin()
        after.look(yard=state, gate=ONLINE)
        after.stop()
    assert after.messages() == ["yard offline"]
    last = begin()
    last.look(yard=CONNECTING)
    last.look(yard=ONLINE)
    last.stop()
    assert last.messages() == ["yard offline", "yard online"]
    with last.store.reading() as session:
        incidents = {row.incident for row in session.query(MessageRow)}
    assert len(incidents) == 1, incidents


def test_a_camera_without_room_is_told_of_like_any_other_that_is_away(begin):
    engine, fleet = begin(), Fleet(doorbell=threading.Semaphore(0), as_json=False)
    fleet.refused = {"yard": "there is no shared memory left", "removed": "likewise"}
    (yard,) = fleet.seen(engine.config)
    assert (yard.name, yard.title, yard.reason) == ("yard", "yard", "there is no shared memory left")
    engine.newsroom.look([yard], engine.config)
    fleet.refused.clear()
    engine.newsroom.look(fleet.seen(engine.config), engine.config)
    engine.look(yard=ONLINE)
    engine.stop()
    assert engine.messages() == ["yard offline", "yard online"]
    assert engine.told[0] == {"yard": {"state": "failed", "alarmed": False, "title": "yard"}}
    with engine.store.reading() as session:
        assert [row.state for row in state_history(session, "yard", 0)] == [CameraState.FAILED, ONLINE]


def test_a_camera_that_left_the_configuration_is_forgotten(begin):
    engine = begin()
    engine.look(yard=OFFLINE, gate=ONLINE)
    engine.config = config_of("gate")
    engine.look(gate=ONLINE)
    engine.config = config_of("yard", "gate")
    engine.look(yard=ONLINE, gate=ONLINE)
    engine.stop()
    assert engine.messages() == ["yard offline"]
