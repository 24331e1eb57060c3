"""The API: what programs are told, and what they may change."""

import json
import math
import time

import pytest
from live_web import BASE_THRESHOLD, PREVIEW, csrf_of, event, write_event, write_past
from prometheus_client.parser import text_string_to_metric_families

from normalcy.live.cameras.state import CameraState
from normalcy.live.store.events import insert_event
from normalcy.live.store.outbox import enqueue
from normalcy.live.store.records import NewMessage
from normalcy.live.store.scores import save_minute

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
    head, _, rest = answer.content.partition(b"\n")
    sizes = dict(json.loads(head))
    assert list(sizes) == ["hall", "front-door"]
    assert sum(sizes.values()) == len(rest)
    assert rest[sizes["hall"] :][:2] == b"\xff\xd8"


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
    engine.is_ready = False
    assert client.get("/api/v1/health").json()["ready"] is False
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


def test_the_api_describes_itself_without_help_from_elsewhere(site):
    client = site.client()
    schema = client.get("/openapi.json").json()
    assert "/api/v1/events/{event_id}/verdict" in schema["paths"]
    assert not [path for path in schema["paths"] if not path.startswith("/api/v1/")]
    page = client.get("/api").text
    assert "PUT /api/v1/events/{event_id}/verdict" in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page
