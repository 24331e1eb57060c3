"""The API: what programs are told, and what they may change."""

import json
import math
import time

import pytest
from live_web import BASE_THRESHOLD, PREVIEW, csrf_of, event, write_event, write_past
from prometheus_client.parser import text_string_to_metric_families

from normalcy.live.cameras.state import CameraState
from normalcy.live.store.events import insert_event
from normalcy.live.store.outbox import due_messages, enqueue, mark_failed, mark_sent
from normalcy.live.store.records import NewMessage
from normalcy.live.store.scores import save_minute
from normalcy.live.web import probes
from normalcy.live.web.gallery import MOST_DRAWN_A_SECOND, Gallery

pytest_plugins = ["live_web"]

FIRST = f"{1:032x}"


def test_cameras_are_told_as_they_are(site):
    engine = site.engine()
    engine.changes["yard"] = {"state": CameraState.STALLED, "score": None, "frame_age_seconds": 12.5}
    cameras = site.client(engine).get("/api/v1/cameras").json()
    assert [camera["name"] for camera in cameras] == ["front-door", "yard", "hall"]
    assert [camera["title"] for camera in cameras] == ["Front door", "Yard", "hall"]
    assert (cameras[1]["state"], cameras[1]["score"], cameras[1]["frame_age_seconds"]) == (
        "stalled",
        None,
        12.5,
    )
    assert (cameras[0]["width_px"], cameras[0]["height_px"], cameras[0]["dropped"]["rate_cap"]) == (
        1280,
        720,
        300,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nope",
        "/api/v1/cameras/nope",
        "/api/v1/cameras/nope/scores",
        "/api/v1/cameras/nope/calibration",
        "/api/v1/events/nope",
        f"/api/v1/events/{9:032x}",
        f"/api/v1/events/{9:032x}/effect",
    ],
)
def test_what_is_not_there_is_404_in_json(site, path):
    answer = site.client().get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "severity=loud", "verdict=maybe", "before=x", "since=soon", "state=half"],
)
def test_a_wrong_question_is_422_in_one_line(site, query):
    answer = site.client().get(f"/api/v1/events?{query}")
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


def test_events_come_newest_first_in_pages_that_miss_none(site):
    with site.store.transaction() as session:
        for number in range(1, 8):
            insert_event(session, event(number, started_at=1000.0 + number // 2))
    client, found, query = site.client(), [], ""
    while query is not None:
        page = client.get(f"/api/v1/events?limit=2{query}").json()
        found += [each["id"] for each in page["events"]]
        query = f"&before={page['next']}" if page["next"] else None
    assert found == [f"{number:032x}" for number in range(7, 0, -1)]


def test_events_are_filtered(site):
    with site.store.transaction() as session:
        insert_event(session, event(1, verdict="confirmed", verdict_by="anna"))
        insert_event(session, event(2, camera="yard"))
        insert_event(session, event(3, camera="yard", state="open", kind="dark"))
    client = site.client()

    def numbers(query: str) -> list[int]:
        return [int(each["id"], 16) for each in client.get(f"/api/v1/events?{query}").json()["events"]]

    assert numbers("camera=yard") == [3, 2]
    assert numbers("camera=yard&camera=front-door") == [3, 2, 1]
    assert numbers("severity=notice") == [2]
    assert numbers("verdict=none") == [3, 2]
    assert numbers("verdict=confirmed") == [1]
    assert numbers("state=open") == numbers("kind=dark") == [3]
    assert numbers(f"since={time.time() + 60}") == []


def test_a_verdict_is_given_taken_back_and_remembered(site):
    engine = site.engine()
    write_event(site.store, site.media, event(1))
    client = site.client(engine)
    headers = {"x-csrf-token": csrf_of(client)}
    effect = client.get(f"/api/v1/events/{FIRST}/effect").json()
    assert (effect["threshold_before"], effect["threshold_after"], len(effect["silenced"])) == (1.0, 1.25, 2)
    for verdict in ("false_alarm", None, "confirmed"):
        answer = client.put(f"/api/v1/events/{FIRST}/verdict", json={"verdict": verdict}, headers=headers)
        assert answer.json()["verdict"] == verdict
    assert engine.told == [FIRST] * 3
    history = client.get(f"/api/v1/events/{FIRST}/verdicts").json()
    assert [(each["verdict"], each["by"]) for each in history] == [
        ("false_alarm", "local"),
        (None, "local"),
        ("confirmed", "local"),
    ]
    assert (
        client.put(f"/api/v1/events/{FIRST}/verdict", json={"verdict": "so so"}, headers=headers).status_code
        == 422
    )


def test_an_event_names_the_media_it_has(site):
    write_event(site.store, site.media, event(1))
    assert site.client().get(f"/api/v1/events/{FIRST}").json()["media"] == ["snapshot.jpg", "heatmap.jpg"]


def test_scores_are_those_of_one_area_the_first_without_a_word(site):
    client = site.client()
    minute = int(time.time() // 60) - 5
    with site.store.transaction() as session:
        save_minute(session, "yard", minute, [1.0] * 60, 5.0)
        save_minute(session, "yard", minute, [2.0] * 60, 5.0, region="gate")
        save_minute(session, "yard", minute, [3.0] * 60, 5.0, region="fence")
    edge = [[0, 0], [1, 0], [1, 1]]
    areas = [
        {"name": "sky", "polygon": edge, "mode": "ignore"},
        {"name": "gate", "polygon": edge},
        {"name": "fence", "polygon": edge},
    ]

    def highest(query=""):
        scores = client.get(f"/api/v1/cameras/yard/scores{query}").json()["score"]
        return max(score for score in scores if score is not None)

    assert highest() == 1.0
    headers = {"x-csrf-token": csrf_of(client)}
    assert client.put("/api/v1/cameras/yard/regions", json=areas, headers=headers).status_code == 200
    assert (highest(), highest("?region=fence")) == (2.0, 3.0)


def test_scores_are_thinned_without_losing_peaks_and_gaps_are_null(site):
    write_past(site.store, "yard", minutes=60)
    client = site.client()
    fine = client.get("/api/v1/cameras/yard/scores?points=5000").json()
    coarse = client.get("/api/v1/cameras/yard/scores?points=60").json()
    assert len(coarse["at"]) == len(coarse["score"]) == len(coarse["threshold"]) <= 60
    assert len(fine["at"]) > 3000
    assert math.isclose(max(coarse["score"]), max(fine["score"]))
    assert set(coarse["threshold"]) == {BASE_THRESHOLD}
    nothing = client.get("/api/v1/cameras/yard/scores?since=1000&until=2000").json()
    assert nothing == {"at": [], "score": [], "threshold": []}


def test_the_rate_of_a_camera_is_seen_and_set(site):
    engine = site.engine()
    client = site.client(engine)
    headers = {"x-csrf-token": csrf_of(client)}
    view = client.get("/api/v1/cameras/yard/calibration").json()
    assert view["false_alarms_per_day"] == 1.0
    assert [tuple(point.values()) for point in view["preview"]] == list(PREVIEW)
    path = "/api/v1/cameras/yard/calibration"
    assert (
        client.put(path, json={"false_alarms_per_day": 0.3}, headers=headers).json()["false_alarms_per_day"]
        == 0.3
    )
    assert engine.raw_camera("yard")["false_alarms_per_day"] == 0.3
    assert client.put(path, json={"false_alarms_per_day": 0}, headers=headers).status_code == 422
    client.put(path, json={"false_alarms_per_day": None}, headers=headers)
    assert "false_alarms_per_day" not in engine.raw_camera("yard")
    engine.uncalibrated.add("yard")
    assert client.get(path).status_code == 422


def test_an_area_with_a_rate_of_its_own_is_set_by_itself(site):
    edge = [[0, 0], [1, 0], [1, 1]]
    areas = [{"name": "gate", "polygon": edge}, {"name": "fence", "polygon": edge, "false_alarms_per_day": 5}]
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "regions": areas}})
    client = site.client(engine)
    headers, path = {"x-csrf-token": csrf_of(client)}, "/api/v1/cameras/yard/calibration"
    assert client.get(path).json()["region"] == "gate"
    fence = client.get(f"{path}?region=fence").json()
    assert (fence["region"], fence["false_alarms_per_day"], fence["threshold"]) == ("fence", 5, 2.0)
    changed = client.put(f"{path}?region=fence", json={"false_alarms_per_day": 0.3}, headers=headers).json()
    assert (changed["region"], changed["false_alarms_per_day"]) == ("fence", 0.3)
    assert "false_alarms_per_day" not in engine.raw_camera("yard")
    client.put(f"{path}?region=gate", json={"false_alarms_per_day": 2}, headers=headers)
    assert engine.raw_camera("yard")["false_alarms_per_day"] == 2
    before = engine.raw_camera("yard")
    assert (
        client.put(f"{path}?region=x", json={"false_alarms_per_day": 9}, headers=headers).status_code == 422
    )
    assert engine.raw_camera("yard") == before


def test_events_of_a_span_are_those_that_go_on_in_it_and_it_is_said_when_some_are_left_out(site):
    with site.store.transaction() as session:
        insert_event(session, event(1, started_at=1000.0, ended_at=9000.0))
        insert_event(session, event(2, started_at=1000.0, ended_at=1500.0))
        insert_event(session, event(3, started_at=1200.0, state="open", ended_at=1300.0))
        insert_event(session, event(4, started_at=2100.0, ended_at=2200.0))
        insert_event(session, event(5, started_at=3000.0, ended_at=3100.0))
        insert_event(session, event(6, started_at=2100.0, ended_at=2200.0, camera="yard"))
    client = site.client()
    path = "/api/v1/events/overlapping?camera=front-door&since=2000&until=2500"
    page = client.get(path).json()
    assert [int(each["id"], 16) for each in page["events"]] == [4, 3, 1]
    assert page["next"] is None
    cut = client.get(f"{path}&limit=2").json()
    assert [int(each["id"], 16) for each in cut["events"]] == [4, 3]
    assert cut["next"] is not None
    assert client.get("/api/v1/events/overlapping?camera=nope&since=0&until=1").status_code == 404


def test_regions_are_replaced_or_refused_as_a_whole(site):
    engine = site.engine()
    client = site.client(engine)
    headers = {"x-csrf-token": csrf_of(client)}
    path = "/api/v1/cameras/yard/regions"
    road = {"name": "Road", "polygon": [[0, 0], [1, 0], [1, 1]], "mode": "ignore"}
    assert client.put(path, json=[road], headers=headers).status_code == 200
    assert [region["name"] for region in client.get(path).json()] == ["Road"]
    for wrong in (
        [road, road],
        [{**road, "polygon": [[0, 0], [2, 0], [1, 1]]}],
        [{**road, "name": ""}],
        [{"name": "x"}],
    ):
        assert client.put(path, json=wrong, headers=headers).status_code == 422
    assert [region.name for region in engine.config.cameras["yard"].regions] == ["Road"]


def test_a_picture_is_a_jpeg_and_many_come_in_one_answer(site):
    engine = site.engine()
    engine.changes["yard"] = {"state": CameraState.OFFLINE}
    client = site.client(engine)
    assert client.get("/api/v1/cameras/hall/picture.jpg").content[:2] == b"\xff\xd8"
    assert client.get("/api/v1/cameras/yard/picture.jpg").status_code == 404
    answer = client.get("/pictures?camera=hall&camera=yard&camera=front-door&camera=nope&camera=hall")
    pictures = unpacked(answer.content)
    assert list(pictures) == ["hall", "front-door"]
    assert all(jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9" for _, jpeg in pictures.values())


def unpacked(content: bytes) -> dict[str, tuple[str, bytes]]:
    """Tags and pictures by camera."""
    head, _, rest = content.partition(b"\n")
    found = {}
    for name, size, tag in json.loads(head):
        found[name], rest = (tag, rest[:size]), rest[size:]
    assert rest == b""
    return found


def test_a_page_gets_only_pictures_that_it_does_not_have(site):
    engine = site.engine()
    engine.picture = lambda camera, *, heat: b"red" if heat else camera.encode()
    client = site.client(engine)
    tags = {
        name: tag
        for name, (tag, _) in unpacked(client.get("/pictures?camera=hall&camera=yard").content).items()
    }
    has = f"camera=hall&camera=yard&has=hall.{tags['hall']}&has=yard.{tags['hall']}"
    assert unpacked(client.get(f"/pictures?{has}").content) == {"yard": (tags["yard"], b"yard")}
    assert unpacked(client.get(f"/pictures?{has}&heat=true").content)["hall"][1] == b"red"


def test_pictures_are_drawn_once_for_all_who_look_and_heat_maps_no_more_often_than_is_allowed(site):
    now = [0.0]
    engine = site.engine(web={"picture_fps": 5})
    gallery = Gallery(engine, clock=lambda: now[0])
    first = [gallery.newest("yard", heat=True) for _ in range(10)]
    assert engine.drawn == 1
    assert len({shot.tag for shot in first}) == 1
    now[0] = 0.1
    assert gallery.newest("yard", heat=True) is first[0]
    now[0] = 0.2
    assert gallery.newest("yard", heat=True) is not first[0]
    assert engine.drawn == 2
    many = site.engine(cameras={f"c{n}": {"source": "test-pattern"} for n in range(50)})
    gallery = Gallery(many, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 0.1
        for name in many.config.cameras:
            gallery.newest(name, heat=True)
    assert many.drawn <= 10 * MOST_DRAWN_A_SECOND * 1.3


def test_health_says_what_does_not_run(site):
    engine = site.engine()
    with site.store.transaction() as session:
        message = NewMessage("k", "yard", "mqtt", "event.opened", "alert", {})
        enqueue(session, message, at=time.time())
    client = site.client(engine)
    health = client.get("/api/v1/health").json()
    assert (health["ready"], health["database"], health["alerts"]["waiting"]) == (True, "ok", 1)
    assert health["stages"][0]["name"] == "inference"
    assert 0 < health["disk"]["free_bytes"] < health["disk"]["total_bytes"]
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
    assert health["problems"] == []
    engine.is_ready = False
    assert client.get("/api/v1/health").json()["ready"] is False
    assert client.get("/api/v1/health").json()["problems"] == ["Something does not run as it should."]
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 503)


def test_a_database_that_is_gone_is_said_and_takes_nothing_else_down(site):
    client = site.client()
    site.store.close()
    (site.folder / "events.db").write_bytes(b"not a database " * 1000)
    for rest in ("-wal", "-shm"):
        (site.folder / f"events.db{rest}").unlink(missing_ok=True)
    assert client.get("/readyz").status_code == 503
    assert client.get("/api/v1/events").status_code == 503
    assert client.get("/api/v1/health").json()["database"] != "ok"
    assert "normalcy_database_up 0.0" in client.get("/metrics").text
    assert client.get("/healthz").status_code == 200


def test_metrics_are_what_prometheus_reads(site):
    engine = site.engine()
    engine.changes["yard"] = {"state": CameraState.OFFLINE, "score": None}
    write_event(site.store, site.media, event(1))
    with site.store.transaction() as session:
        enqueue(session, NewMessage("k", "yard", "mqtt", "event.opened", "alert", {}), at=5.0)
        message = due_messages(session, now=6.0, limit=1)[0]
        mark_failed(session, message.id, error="no broker", due_at=6.0, at=6.0)
        mark_sent(session, message.id, at=7.0)
    answer = site.client(engine).get("/metrics")
    families = {family.name: family.samples for family in text_string_to_metric_families(answer.text)}

    def value(family: str, sample: str = "", **labels: str) -> float:
        found = [
            each.value
            for each in families[family]
            if each.name == (sample or family) and each.labels == labels
        ]
        assert len(found) == 1, (family, labels)
        return found[0]

    assert value("normalcy_frames_in", "normalcy_frames_in_total", camera="yard") == 12_345
    assert (
        value("normalcy_frames_dropped", "normalcy_frames_dropped_total", camera="yard", cause="rate_cap")
        == 300
    )
    assert value("normalcy_camera_state", camera="yard", state="offline") == 1
    assert value("normalcy_camera_state", camera="yard", state="online") == 0
    assert value("normalcy_camera_threshold", camera="hall") == BASE_THRESHOLD
    assert {each.labels["camera"] for each in families["normalcy_camera_score"]} == {"front-door", "hall"}
    bucket = "normalcy_latency_seconds_bucket"
    assert value("normalcy_latency_seconds", bucket, camera="hall", le="0.05") == 64
    assert value("normalcy_latency_seconds", bucket, camera="hall", le="+Inf") == 100
    assert value("normalcy_latency_seconds", "normalcy_latency_seconds_count", camera="hall") == 100
    assert value("normalcy_stage_restarts", "normalcy_stage_restarts_total", stage="inference") == 1
    assert value("normalcy_events_kept", severity="alert") == 1
    assert value("normalcy_alert_messages", state="dead") == 0
    assert value("normalcy_database_up") == value("normalcy_ready") == 1
    assert value("normalcy_events_opened", "normalcy_events_opened_total", kind="anomaly") == 1
    assert value("normalcy_alert_sent", "normalcy_alert_sent_total", receiver="mqtt") == 1
    failed = "normalcy_alert_failed_attempts"
    assert value(failed, f"{failed}_total", receiver="mqtt") == 1
    assert value("normalcy_alert_last_sent_seconds", receiver="mqtt") == 7.0
    assert value("normalcy_refusals", "normalcy_refusals_total") == 2
    assert value("normalcy_media_failures", "normalcy_media_failures_total") == 3
    assert value("normalcy_lesson_failures", "normalcy_lesson_failures_total") == 4
    assert value("normalcy_stream_dropped", "normalcy_stream_dropped_total") == 0
    assert value("process_resident_memory_bytes") > 1e6
    assert value("process_open_fds") > 3


def test_the_api_describes_itself_without_help_from_elsewhere(site):
    client = site.client()
    schema = client.get("/openapi.json").json()
    assert "/api/v1/events/{event_id}/verdict" in schema["paths"]
    assert not [path for path in schema["paths"] if not path.startswith("/api/v1/")]
    page = client.get("/api").text
    assert "PUT /api/v1/events/{event_id}/verdict" in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page


def test_to_ask_whether_it_is_ready_costs_no_count_of_messages(site, monkeypatch):
    client = site.client()
    monkeypatch.setattr(probes, "outbox_counts", lambda session: 1 / 0)
    assert client.get("/readyz").status_code == 200
