"""Pages without a browser: what they say, what their forms write, and what they answer to mistakes."""

import json
import math
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from live_web import PREVIEW, csrf_of, event, send, words_of, write_event

from normalcy.live.alerts import trial
from normalcy.live.status import CalibrationView, Note
from normalcy.live.store.events import insert_event
from normalcy.live.web.rate_graph import RateGraph

pytest_plugins = ["live_web"]

HTML = {"accept": "text/html"}


def test_empty_pages_say_what_to_do_next(site):
    client = site.client(cameras={})
    assert "Add a camera" in client.get("/").text
    assert "Nothing unusual yet" in client.get("/review").text
    assert "No camera yet" in client.get("/sensitivity").text
    assert "No camera yet" in client.get("/cameras").text
    assert "Nobody is told yet" in client.get("/alerts").text
    assert "No event fits this filter" in client.get("/review?verdict=confirmed").text


def test_a_page_that_is_not_there_is_a_page(site):
    answer = site.client().get("/cameras/nope", headers=HTML)
    assert answer.status_code == 404
    assert "There is no camera" in answer.text
    assert "<nav" in answer.text


def test_every_field_has_a_name_for_screen_readers_and_every_page_its_landmarks(site):
    client = site.client()
    for path in ("/", "/review", "/sensitivity", "/cameras", "/add-camera", "/alerts", "/health", "/users"):
        page = client.get(path).text
        assert page.count("<h1") == 1, path
        assert 'lang="en"' in page
        assert 'href="#main"' in page
        assert '<nav id="menu" aria-label="Main">' in page
        assert 'aria-live="polite"' in page


def test_a_camera_is_added_edited_switched_and_removed(site):
    engine = site.engine()
    client = site.client(engine)
    fields = {"name": "gate", "title": "Gate", "source": "test-pattern", "max_fps": "12,5", "stride": "2"}
    switches = {"enabled": "on", "natural_speed": "on", "scene_change": "on"}
    hours = {
        "schedule_days_0": ["mon", "fri"],
        "schedule_start": ["22:00", ""],
        "schedule_end": ["06:00", ""],
    }
    answer = send(client, "/add-camera", **fields, **switches, **hours)
    assert (answer.status_code, answer.headers["location"]) == (303, "/cameras/gate/regions")
    assert engine.raw_camera("gate") == {
        "title": "Gate",
        "source": "test-pattern",
        "max_fps": 12.5,
        "stride": 2,
        "schedule": [{"days": ["mon", "fri"], "start": "22:00", "end": "06:00"}],
    }
    page = client.get("/cameras/gate/edit").text
    assert 'value="12.5"' in page
    assert page.count("checked") == 3 + 2
    send(client, "/cameras/gate/enabled", enabled="false")
    assert engine.config.cameras["gate"].enabled is False
    send(client, "/cameras/gate/edit", source="test-pattern", title="")
    assert engine.raw_camera("gate") == {
        "source": "test-pattern",
        "enabled": False,
        "natural_speed": False,
        "scene_change": False,
        "schedule": [],
    }
    send(client, "/cameras/gate/remove")
    assert "gate" not in engine.config.cameras


def test_what_the_form_does_not_show_stays(site):
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "buffer_frames": 32, "enabled": True}})
    send(site.client(engine), "/cameras/yard/edit", source="test-pattern", title="Yard", enabled="on")
    assert engine.raw_camera("yard")["buffer_frames"] == 32
    assert engine.raw_camera("yard")["enabled"] is True


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Gate 1", "source": "x"}, "small letters"),
        ({"name": "yard", "source": "x"}, "already"),
        ({"name": "gate", "source": ""}, "source"),
        ({"name": "gate", "source": "x", "max_fps": "fast"}, "not a number"),
        ({"name": "gate", "source": "x", "stride": "1.5"}, "not a whole number"),
        ({"name": "gate", "source": "x", "stride": "0"}, "stride"),
        ({"name": "gate", "source": "x", "preview_height_px": "99999"}, "preview_height_px"),
    ],
)
def test_a_wrong_camera_is_not_saved_and_the_form_keeps_what_was_typed(site, fields, said):
    engine = site.engine()
    answer = send(site.client(engine), "/add-camera", title="Kept & shown", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Kept &amp; shown"' in answer.text
    assert list(engine.config.cameras) == ["front-door", "yard", "hall"]


def test_areas_are_saved_or_kept_for_mending(site):
    engine = site.engine()
    client = site.client(engine)
    area = {
        "name": "Door",
        "polygon": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]],
        "mode": "watch",
        "threshold": 2.0,
    }
    assert send(client, "/cameras/yard/regions", regions=json.dumps([area])).status_code == 303
    assert engine.config.cameras["yard"].regions[0].threshold == 2.0
    flat = {**area, "polygon": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]}
    answer = send(client, "/cameras/yard/regions", regions=json.dumps([flat]))
    assert answer.status_code == 422
    assert "enclose no area" in words_of(answer.text)
    assert "0.3" in answer.text
    for broken in ("[", "{}", '"x"'):
        assert send(client, "/cameras/yard/regions", regions=broken).status_code == 422
    send(client, "/cameras/yard/regions", regions="[]")
    assert "regions" not in engine.raw_camera("yard")


def test_the_review_queue_is_filtered_by_days_of_the_site(site):
    zone, now = "Pacific/Auckland", datetime.now(UTC)
    with site.store.transaction() as session:
        for days in (0, 1, 2):
            insert_event(session, event(days + 1, started_at=(now - timedelta(days=days)).timestamp()))
    client = site.client(timezone=zone)
    yesterday = (now - timedelta(days=1)).astimezone(ZoneInfo(zone)).date().isoformat()
    page = client.get(f"/review?first_day={yesterday}&last_day={yesterday}").text
    assert "1 event" in words_of(page)
    assert f"{2:032x}" in page
    assert client.get("/review?first_day=2026-99-99").status_code == 200
    assert client.get("/review?first_day=tomorrow").status_code == 422


def test_the_list_goes_on_where_it_ended(site):
    with site.store.transaction() as session:
        for number in range(1, 46):
            insert_event(session, event(number))
    client = site.client()
    page = client.get("/review?camera=front-door").text
    assert "45 events" in words_of(page)
    more = page.partition('hx-get="/review/list?')[2].partition('"')[0].replace("&amp;", "&")
    assert "camera=front-door" in more
    rest = client.get(f"/review/list?{more}").text
    assert rest.count("data-event=") == 5
    assert "Show more" not in rest


def test_a_false_alarm_shows_what_it_does_to_the_alarm_level_and_undo_takes_it_back(site):
    engine = site.engine()
    write_event(site.store, site.media, event(1))
    client = site.client(engine)
    page = words_of(client.get(f"/review/{1:032x}").text)
    assert "goes from 1 to 1.25; 2 past events like it would not have alarmed" in page
    marked = send(client, f"/review/{1:032x}/verdict", verdict="false_alarm", part=True)
    assert "went from 1 to 1.25" in words_of(marked.text)
    assert "by local" in words_of(marked.text)
    assert 'id="unreviewed" class="count" hx-swap-oob="true" hidden' in marked.text
    undone = send(client, f"/review/{1:032x}/verdict", verdict="none", part=True)
    assert "went from 1.25 to 1" in words_of(undone.text)
    assert "Verdict taken back by local" in words_of(undone.text)


def test_events_of_cameras_that_are_gone_or_not_calibrated_can_be_reviewed(site):
    engine = site.engine()
    engine.uncalibrated |= {"front-door"}
    write_event(site.store, site.media, event(1))
    client = site.client(engine)
    answer = send(client, f"/review/{1:032x}/verdict", verdict="false_alarm", part=True)
    assert answer.status_code == 200
    assert "Marked as a false alarm." in answer.text
    assert "alarm level of" not in words_of(answer.text)


def test_an_event_that_goes_on_says_so(site):
    with site.store.transaction() as session:
        insert_event(session, event(1, state="open", started_at=time.time() - 65))
    page = words_of(site.client().get("/review").text)
    assert "going on for 1 min" in page
    assert "Pictures follow when the event is over" in page


def test_the_slider_saves_a_round_rate(site):
    engine = site.engine()
    client = site.client(engine)
    preview = client.get("/sensitivity/yard/preview?exponent=-1").text
    assert "about 3 a month" in preview
    answer = send(client, "/sensitivity/yard", exponent=str(math.log10(0.2999)), part=True)
    assert "Saved." in answer.text
    assert engine.raw_camera("yard")["false_alarms_per_day"] == 0.3
    assert client.get("/sensitivity/yard/preview?exponent=99").status_code == 422
    engine.uncalibrated.add("yard")
    assert "Nothing to set here yet" in client.get("/sensitivity?camera=yard").text


def test_the_graph_reads_between_the_rates_that_were_tried():
    view = CalibrationView(1.0, 1.0, "", 7.0, PREVIEW)
    assert RateGraph(view, 1.0).events == 6
    assert RateGraph(view, 0.3).threshold == pytest.approx(1.2)
    assert 6 < RateGraph(view, 2.0).events < 17
    assert RateGraph(view, 1000.0).events == 41
    assert RateGraph(view, 1e-6).events == 0
    empty = RateGraph(CalibrationView(1.0, 1.0, "", 0.0, ()), 1.0)
    assert (empty.path, empty.events, empty.dots) == ("", None, [])


def test_users_and_tokens_are_made_and_taken_away(site):
    client = site.client()
    assert send(client, "/users/add", name="anna", password="long enough", role="admin").status_code == 303
    assert "already" in send(client, "/users/add", name="anna", password="long enough", role="viewer").text
    assert "characters" in send(client, "/users/add", name="bert", password="short", role="viewer").text
    send(client, "/users/role", name="anna", role="viewer")
    made = send(client, "/users/tokens/add", name="grafana", role="viewer")
    token = words_of(made.text.partition("data-token>")[2].partition("<")[0])
    assert client.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert token not in client.get("/users").text
    send(client, "/users/tokens/remove", name="grafana")
    assert client.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 401
    send(client, "/users/remove", name="anna")
    assert "anna" not in client.get("/users").text


def test_a_test_message_says_what_became_of_it(site, monkeypatch):
    monkeypatch.setenv("OFFICE", "127.0.0.1:9")
    client = site.client(
        alerts={"webhooks": {"office": {"url": "http://${OFFICE}/secret-path", "timeout_seconds": 2}}}
    )
    page = client.get("/alerts").text
    assert "office" in page
    assert "secret-path" not in page
    answer = send(client, "/alerts/test", receiver="webhook:office")
    assert answer.status_code == 200
    assert words_of(answer.text) == trial.send_test(
        client.app.state.dashboard.engine.config, "webhook:office"
    )
    assert "there is no receiver" in send(client, "/alerts/test", receiver="webhook:nobody").text


def test_pages_take_the_colours_that_were_chosen(site):
    client = site.client()
    assert "data-theme" not in client.get("/").text.partition("<head>")[0]
    client.cookies.set("theme", "dark")
    assert '<html lang="en" data-theme="dark">' in client.get("/").text
    client.cookies.set("theme", '"><script>')
    assert "data-theme" not in client.get("/").text.partition("<head>")[0]


def test_a_part_of_a_page_without_a_login_sends_the_whole_page_to_the_form(site):
    client = site.client(web={"login": True})
    answer = client.get("/health/facts", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


def test_a_refused_part_of_a_page_says_why_in_place(site):
    client = site.client()
    headers = {"hx-request": "true", "x-csrf-token": csrf_of(client)}
    answer = client.post(f"/review/{1:032x}/verdict", data={"verdict": "confirmed"}, headers=headers)
    assert answer.status_code == 404
    assert "There is no such event" in answer.text
    assert "<html" not in answer.text


def test_forms_work_before_scripts_do(site):
    engine = site.engine()
    write_event(site.store, site.media, event(1))
    client = site.client(engine)
    marked = send(client, f"/review/{1:032x}/verdict", verdict="confirmed")
    assert (marked.status_code, marked.headers["location"]) == (303, f"/review?event={1:032x}")
    assert "Confirmed" in client.get(marked.headers["location"]).text
    saved = send(client, "/sensitivity/yard", exponent="0")
    assert (saved.status_code, saved.headers["location"]) == (303, "/sensitivity?camera=yard")


def test_what_a_person_should_look_at_is_on_the_wall_and_on_the_page_of_health(site):
    engine = site.engine()
    client = site.client(engine)
    assert "wrong key" not in client.get("/").text + client.get("/health").text
    engine.noted.append(Note("configuration", "watch.yaml: wrong key, rtsp://a:hunter2@door/1", time.time()))
    for page in ("/", "/health", "/api/v1/health"):
        text = client.get(page).text
        assert "wrong key" in text
        assert "hunter2" not in text
