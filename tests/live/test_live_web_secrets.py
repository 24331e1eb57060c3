"""What must not leave: passwords of cameras, files beside the media, tracebacks; and what must not come in."""

import logging
from dataclasses import replace

import pytest
from live_web import SECRET, Site, csrf_of, jpeg, send, write_event
from live_web import event as event_of
from starlette.testclient import TestClient

from normalcy.errors import ConfigError
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.secrets import safe_text
from normalcy.live.store.events import set_media
from normalcy.live.web.app import MOST_BODY_BYTES
from normalcy.live.web.sources import destination, entered_source, known_secrets, shown_source

pytest_plugins = ["live_web"]

CLIP = f"/api/v1/events/{1:032x}/media/clip.mp4"


def test_no_page_and_no_answer_holds_a_password(site):
    engine = site.engine()
    url = f"rtsp://guard:{SECRET}@door.local/1"
    engine.changes["front-door"] = {"state": CameraState.OFFLINE, "reason": f"{url} did not answer"}
    client = site.client(engine)
    paths = [
        "/",
        "/cameras",
        "/cameras/front-door",
        "/cameras/front-door/edit",
        "/cameras/front-door/regions",
    ]
    paths += [
        "/health",
        "/alerts",
        "/metrics",
        "/api/v1/cameras",
        "/api/v1/cameras/front-door",
        "/api/v1/health",
    ]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        assert SECRET not in answer.text, path
    assert "rtsp://***@door.local/1" in client.get("/cameras/front-door/edit").text
    assert "rtsp://guard:${YARD_PASSWORD}@yard.local/1" in client.get("/cameras/yard/edit").text


def test_an_address_that_stays_as_it_was_shown_keeps_its_password(site):
    engine = site.engine()
    client = site.client(engine)
    answer = send(
        client, "/cameras/front-door/edit", source="rtsp://***@door.local/1", title="Door", enabled="on"
    )
    assert answer.status_code == 303
    assert engine.raw_camera("front-door")["source"] == f"rtsp://guard:{SECRET}@door.local/1"
    assert engine.raw_camera("front-door")["title"] == "Door"
    send(client, "/try-source", source="rtsp://***@door.local/1", camera="front-door")
    assert engine.tried == [f"rtsp://guard:{SECRET}@door.local/1"]


def test_a_hidden_password_goes_to_no_other_host(site):
    engine = site.engine()
    client = site.client(engine)
    answer = send(client, "/cameras/front-door/edit", source="rtsp://***@evil.example/1")
    assert answer.status_code == 422
    assert "hidden" in answer.text
    assert (
        "It does not work"
        in send(client, "/try-source", source="rtsp://***@evil.example/1", camera="front-door").text
    )
    assert engine.tried == []
    assert engine.raw_camera("front-door")["source"].endswith("@door.local/1")


@pytest.mark.parametrize("secret", ["${file:/etc/shadow}", "${HOME}", "${AWS_SECRET_ACCESS_KEY}"])
def test_the_dashboard_reads_no_other_secret_of_this_machine(site, secret):
    engine = site.engine()
    answer = send(site.client(engine), "/try-source", source=f"http://evil.example/{secret}")
    assert "not in use yet" in answer.text
    assert engine.tried == []


def test_errors_of_the_engine_are_shown_without_passwords(site):
    answer = send(site.client(), "/try-source", source=f"rtsp://guard:{SECRET}@nothing.local/1")
    assert "did not answer" in answer.text
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://a:b@cam/1", "rtsp://***@cam/1"),
        ("rtsp://a:${P}@cam/1", "rtsp://a:${P}@cam/1"),
        ("rtsp://${UP}@cam/1", "rtsp://${UP}@cam/1"),
        ("rtsp://a:${P}@cam/1?token=x", "rtsp://***@cam/1?token=***"),
        ("rtsp://cam/1?token=${T}&channel=2", "rtsp://cam/1?token=${T}&channel=2"),
        ("rtsp://a:b${P}@cam/1", "rtsp://***@cam/1"),
        ("rtsp://a:${file:/run/secrets/cam}@cam/1", "rtsp://a:${file:/run/secrets/cam}@cam/1"),
        ("/videos/yard.mp4", "/videos/yard.mp4"),
    ],
)
def test_sources_are_shown_with_references_and_without_passwords(source, shown):
    assert shown_source(source) == shown
    assert entered_source(shown, before=source, known={}) == source


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://a:${P}@cam/2",
        " rtsp://b:${P}@CAM:8554/other ",
        "http://cam/snapshot?token=${P}",
        "${WHOLE}",
    ],
)
def test_a_new_address_may_use_a_secret_for_the_host_that_it_is_for(text):
    known = known_secrets(["rtsp://a:${P}@cam/1", "${WHOLE}"])
    assert entered_source(text, before=None, known=known) == text.strip()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rtsp://a:${Q}@cam/1", "not in use"),
        ("rtsp://a:${P}@evil.example/1", "another host"),
        ("rtsp://cam@evil.example/${P}", "another host"),
        ("http://${P}.evil.example/", "another host"),
        ("rtsp://${WHOLE}@evil.example/1", "another host"),
        ("crypto:http://cam/${P}", "another host"),
        ("rtsp:/cam/${P}", "another host"),
        ("${P}", "another host"),
        ("rtsp://a:${P}@cam\n.evil.example/1", "line breaks"),
    ],
)
def test_no_secret_is_sent_to_a_host_that_it_is_not_for(text, why):
    known = known_secrets(["rtsp://a:${P}@cam/1", "${WHOLE}"])
    with pytest.raises(ConfigError, match=why):
        entered_source(text, before=None, known=known)


def test_a_secret_that_several_cameras_share_is_for_all_their_hosts():
    known = known_secrets(["rtsp://a:${P}@one/1", "rtsp://a:${P}@two/1", "test-pattern"])
    assert known == {"${P}": frozenset({"one", "two"})}
    assert destination("rtsp://a:b:c@[::1]:554/x") == "::1"


def test_a_secret_of_one_camera_is_neither_tried_nor_saved_elsewhere_and_tries_are_logged(site, caplog):
    engine = site.engine()
    client = site.client(engine)
    stolen = "rtsp://guard:${YARD_PASSWORD}@evil.example/1"
    assert "another host" in send(client, "/try-source", source=stolen).text
    assert send(client, "/add-camera", name="thief", source=stolen).status_code == 422
    assert engine.tried == []
    with caplog.at_level(logging.INFO):
        send(client, "/try-source", source="rtsp://***@door.local/1", camera="front-door")
    assert "local tries rtsp://***@door.local/1" in caplog.text
    assert SECRET not in caplog.text


def test_what_is_tried_is_what_would_be_opened(site):
    engine = site.engine()
    send(site.client(engine), "/try-source", source="rtsp://cam/main", substream="rtsp://cam/small")
    assert engine.tried == ["rtsp://cam/small"]


@pytest.mark.parametrize("password", ["b", "pa/ss", "it's", 'q"uote', "a?b#c", "p w", "a b' c", "w@x y"])
def test_messages_lose_passwords_whatever_they_hold(password):
    text = safe_text(f"'source' is 'rtsp://guard:{password}@door/1': no")
    assert text == "'source' is 'rtsp://***@door/1': no"


def test_of_two_addresses_in_a_message_both_are_hidden_and_both_hosts_are_shown():
    text = safe_text("rtsp://a:p w@door/1 gave way to rtsp://b:q@yard/1; see http://docs/")
    assert text == "rtsp://***@door/1 gave way to rtsp://***@yard/1; see http://docs/"


def test_only_the_files_of_an_event_are_served(site):
    write_event(site.store, site.media, event_of(1))
    (site.folder / "secret.txt").write_text("secret")
    (site.media / "2026-01" / f"{1:032x}" / "notes.txt").write_text("secret")
    client = site.client()
    assert client.get(f"/api/v1/events/{1:032x}/media/snapshot.jpg").content == jpeg(3.0)
    for file in ("notes.txt", "..%2F..%2F..%2Fsecret.txt", "%2Fetc%2Fpasswd", "snapshot.jpg%00"):
        assert client.get(f"/api/v1/events/{1:032x}/media/{file}").status_code == 404
    for event_id in ("0" * 32, "1", "..", "%2e%2e", f"{1:032x}'"):
        assert client.get(f"/api/v1/events/{event_id}/media/snapshot.jpg").status_code == 404
    for path in ("/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404


def test_a_folder_outside_of_the_media_is_not_followed(site):
    outside = site.folder / "outside"
    outside.mkdir()
    (outside / "snapshot.jpg").write_bytes(b"secret")
    (site.media / "link").symlink_to(outside)
    for number, media in enumerate(("../outside", "link", str(outside))):
        write_event(site.store, site.media, event_of(number + 1))
        with site.store.transaction() as session:
            set_media(session, f"{number + 1:032x}", media=media, media_bytes=1)
        assert site.client().get(f"/api/v1/events/{number + 1:032x}/media/snapshot.jpg").status_code == 404


def test_a_clip_is_served_in_ranges(site):
    write_event(site.store, site.media, event_of(1), clip=True)
    client = site.client()
    whole = client.get(CLIP)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    part = client.get(CLIP, headers={"range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert client.get(CLIP, headers={"range": f"bytes={len(whole.content)}-"}).status_code == 416


def test_large_bodies_are_refused(site):
    client = site.client()
    headers = {"x-csrf-token": csrf_of(client)}
    answer = client.post(
        "/cameras/yard/regions", data={"regions": "x" * (MOST_BODY_BYTES + 1)}, headers=headers
    )
    assert answer.status_code == 413


def test_every_answer_tells_browsers_to_be_strict(site):
    client = site.client()
    for path in ("/", "/nope", "/static/app.js", "/api/v1/cameras", "/healthz"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"]
    assert client.get("/", headers={"host": "evil.example"}).headers["x-frame-options"] == "DENY"
    assert client.get("/api/v1/cameras").headers["cache-control"] == "no-store"


def test_pages_hold_no_script_or_style_of_their_own(site):
    write_event(site.store, site.media, event_of(1))
    client = site.client()
    for path in (
        "/",
        "/review",
        "/cameras/yard",
        "/cameras/yard/edit",
        "/cameras/yard/regions",
        "/users",
        "/api",
    ):
        page = client.get(path).text
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=") == 2


class _Broken:
    """An engine that fails in a way nobody expected."""

    def __init__(self, engine: object) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def cameras(self) -> None:
        raise RuntimeError(f"rtsp://guard:{SECRET}@door.local/1 broke")


def test_an_unexpected_error_shows_nothing_and_is_logged_without_passwords(site: Site, caplog):
    client: TestClient = site.client(_Broken(site.engine()))
    with caplog.at_level(logging.INFO):
        answer = client.get("/api/v1/cameras")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Something went wrong here; the log says what."}
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_the_log_holds_path_and_status_but_no_query(site, caplog):
    with caplog.at_level(logging.INFO, logger="normalcy.live.web"):
        site.client().get("/api/v1/cameras?token=private")
    facts = [record.request for record in caplog.records if hasattr(record, "request")]
    assert [(each["method"], each["path"], each["status"]) for each in facts] == [
        ("GET", "/api/v1/cameras", 200)
    ]
    assert "private" not in caplog.text


def test_a_message_for_people_is_escaped(site):
    event = replace(event_of(1), sentence="<script>alert(1)</script>", camera="front-door")
    write_event(site.store, site.media, event)
    page = site.client().get("/review").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
