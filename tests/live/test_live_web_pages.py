"""Pages without a browser: what they say, what their forms write, and what they answer to mistakes."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from live_web import csrf_of, event, send, version_of, words_of, write_event, write_user

from normalcy.live.engine.scene import SceneState
from normalcy.live.frames.counters import Drop
from normalcy.live.store.events import insert_event
from normalcy.live.web.words import DROP_WORDS, SCENE_WORDS

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


def test_there_are_words_for_every_cause_and_state():
    assert set(DROP_WORDS) == {cause.name.lower() for cause in Drop}
    assert set(SCENE_WORDS) == {state.name.lower() for state in SceneState}


def test_a_page_that_is_not_there_is_a_page(site):
    answer = site.client().get("/cameras/nope", headers=HTML)
    assert answer.status_code == 404
    assert "There is no camera" in answer.text
    assert "<nav" in answer.text


PAGES = ("/", "/review", "/sensitivity", "/cameras", "/add-camera", "/alerts", "/health", "/users")


class _Labels(HTMLParser):
    """Fields of a page that have no name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.unnamed: list[str] = []
        self.fields = 0
        self._inside = 0
        self._labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self._inside += tag == "label"
        if tag in ("select", "textarea") or (tag == "input" and known.get("type") != "hidden"):
            self.fields += 1
            if not (self._inside or known.get("aria-label") or known.get("id") in self._labelled):
                self.unnamed.append(str(known))

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "label"


def test_every_field_has_a_name_for_screen_readers(site):
    write_event(site.store, site.media, event(1))
    write_user(site.store, "anna")
    client, fields = site.client(), 0
    for path in (*PAGES, "/cameras/front-door", "/cameras/front-door/edit", "/cameras/front-door/regions"):
        labels = _Labels(client.get(path).text)
        assert labels.unnamed == [], path
        fields += labels.fields
    assert fields > 50
    assert _Labels('<label>a</label><input name="b">').unnamed


def test_every_page_has_its_landmarks(site):
    client = site.client()
    for path in PAGES:
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


def test_of_two_who_change_a_camera_the_later_one_is_told(site):
    engine = site.engine()
    client = site.client(engine)
    paths = ("/cameras/yard/edit", "/cameras/yard/regions")
    form, areas = (version_of(client, path) for path in paths)
    send(client, paths[0], source="test-pattern", title="First", version=form)
    for path, version in zip(paths, (form, areas), strict=True):
        late = send(client, path, source="test-pattern", title="Second", regions="[]", version=version)
        assert late.status_code == 422
        assert "changed since this page was loaded" in words_of(late.text)
    assert engine.raw_camera("yard")["title"] == "First"
    assert send(client, paths[0], source="test-pattern", title="Second").status_code == 303
    assert engine.raw_camera("yard")["title"] == "Second"


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
    assert (
        "goes from 1 to 1.25; 2 other past events like it would not have alarmed, 1 of them confirmed" in page
    )
    html = client.get(f"/review/{1:032x}").text
    assert f'<a href="/review?event={"1" * 32}" class="wrong">confirmed event 1</a>' in html
    assert f'<a href="/review?event={"0" * 32}">event 2</a>' in html
    marked = send(client, f"/review/{1:032x}/verdict", verdict="false_alarm", part=True)
    assert "went from 1 to 1.25; 2 other past events" in words_of(marked.text)
    assert 'class="wrong">confirmed event 1</a>' in marked.text
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
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login?next=/")


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


def test_changes_of_the_view_are_listed_and_filtered_but_teach_nothing_and_wait_for_nobody(site):
    with site.store.transaction() as session:
        insert_event(session, event(1, kind="scene_change", peak_score=0.0))
        insert_event(session, event(2, kind="dark"))
        insert_event(session, event(3))
    client = site.client()
    page = client.get("/review?kind=scene_change")
    assert "1 event" in words_of(page.text)
    assert "The view changed" in page.text.partition("data-rows")[2]
    assert "If you mark this" not in page.text
    assert "Score at its peak" not in page.text
    assert 'id="unreviewed" class="count">1<' in page.text
