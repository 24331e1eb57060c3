"""What somebody can hold open who only reaches the port, by raw sockets."""

import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from normalcy.errors import ConfigError
from normalcy.live.web.guard import connections
from normalcy.live.web.guard.addresses import network_of
from normalcy.live.web.guard.attempts import AttemptLimit
from normalcy.live.web.server import WebServer

pytest_plugins = ["live_web"]

PATIENCE_SECONDS = 15.0
PUBLIC = {"public_url": "https://cams.example"}
WHOLE = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def server(site, monkeypatch) -> Iterator[WebServer]:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with WebServer(site.engine(web={"port": 0}), site.store, site.media) as started:
        yield started


def connected(server: WebServer) -> socket.socket:
    at = urlsplit(server.url)
    found = socket.create_connection((at.hostname, at.port), timeout=PATIENCE_SECONDS)
    found.settimeout(PATIENCE_SECONDS)
    return found


def is_closed(by: socket.socket) -> bool:
    """Waits for the end of the connection; what the server says before does not matter."""
    try:
        while by.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "half",
    [
        b"",
        WHOLE[:-3],
        b"POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n"
        b"content-type: application/x-www-form-urlencoded\r\n\r\nname=",
    ],
)
def test_half_a_request_is_not_waited_for_and_is_no_error_here(server, half, caplog):
    with connected(server) as slow:
        slow.sendall(half)
        assert is_closed(slow)
    assert answered(server)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_request_that_trickles_has_no_more_time_than_any_other(server):
    with connected(server) as slow:

        def is_cut() -> bool:
            try:
                slow.sendall(b"G")
            except ConnectionError:
                return True
            return False

        assert within_time(is_cut)


def test_a_whole_request_and_the_next_are_answered_on_one_connection(server):
    with connected(server) as quick:
        for _ in range(3):
            quick.sendall(WHOLE[:20])
            quick.sendall(WHOLE[20:])
            answer = b""
            while not answer.endswith(b"}"):
                answer += quick.recv(4096)
            assert b"200 OK" in answer


def test_a_stream_outlives_the_time_of_a_request(server):
    url = f"{server.url}/api/v1/stream"
    with httpx2.stream("GET", url, timeout=PATIENCE_SECONDS) as answer:
        begun, lines = time.monotonic(), answer.iter_lines()
        while time.monotonic() - begun < 1.5:
            next(lines)


def test_one_address_holds_only_so_many_connections_and_others_still_get_in(server, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 10 * PATIENCE_SECONDS)
    monkeypatch.setattr(connections, "MOST_BY_ADDRESS", 3)
    held = [connected(server) for _ in range(3)]
    with connected(server) as refused:
        assert is_closed(refused)
    held.pop().close()
    assert answered(server)
    for each in held:
        each.close()


def test_there_is_a_limit_in_all(server, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 10 * PATIENCE_SECONDS)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    held = [connected(server) for _ in range(2)]
    with connected(server) as refused:
        assert is_closed(refused)
    for each in held:
        each.close()
    assert answered(server)


def test_a_trusted_proxy_stands_for_many(site, monkeypatch):
    monkeypatch.setattr(connections, "MOST_BY_ADDRESS", 1)
    engine = site.engine(web={"port": 0, "https": True}, alerts=PUBLIC)
    with WebServer(engine, site.store, site.media) as server:
        held = [connected(server) for _ in range(4)]
        assert answered(server)
        for each in held:
            each.close()


@pytest.mark.parametrize(("proxies", "status"), [(["127.0.0.0/8"], 403), (["192.0.2.1"], 429)])
def test_only_a_trusted_proxy_is_believed_who_asks(site, proxies, status):
    web = {"port": 0, "https": True, "trusted_proxies": proxies}
    engine = site.engine(web=web, alerts=PUBLIC)
    with WebServer(engine, site.store, site.media) as server, httpx2.Client() as client:
        for number in range(AttemptLimit().per_user + 1):
            answer = client.post(
                f"{server.url}/login",
                data={"name": "anna", "password": "wrong"},
                headers={"x-forwarded-for": f"198.51.100.{number}"},
                timeout=PATIENCE_SECONDS,
            )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("web", "warns"), [({"host": "0.0.0.0"}, True), ({"https": True}, False), ({}, False)]
)
def test_the_log_warns_where_passwords_travel_unencrypted(site, web, warns, caplog):
    with WebServer(site.engine(web={"port": 0, **web}, alerts=PUBLIC), site.store, site.media):
        assert ("passwords travel unencrypted" in caplog.text) is warns


def test_no_other_protocol_gets_past_what_guards_requests(site):
    """Were there a library for it, web sockets would be answered without."""
    server = WebServer(site.engine(web={"port": 0}), site.store, site.media)
    assert server._server.config.ws == "none"


def test_what_is_no_address_is_no_proxy(site):
    with pytest.raises(ConfigError, match="no address"):
        site.engine(web={"trusted_proxies": ["proxy.lan"]})


def answered(server: WebServer) -> bool:
    """Whether somebody gets in by now, or a little later: the server hears of a closed connection when it can."""

    def asks() -> bool:
        try:
            return httpx2.get(f"{server.url}/healthz", timeout=PATIENCE_SECONDS).status_code == 200
        except httpx2.TransportError:
            return False

    return within_time(asks)


def within_time(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_the_process_may_open_as_many_files_as_the_system_lets_it():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
    try:
        connections.raise_file_limit()
        wanted = (
            connections.WANTED_FILES
            if hard == resource.RLIM_INFINITY
            else min(hard, connections.WANTED_FILES)
        )
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_whole_network_of_ipv6_is_one_visitor():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7")
    assert network_of("fe80::1%eth0") == "fe80::/64"
