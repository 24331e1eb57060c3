"""Receivers of alerts on loopback: a webhook that can misbehave, and a real MQTT broker."""

import getpass
import json
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from normalcy.live.alerts.signature import verify_signature

OPENSSL = shutil.which("openssl")
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def wait_until(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Until something is true; fails where it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Received:
    """A request, with whether its signature holds, and what it was answered."""

    key: str
    payload: dict[str, Any]
    headers: dict[str, str]
    is_genuine: bool
    path: str
    status: int


@dataclass
class Behaviour:
    """What the next requests are answered; `hang` keeps them waiting for as long as it is set."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    refuses: Callable[[dict[str, Any]], bool] = lambda payload: False
    refusal: int = 400
    hang: threading.Event = field(default_factory=threading.Event)
    pause_seconds: float = 0.0


class WebhookReceiver:
    """An HTTP server in threads that records what it is posted; can be down and come back on the same port."""

    def __init__(self, *, secret: str = "between us") -> None:
        self.secret = secret
        self.behaviour = Behaviour()
        self.requests: list[Received] = []
        self.connections = 0
        self.arrived = 0
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self._open: set[socket.socket] = set()
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    @property
    def accepted(self) -> list[Received]:
        return [each for each in list(self.requests) if each.status == 200]

    @property
    def keys(self) -> list[str]:
        """Of all that was accepted, in order, repetitions too."""
        return [each.key for each in self.accepted]

    @property
    def repeated(self) -> set[str]:
        """Keys that were accepted more than once."""
        return {key for key, count in Counter(self.keys).items() if count > 1}

    def up(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler_of(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.socket.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.behaviour.hang.clear()
        self.down()
        wait_until(lambda: not self._open)

    def opened(self, connection: socket.socket) -> None:
        self.connections += 1
        self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._open.discard(connection)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """Records a request; (status, headers) of its answer."""
        payload = json.loads(body)
        self.arrived += 1
        behaviour = self.behaviour
        while behaviour.hang.is_set() and self._server is not None:
            time.sleep(0.01)
        time.sleep(behaviour.pause_seconds)
        status = behaviour.refusal if behaviour.refuses(payload) else behaviour.status
        is_genuine = verify_signature(
            body,
            signature=headers.get("X-Normalcy-Signature", ""),
            timestamp=headers.get("X-Normalcy-Timestamp", ""),
            secret=self.secret,
            now=time.time(),
        )
        key = headers.get("Idempotency-Key", "")
        self.requests.append(Received(key, payload, headers, is_genuine, path, status))
        return status, behaviour.headers


def _handler_of(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body of an answer in two packets would wait for each other's acknowledgement.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            receiver.opened(self.connection)

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()
            receiver.closed(self.connection)

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in ({"Content-Length": "2"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler


@contextmanager
def webhook_receiver(**settings: Any) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(**settings)
    try:
        yield receiver
    finally:
        receiver.close()


class Broker:
    """A mosquitto on a free port of loopback, which keeps nothing when it is stopped.

    Args:
        folder: Of its configuration.
        certificate: It encrypts with this one, whose key lies beside it; not at all without.
    """

    def __init__(self, folder: Path, *, certificate: Path | None = None) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false"]
        if certificate:
            # As another user, which it becomes where it may, it could not read them.
            lines += [f"user {getpass.getuser()}"]
            lines += [f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}"]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        assert MOSQUITTO is not None
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)], stdout=quiet, stderr=quiet)
        wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def make_certificate(path: Path, *, name: str = "localhost") -> Path:
    """A certificate that vouches for itself, and its key beside it."""
    assert OPENSSL is not None
    kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    whom = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-out", str(path), "-keyout", str(path.with_suffix(".key"))]
    subprocess.run([OPENSSL, *kind, *whom, *files], check=True, capture_output=True)
    return path


class Subscriber:
    """Hears everything on a broker; comes back with it."""

    def __init__(self, port: int, *, ca_file: Path | None = None) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self._is_up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._is_up.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        if ca_file:
            self._client.tls_set(str(ca_file))
        self._client.connect("localhost" if ca_file else "127.0.0.1", port)
        self._client.loop_start()
        assert self._is_up.wait(20)

    def texts(self, topic: str) -> list[str]:
        """All that was heard on a topic."""
        return [text for where, text, _ in list(self.messages) if where == topic]

    def standing(self) -> dict[str, str]:
        """The last that was heard by topic, without what was cleared."""
        found = {topic: text for topic, text, _ in list(self.messages)}
        return {topic: text for topic, text in found.items() if text}

    def publish(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1, retain=True).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload).decode(), message.retain))
