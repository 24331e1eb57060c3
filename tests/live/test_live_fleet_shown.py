"""What people and brokers see of several nodes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_alerts import live_config
from live_receivers import MOSQUITTO, Broker, Subscriber, wait_until
from live_web import event as a_web_event
from live_web import words_of

from normalcy import __version__
from normalcy.live.alerts.control import CameraBoard, CameraNews
from normalcy.live.alerts.mqtt import MqttReceiver
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig
from normalcy.live.status import CameraStatus, NodeStatus
from normalcy.live.store.events import insert_event
from normalcy.live.store.records import NodeRecord
from normalcy.live.supervision.others import camera_of_another, digests_of, status_of, unlike_cameras

pytest_plugins = ["live_web"]

NODES = [
    NodeStatus("hall", "alive", True, 0.5, 1e9, ("yard",), None, 12.5, "1.0", "http://hall:8042"),
    NodeStatus("tower", "silent", False, 40.0, 1e9, (), 3, 0.0, "1.0", "http://tower:8042"),
    NodeStatus("roof", "alive", False, 0.5, 1e9, unlike=("yard",)),
]
ONLINE = CameraNews(state="online", alarmed=False, title="Door")


def test_any_dashboard_tells_of_all_nodes(site):
    engine = site.engine()
    engine.fleet = NODES
    engine.changes = {"yard": {"node": "hall"}, "front-door": {"node": "tower"}}
    client = site.client(engine)
    told = {each["name"]: each for each in client.get("/api/v1/nodes").json()}
    assert told["hall"]["cameras"] == ["yard"]
    assert (told["tower"]["state"], told["tower"]["is_here"]) == ("silent", False)
    page = client.get("/health").text
    assert "Not heard: tower" in words_of(page)
    assert told["roof"]["unlike"] == ["yard"]
    assert "its configuration has other settings for" in words_of(page)
    assert '<a href="http://tower:8042">tower</a>' in page
    assert "on tower" in words_of(client.get("/").text)
    assert {each["name"]: each["node"] for each in client.get("/api/v1/cameras").json()}["yard"] == "hall"
    metrics = client.get("/metrics").text
    assert 'normalcy_node_cameras{node="hall"} 1.0' in metrics
    assert 'normalcy_frames_in_total{camera="yard"}' in metrics
    assert 'normalcy_frames_in_total{camera="front-door"}' not in metrics


def test_an_engine_by_itself_says_nothing_of_nodes(site):
    client = site.client()
    assert client.get("/api/v1/nodes").json() == []
    assert "Nodes" not in words_of(client.get("/health").text)
    assert "normalcy_node" not in client.get("/metrics").text


def test_pictures_of_another_node_are_said_to_be_there(site):
    engine = site.engine()
    engine.fleet = NODES
    kept = a_web_event(1, node="tower", media="yard/2026-01-01/there")
    with site.store.transaction() as session:
        insert_event(session, kept)
    page = site.client(engine).get(f"/review/{kept.id}").text
    assert "Its pictures are kept on tower" in words_of(page)
    assert f'href="http://tower:8042/review?event={kept.id}"' in page


def test_a_camera_of_another_node_is_shown_as_that_node_said_it():
    config = LiveConfig.model_validate(
        {"bundles": {"d": {"path": "d"}}, "cameras": {"c": {"source": "a.mp4"}}}
    )
    mine = CameraStatus(
        "c", "C", "s", CameraState.STALLED, 5.0, frame_age_seconds=2.0, score=0.5, frames_in=9
    )
    node = NodeRecord("n", "t", "running", True, 0.0, 0.0, 1.0, status={"cameras": {"c": status_of(mine)}})
    shown = camera_of_another("c", config, node, read_at=time.monotonic())
    assert (shown.node, shown.state, shown.score, shown.frames_in) == ("n", CameraState.STALLED, 0.5, 9)
    assert shown.frame_age_seconds == pytest.approx(3.0, abs=0.5)
    newer = NodeRecord(
        "n", "t", "running", True, 0.0, 0.0, 1.0, status={"cameras": {"c": {"state": "asleep"}}}
    )
    assert camera_of_another("c", config, newer, read_at=0.0).state is CameraState.CONNECTING
    assert camera_of_another("c", config, None, read_at=0.0).state is CameraState.OFFLINE


def test_cameras_that_another_node_has_other_settings_for_are_told():
    def config_of(**cameras):
        return LiveConfig.model_validate({"bundles": {"d": {"path": "d"}}, "cameras": cameras})

    here = config_of(
        door={"source": "rtsp://h/1"}, yard={"source": "rtsp://h/2"}, hall={"source": "rtsp://h/3"}
    )
    there = config_of(door={"source": "rtsp://h/1"}, yard={"source": "rtsp://h/2", "stride": 2})

    def unlike(version):
        status = {"settings": digests_of(there)}
        node = NodeRecord("n", "t", "running", True, 0.0, 0.0, 1.0, version=version, status=status)
        return unlike_cameras(node, digests_of(here))

    assert unlike(__version__) == ("hall", "yard")
    assert unlike("0.0.1") == ()  # it writes the same settings another way


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    made = Broker(tmp_path)
    yield made
    made.stop()


def test_a_node_that_goes_leaves_the_cameras_of_others_as_they_are(broker):
    config = live_config(mqtt={"host": "127.0.0.1", "port": broker.port}).alerts.mqtt
    boards = {name: CameraBoard() for name in ("hall", "tower")}
    for board in boards.values():
        board.watch(("door", "yard"))
    receivers = {name: MqttReceiver(config, board=board, node=name) for name, board in boards.items()}
    heard = Subscriber(broker.port)
    boards["hall"].post({"door": ONLINE})
    boards["tower"].post({"yard": ONLINE})
    wait_until(lambda: {"normalcy/door/state", "normalcy/yard/state"} <= heard.standing().keys())
    boards["hall"].post({"door": None})  # it goes to the other node
    boards["tower"].post({"door": {**ONLINE, "state": "stalled"}})
    wait_until(lambda: heard.standing().get("normalcy/door/state") == "stalled")
    receivers["hall"]._link.publish("normalcy/door/state", "online", retain=True)  # as it believes still
    wait_until(lambda: heard.texts("normalcy/door/state") == 2 * ["online", "stalled"])
    receivers["hall"].close()
    wait_until(lambda: heard.standing().get("normalcy/nodes/hall/status") == "offline")
    standing = heard.standing()
    assert standing["normalcy/nodes/tower/status"] == "online"
    assert standing["normalcy/door/state"] == "stalled"
    assert "normalcy/nodes/tower/status" in standing["homeassistant/binary_sensor/normalcy/door_alarm/config"]
    assert "normalcy/status" not in standing
    receivers["tower"].close()
    heard.close()
