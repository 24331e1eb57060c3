"""What people are told when something does not run: on the wall, on the page of health, of their receivers."""

import math
import socket
import time

import pytest
from live_web import send, words_of

from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import config_from
from normalcy.live.engine.scene import SceneState
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory
from normalcy.live.status import Note
from normalcy.live.store.outbox import due_messages, enqueue, mark_dead, mark_failed, mark_sent
from normalcy.live.store.records import NewMessage
from normalcy.live.supervision.camera_unit import CameraUnit
from normalcy.live.web.words import SCENE_WORDS
from normalcy.methods.contract import ClipSpec

pytest_plugins = ["live_web"]


def test_a_test_message_says_what_became_of_it(site, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("OFFICE", free)
    client = site.client(
        alerts={"webhooks": {"office": {"url": "http://${OFFICE}/secret-path", "timeout_seconds": 2}}}
    )
    page = client.get("/alerts").text
    assert "office" in page
    assert "secret-path" not in page
    answer = send(client, "/alerts/test", receiver="webhook:office")
    assert answer.status_code == 200
    assert words_of(answer.text) == "The test message did not arrive: no connection (ConnectError)."
    assert "secret-path" not in answer.text
    assert "there is no receiver" in send(client, "/alerts/test", receiver="webhook:nobody").text


def test_the_page_of_alerts_says_how_it_goes_with_each_receiver(site):
    with site.store.transaction() as session:
        for number, outcome in enumerate(("sent", "failed", "dead")):
            message = NewMessage(f"{number}", "yard", "webhook:office", "event.opened", "alert", {})
            enqueue(session, message, at=1000.0)
            found = next(
                each for each in due_messages(session, now=2000.0, limit=9) if each.key == f"{number}"
            )
            if outcome == "sent":
                mark_sent(session, found.id, at=2000.0)
            elif outcome == "failed":
                mark_failed(session, found.id, error="http://a:hunter2@x/ said 500", due_at=1e12, at=2000.0)
            else:
                mark_failed(session, found.id, error="http://a:hunter2@x/ said 404", due_at=0.0, at=2001.0)
                mark_dead(session, found.id, error="given up")
    client = site.client(alerts={"webhooks": {"office": {"url": "http://x/"}, "new": {"url": "http://y/"}}})
    page = client.get("/alerts").text
    words = words_of(page)
    assert "1 sent, the last" in words
    assert "1 waiting · 2 failed attempts · 1 given up · 0 held back" in words
    assert "http://***@x/ said 404" in words
    assert "hunter2" not in page
    assert "Nothing was sent yet." in words


def test_what_a_person_should_look_at_is_on_the_wall_and_on_the_page_of_health(site):
    engine = site.engine()
    client = site.client(engine)
    assert "wrong key" not in client.get("/").text + client.get("/health").text
    engine.noted.append(Note("configuration", "watch.yaml: wrong key, rtsp://a:hunter2@door/1", time.time()))
    for page in ("/", "/health", "/api/v1/health"):
        text = client.get(page).text
        assert "wrong key" in text
        assert "hunter2" not in text


def test_health_never_says_that_everything_runs_while_something_does_not(site):
    engine = site.engine()
    client = site.client(engine)
    assert "Everything runs." in client.get("/health").text

    def problems() -> list[str]:
        found = client.get("/api/v1/health").json()["problems"]
        assert found
        page = words_of(client.get("/health").text)
        assert "Everything runs." not in page
        assert all(problem in page for problem in found)
        return found

    engine.changes["yard"] = {"state": CameraState.FAILED}
    assert problems() == ["Yard: not working."]
    engine.changes["yard"] = {"scored_age_seconds": 60.0}
    assert problems() == ["Yard: not scored."]
    engine.changes.clear()
    engine.noted.append(Note("store", "The store refuses.", time.time()))
    assert problems() == ["There is something to look at."]
    engine.noted.clear()
    with site.store.transaction() as session:
        enqueue(session, NewMessage("k", "yard", "mqtt", "event.opened", "alert", {}), at=time.time())
        mark_dead(session, due_messages(session, now=time.time(), limit=1)[0].id, error="gone")
    assert problems() == ["1 message was given up: see Alerts."]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "Live"),
        ({"scored_age_seconds": 60.0}, "Not scored"),
        ({"scored_age_seconds": None}, "Not scored"),
        ({"scored_age_seconds": 60.0, "state_since": math.inf}, "Live"),
        ({"scored_age_seconds": 60.0, "state": CameraState.OFFLINE}, "Offline"),
        ({"scored_age_seconds": 60.0, "frame_age_seconds": None}, "Live"),
        ({"scored_age_seconds": 6e4, "scene": "dark"}, "Live"),
        ({"scored_age_seconds": 6e4, "scene": "changing"}, "Live"),
        ({"scored_age_seconds": 6e4, "scene": "learning"}, "Live"),
        ({"scored_age_seconds": 60.0, "scene": "unknown"}, "Not scored"),
    ],
)
def test_a_camera_whose_pictures_nobody_judges_is_not_called_live(site, changes, shown):
    engine = site.engine(cameras={"yard": {"source": "test-pattern"}})
    engine.changes["yard"] = changes
    assert f"data-state>{shown}<" in site.client(engine).get("/").text


def test_every_view_has_words():
    assert set(SCENE_WORDS) == {state.name.lower() for state in SceneState}


def test_a_camera_says_how_old_its_last_verdict_is(tmp_path):
    cameras = {"door": {"source": "test-pattern"}}
    config = config_from({"bundles": {"a": {"path": "a"}}, "cameras": cameras}, where=tmp_path / "watch.yaml")
    layout = Layout((4, 6, 1), slots=4, pictures=3, picture_bytes=64, map_HW=(2, 3))
    clip = ClipSpec(1, size_px=(4, 6), channels=1)
    memory = CameraMemory.create(layout)
    unit = CameraUnit("door", config=config.cameras["door"], memory=memory, spec=clip, picture_fps=5.0)
    try:
        assert unit.status(config).scored_age_seconds is None
        memory.engine.scored_at[0] = time.time() - 100
        assert unit.status(config).scored_age_seconds == pytest.approx(100, abs=30)
        memory.engine.scored_at[0] = time.time() + 3600  # the clock was set back since
        assert unit.status(config).scored_age_seconds == 0.0
    finally:
        unit.close()
