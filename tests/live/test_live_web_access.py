"""Who gets in, and who may do what."""

import time

import pytest
from fastapi.routing import iter_route_contexts
from live_web import ORIGIN, PASSWORD, Site, csrf_of, log_in, send, write_event, write_user
from live_web import event as event_of
from sqlalchemy import select, update
from starlette.testclient import TestClient

from normalcy.live.store.models import SessionRow
from normalcy.live.store.users import add_token, find_session, remove_user
from normalcy.live.web.guard.access import OPEN_PATHS
from normalcy.live.web.guard.attempts import AttemptLimit, LoginAttempts

pytest_plugins = ["live_web"]

FILLED = {"{name}": "front-door", "{event_id}": f"{1:032x}", "{file}": "snapshot.jpg"}
ASKED = {
    "/pictures": "?camera=yard",
    "/review/list": "?before=1-a",
    "/api/v1/events/overlapping": "?camera=yard&since=0&until=9",
    "/sensitivity/front-door/preview": "?exponent=0",
}
LOGIN = {"web": {"login": True}}
PROXY = {"web": {"https": True}, "alerts": {"public_url": "https://Cams.example/"}}
REVIEWING = {("POST", f"/review/{1:032x}/verdict"), ("PUT", f"/api/v1/events/{1:032x}/verdict")}
OWN_ACCOUNT = {("POST", "/logout"), ("POST", "/account/password")}


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Everything that can be asked of the dashboard: method and path."""
    found = []
    for route in iter_route_contexts(client.app.routes):
        path = route.path
        for name, value in FILLED.items():
            path = path.replace(name, value)
        found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


@pytest.fixture
def guarded(site: Site) -> TestClient:
    """A dashboard that requires a login; with an admin, a viewer and an event."""
    write_user(site.store, "anna", "admin")
    write_user(site.store, "bert", "viewer")
    write_event(site.store, site.media, event_of(1))
    return site.client(**LOGIN)


def test_nothing_is_shown_or_done_without_a_login(guarded):
    asked = [
        (method, path) for method, path in routes(guarded) if path not in OPEN_PATHS and path != "/static"
    ]
    assert len(asked) > 45
    for method, path in asked:
        answer = guarded.request(method, path, headers={"origin": ORIGIN})
        assert answer.status_code == 401, (method, path)
        assert set(answer.json()) == {"detail"}


def test_a_page_without_a_login_leads_to_the_form_and_back(guarded):
    answer = guarded.get("/review?camera=yard", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/review%3Fcamera%3Dyard")
    entered = guarded.post(
        "/login", data={"name": "bert", "password": PASSWORD, "next": "/review?camera=yard"}
    )
    assert entered.headers["location"] == "/review?camera=yard"
    assert guarded.get("/review?camera=yard").status_code == 200


@pytest.mark.parametrize(
    ("headers", "next_page"),
    [
        ({"referer": f"{ORIGIN}/sensitivity?camera=yard"}, "/sensitivity%3Fcamera%3Dyard"),
        ({"referer": ORIGIN}, "/"),
        ({"referer": "http://[broken"}, "/"),
        ({}, "/"),
    ],
)
def test_who_was_logged_out_while_sending_something_comes_back_to_a_page(guarded, headers, next_page):
    asks = {"accept": "text/html", **headers}
    answer = guarded.post("/sensitivity/yard", data={"exponent": "0"}, headers=asks)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={next_page}")
    part = guarded.get("/review/list?before=1-a", headers={**asks, "hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, f"/login?next={next_page}")


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "javascript:x"]
)
def test_a_login_leads_to_no_other_site(guarded, target):
    answer = guarded.post("/login", data={"name": "bert", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


def test_a_viewer_reviews_and_changes_nothing_else(guarded):
    log_in(guarded, "bert")
    headers = {"x-csrf-token": csrf_of(guarded)}
    changes = {
        (method, path) for method, path in routes(guarded) if method != "GET" and path not in OPEN_PATHS
    }
    refused = {
        each for each in changes - OWN_ACCOUNT if guarded.request(*each, headers=headers).status_code == 403
    }
    assert changes - OWN_ACCOUNT - refused == REVIEWING
    for path in ("/users", "/add-camera", "/cameras/front-door/edit", "/cameras/front-door/regions"):
        assert guarded.get(path).status_code == 403
    answer = guarded.put(f"/api/v1/events/{1:032x}/verdict", json={"verdict": "confirmed"}, headers=headers)
    assert (answer.json()["verdict"], answer.json()["verdict_by"]) == ("confirmed", "bert")


def test_an_admin_may_open_every_page(guarded):
    log_in(guarded, "anna")
    pages = [path for method, path in routes(guarded) if method == "GET" and path != "/api/v1/stream"]
    for path in pages:
        answer = guarded.get(path + ASKED.get(path, ""), headers={"accept": "text/html"})
        assert answer.status_code == 200, path


@pytest.mark.parametrize("token", [None, "", "wrong", "ä"])
def test_a_change_repeats_the_token_of_its_login(guarded, token):
    log_in(guarded, "anna")
    data = {} if token is None else {"csrf": token}
    assert guarded.post("/cameras/yard/remove", data=data).status_code == 403
    assert guarded.get("/api/v1/cameras/yard").status_code == 200
    assert send(guarded, "/cameras/yard/remove").status_code == 303
    assert guarded.get("/api/v1/cameras/yard").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_change_from_another_site_is_refused_with_and_without_a_login(site, guarded, headers):
    log_in(guarded, "anna")
    for client in (guarded, site.client()):
        token = csrf_of(client)
        answer = client.post("/cameras/yard/remove", data={"csrf": token}, headers=headers)
        assert answer.status_code == 403
    assert (
        guarded.post("/login", data={"name": "anna", "password": PASSWORD}, headers=headers).status_code
        == 403
    )


def test_a_token_needs_no_csrf_and_has_a_role(site, guarded):
    with site.store.transaction() as session:
        reader = add_token(session, "grafana", "viewer", at=time.time())
        writer = add_token(session, "setup", "admin", at=time.time())
    wanted = {"false_alarms_per_day": 2.0}
    for token, status in ((reader, 403), (writer, 200), ("made-up", 401)):
        headers = {"authorization": f"Bearer {token}"}
        answer = guarded.put("/api/v1/cameras/yard/calibration", json=wanted, headers=headers)
        assert answer.status_code == status
    assert guarded.get("/metrics", headers={"authorization": f"Bearer {reader}"}).status_code == 200
    assert guarded.get("/metrics", headers={"authorization": "Basic YTpi"}).status_code == 401


def test_a_login_is_always_a_new_one_and_ends_in_the_store(site, guarded):
    guarded.cookies.set("normalcy", "chosen-by-somebody-else")
    log_in(guarded, "bert")
    cookies = [cookie for cookie in guarded.cookies.jar if cookie.value != "chosen-by-somebody-else"]
    token = cookies[0].value
    assert len(token) > 30
    guarded.cookies.clear()
    guarded.cookies.set("normalcy", token)
    assert guarded.get("/").status_code == 200
    assert send(guarded, "/logout").headers["location"] == "/login"
    guarded.cookies.set("normalcy", token)
    assert guarded.get("/").status_code == 401
    with site.store.transaction() as session:
        assert find_session(session, token, now=time.time(), idle_seconds=3600) is None


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site, https):
    write_user(site.store, "anna")
    answer = site.client(**(PROXY if https else LOGIN)).post(
        "/login", data={"name": "anna", "password": PASSWORD}
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert ("secure" in cookie) is cookie.startswith("__host-") is https


def test_somebody_who_is_removed_is_out_within_seconds(site, guarded):
    log_in(guarded, "anna")
    other = site.client(**LOGIN)
    log_in(other, "bert")
    send(guarded, "/users/remove", name="bert")
    deadline = time.monotonic() + 20
    while other.get("/").status_code != 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert other.get("/").status_code == 401


def test_the_last_admin_stays(guarded):
    log_in(guarded, "anna")
    for path, fields in (("/users/remove", {}), ("/users/role", {"role": "viewer"})):
        answer = send(guarded, path, name="anna", **fields)
        assert answer.status_code == 422
        assert "last admin" in answer.text
    assert guarded.get("/users").status_code == 200


def test_ones_own_password_is_changed_by_who_knows_it(guarded):
    log_in(guarded, "bert")
    assert (
        send(guarded, "/account/password", password="wrong", new_password="something else").status_code == 403
    )
    assert send(guarded, "/account/password", password=PASSWORD, new_password="short").status_code == 422
    assert (
        send(guarded, "/account/password", password=PASSWORD, new_password="something else").status_code
        == 303
    )
    assert guarded.get("/").status_code == 200
    guarded.cookies.clear()
    assert guarded.post("/login", data={"name": "bert", "password": PASSWORD}).status_code == 403
    assert guarded.post("/login", data={"name": "bert", "password": "something else"}).status_code == 303


GUESS = {"name": "anna", "password": "wrong guess"}


def test_passwords_cannot_be_guessed_for_long(guarded):
    answers = [guarded.post("/login", data=GUESS) for _ in range(AttemptLimit().per_user + 1)]
    assert [answer.status_code for answer in answers] == [403] * AttemptLimit().per_user + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert guarded.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 429


def test_who_guesses_locks_nobody_out_elsewhere(guarded):
    elsewhere = TestClient(guarded.app, base_url=ORIGIN, client=("192.0.2.9", 1), follow_redirects=False)
    while elsewhere.post("/login", data=GUESS).status_code != 429:
        pass
    log_in(guarded, "anna")


def test_an_open_page_is_no_way_to_guess_a_password(guarded):
    log_in(guarded, "bert")
    answers = [
        send(guarded, "/account/password", password="wrong", new_password="something else").status_code
        for _ in range(AttemptLimit().per_user + 1)
    ]
    assert answers == [403] * AttemptLimit().per_user + [429]


def test_each_further_guess_waits_longer_until_success_or_time_makes_all_forgotten():
    now = [0.0]
    limit = AttemptLimit(per_user=2, per_address=50, first_seconds=2, most_seconds=5, window_seconds=60)
    attempts = LoginAttempts(limit, clock=lambda: now[0])

    def wait() -> float:
        return attempts.begin(user="a", address="x")

    assert [wait(), wait(), wait()] == [0.0, 0.0, 2.0]
    for waits in (4.0, 5.0, 5.0):
        now[0] += 10.0
        assert [wait(), wait()] == [0.0, waits]
    assert attempts.begin(user="a", address="y") == attempts.begin(user="b", address="x") == 0.0
    now[0] += 5.0
    assert wait() == 0.0
    attempts.succeeded(user="a", address="x")
    assert [wait(), wait(), wait()] == [0.0, 0.0, 2.0]
    now[0] += 60.0
    assert [wait(), wait(), wait()] == [0.0, 0.0, 2.0]


def test_one_address_cannot_try_one_password_on_everybody():
    attempts = LoginAttempts(AttemptLimit(per_address=3), clock=lambda: 0.0)
    assert [attempts.begin(user=f"{n}", address="x") > 0 for n in range(5)] == [False] * 3 + [True] * 2
    lucky = LoginAttempts(AttemptLimit(per_address=3), clock=lambda: 0.0)
    for _ in range(20):
        assert lucky.begin(user="own", address="x") == 0.0
        lucky.succeeded(user="own", address="x")


def test_what_is_remembered_of_guesses_is_bounded():
    attempts = LoginAttempts(AttemptLimit(), clock=lambda: 0.0, most_keys=10)
    for number in range(1000):
        attempts.begin(user=f"{number}", address=f"{number}")
    assert len(attempts._failures) <= 10


def test_a_login_ends_however_much_it_is_used(site, guarded):
    log_in(guarded, "bert")
    with site.store.transaction() as session:
        session.execute(update(SessionRow).values(created_at=time.time() - 7.01 * 86400))
    assert unremembered(guarded).get("/").status_code == 401
    with site.store.reading() as session:
        assert session.scalars(select(SessionRow)).all() == []


@pytest.mark.parametrize(
    ("path", "headers", "is_use"),
    [
        ("/", {"accept": "text/html"}, True),
        ("/review/list?before=1-a", {"hx-request": "true"}, True),
        ("/health/facts", {"hx-request": "true"}, False),
        ("/pictures?camera=yard", {}, False),
        ("/api/v1/cameras", {}, False),
    ],
)
def test_only_what_a_person_does_keeps_a_login_alive(site, guarded, path, headers, is_use):
    log_in(guarded, "bert")
    an_hour_ago = time.time() - 3600
    with site.store.transaction() as session:
        session.execute(update(SessionRow).values(seen_at=an_hour_ago))
    client = unremembered(guarded)
    assert client.get("/pictures?camera=yard").status_code == 200
    assert client.get(path, headers=headers).status_code == 200
    with site.store.reading() as session:
        seen_at = session.scalars(select(SessionRow.seen_at)).one()
    assert (seen_at > an_hour_ago) is is_use


def unremembered(client: TestClient) -> TestClient:
    """The same browser, of whose login the dashboard asks the store again."""
    client.app.state.dashboard.identities.forget()
    return client


def test_the_login_page_tells_how_to_begin(site):
    page = site.client(**LOGIN).get("/login").text
    assert "normalcy live add-user CONFIG NAME --admin" in page
    write_user(site.store, "anna")
    assert "normalcy live add-user" not in site.client(**LOGIN).get("/login").text


def test_a_removed_user_cannot_use_an_old_cookie(site, guarded):
    log_in(guarded, "bert")
    with site.store.transaction() as session:
        remove_user(session, "bert")
    fresh = site.client(**LOGIN)
    fresh.cookies = guarded.cookies
    assert fresh.get("/").status_code == 401
