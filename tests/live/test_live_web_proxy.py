"""The dashboard behind a proxy, and under other names than its own."""

import pytest
from live_web import PASSWORD, csrf_of, log_in, write_user

pytest_plugins = ["live_web"]

LOGIN = {"web": {"login": True}}
PROXY = {"web": {"https": True}, "alerts": {"public_url": "https://Cams.example/"}}


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via"])
def test_a_proxy_in_front_makes_nobody_an_admin(site, header):
    assert site.client().get("/api/v1/cameras").status_code == 200
    answer = site.client().get("/api/v1/cameras", headers={header: "192.0.2.9"})
    assert answer.status_code == 403
    assert "web.https" in answer.text
    assert "alerts.public_url" in answer.text
    for sections in (PROXY, {"alerts": PROXY["alerts"]}):
        client = site.client(**sections)
        assert client.get("/api/v1/cameras", headers={header: "192.0.2.9"}).status_code == 401


@pytest.mark.parametrize("host", ["cams.example", "127.0.0.1:8042"])
@pytest.mark.parametrize("sections", [PROXY, {"alerts": PROXY["alerts"]}])
def test_people_get_in_through_a_proxy_whatever_name_it_passes_on(site, host, sections):
    write_user(site.store, "anna", "admin")
    client = site.client(**sections)
    passed_on = {"host": host, "x-forwarded-for": "192.0.2.9", "x-forwarded-proto": "https"}
    assert client.get("/login", headers=passed_on).status_code == 200
    by_page = {**passed_on, "origin": "https://cams.example", "sec-fetch-site": "same-origin"}
    entered = client.post("/login", data={"name": "anna", "password": PASSWORD}, headers=by_page)
    assert entered.status_code == 303
    by_page["cookie"] = entered.headers["set-cookie"].partition(";")[0]
    csrf = client.get("/api/v1/me", headers=by_page).json()["csrf"]
    removed = client.post("/cameras/yard/remove", data={"csrf": csrf}, headers=by_page)
    assert (removed.status_code, removed.headers["location"]) == (303, "/cameras")
    foreign = {**by_page, "origin": "https://evil.example"}
    refused = client.post("/cameras/hall/remove", data={"csrf": csrf}, headers=foreign)
    assert (refused.status_code, "alerts.public_url" in refused.text) == (403, True)


def test_the_password_of_a_proxy_says_nothing_of_who_asks(site):
    write_user(site.store, "anna", "admin")
    guarded = site.client(**LOGIN)
    basic = {"authorization": "Basic YTpi"}
    assert guarded.get("/", headers=basic).status_code == 401
    log_in(guarded, "anna")
    assert guarded.get("/", headers=basic).status_code == 200
    data = {"csrf": csrf_of(guarded)}
    foreign = guarded.post(
        "/cameras/yard/remove", data=data, headers={**basic, "origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert guarded.post("/cameras/yard/remove", headers=basic).status_code == 403
    assert guarded.post("/cameras/yard/remove", data=data, headers=basic).status_code == 303


def test_what_guards_the_dashboard_follows_the_address_it_listens_on_and_not_the_file(site):
    engine = site.engine()
    client = site.client(engine)
    web = engine.config.web.model_copy(update={"host": "0.0.0.0", "https": True})
    engine.file.config = engine.config.model_copy(update={"web": web})
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/api/v1/cameras").status_code == 200


def test_encryption_is_asked_for_where_there_is_some_and_missed_where_there_is_none(site):
    encrypted = site.client(**PROXY).get("/login")
    assert encrypted.headers["strict-transport-security"] == "max-age=31536000"
    assert "not encrypted" not in encrypted.text
    open_to_all = site.client(web={"host": "0.0.0.0"}).get("/login")
    assert "strict-transport-security" not in open_to_all.headers
    assert "not encrypted" in open_to_all.text
    assert "not encrypted" not in site.client(**LOGIN).get("/login").text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8042", 200),
        ("localhost", 200),
        ("[::1]:8042", 200),
        ("cams.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_another_name_for_this_machine_is_not_answered(site, host, status):
    client = site.client(alerts={"public_url": "https://cams.example/"})
    answer = client.get("/healthz", headers={"host": host})
    assert answer.status_code == status
    assert status == 200 or "alerts.public_url" in answer.text


def test_beyond_loopback_any_name_is_answered_but_nobody_without_a_login(site):
    client = site.client(web={"host": "0.0.0.0"})
    assert client.get("/healthz", headers={"host": "box.lan"}).status_code == 200
    assert client.get("/api/v1/cameras", headers={"host": "box.lan"}).status_code == 401
