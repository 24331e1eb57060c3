"""What really happened to a fleet, noted by those who know nothing of it: triggers of the database, and the broker."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

_TRIGGERS = """
CREATE SCHEMA proof;
CREATE TABLE proof.log (
    number bigserial PRIMARY KEY,
    at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
    place text NOT NULL, what text NOT NULL, row jsonb NOT NULL);
CREATE FUNCTION proof.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO proof.log (place, what, row) VALUES (TG_TABLE_NAME, TG_OP, to_jsonb(COALESCE(NEW, OLD)));
    RETURN NULL;
END $$;
CREATE TRIGGER proof AFTER INSERT OR UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION proof.note();
CREATE TRIGGER proof AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION proof.note();
CREATE TRIGGER proof AFTER UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION proof.note();
"""
_QUIET_SECONDS = 60.0


@dataclass(frozen=True)
class Noted:
    """A row as it was written: when, by the clock of the database, where, how, and what it held then."""

    at: float
    place: str
    what: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """A message that the broker gave to whoever listens, and when."""

    at: float
    payload: dict[str, Any]


class DatabaseLog:
    """Triggers in the database of a fleet, and what they wrote down.

    Args:
        url: As psycopg takes it; of a migrated database.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(_TRIGGERS)

    def all(self) -> list[Noted]:
        """In order."""
        rows = self._connection.execute("SELECT at, place, what, row FROM proof.log ORDER BY number")
        return [Noted(*row) for row in rows]

    def wait_sent(self) -> bool:
        """Until no message waits; False where that takes too long."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while self._waiting():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _waiting(self) -> int:
        found = self._connection.execute("SELECT count(*) FROM outbox WHERE state = 'waiting'").fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


class BrokerLog:
    """Hears every message about events, from `with` to its end."""

    def __init__(self, port: int, *, topic: str) -> None:
        self._heard: list[Heard] = []
        self._is_up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=2)
        self._client.on_subscribe = lambda *_: self._is_up.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)

    def all(self) -> list[Heard]:
        """In order, repetitions too."""
        return list(self._heard)

    def __enter__(self) -> Self:
        self._client.loop_start()
        if not self._is_up.wait(10.0):
            raise OSError("the broker does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        self._heard.append(Heard(time.time(), json.loads(message.payload)))
