"""MQTT that is encrypted, against a real broker whose certificate nobody but its owner vouches for."""

import json
import time

import pytest
from live_alerts import Loop, Outbox, an_event, live_config
from live_receivers import MOSQUITTO, OPENSSL, Broker, Subscriber, make_certificate, wait_until

from normalcy.errors import ConfigError
from normalcy.live.alerts import send_test
from normalcy.live.alerts.mqtt_link import MqttLink

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
    pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed"),
]


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path / "broker.pem")


@pytest.fixture
def broker(tmp_path, certificate):
    made = Broker(tmp_path, certificate=certificate)
    yield made
    made.stop()


def config_of(broker, **changed):
    return live_config(mqtt={"host": "localhost", "port": broker.port, "tls": True, **changed})


def test_events_arrive_encrypted(broker, certificate, tmp_path):
    heard, outbox = Subscriber(broker.port, ca_file=certificate), Outbox(tmp_path, now=time.time)
    config = config_of(broker, ca_file=str(certificate))
    with Loop(outbox, config) as loop:
        keys = outbox.tell(an_event(), "event.opened", config)
        loop.ring()
        outbox.wait_for(keys)
        wait_until(lambda: heard.texts("normalcy/events"))
    assert [json.loads(text)["key"] for text in heard.texts("normalcy/events")] == keys
    heard.close()
    outbox.store.close()


# The client leaves a socket whose handshake failed to be collected.
leaves_sockets = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@leaves_sockets
def test_nothing_is_said_to_a_broker_that_nobody_vouches_for(broker, tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.live.alerts.mqtt_link._CONNECT_SECONDS", 5.0)
    stranger = make_certificate(tmp_path / "stranger.pem")
    for said in ({}, {"ca_file": str(stranger)}):
        trouble = send_test(config_of(broker, **said), "mqtt")
        assert trouble
        assert "its certificate is not trusted" in trouble


@leaves_sockets
def test_a_certificate_of_another_host_is_not_trusted(tmp_path):
    certificate = make_certificate(tmp_path / "other.pem", name="elsewhere")
    broker = Broker(tmp_path, certificate=certificate)
    try:
        trouble = send_test(config_of(broker, ca_file=str(certificate)), "mqtt")
        assert trouble
        assert "not trusted" in trouble
        assert "mismatch" in trouble
    finally:
        broker.stop()


@pytest.mark.parametrize(("text", "reason"), [(None, "No such file"), ("nothing", "it holds no certificate")])
def test_certificates_that_cannot_be_read(tmp_path, text, reason):
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    config = live_config(mqtt={"host": "localhost", "tls": True, "ca_file": str(file)})
    with pytest.raises(ConfigError, match=reason):
        MqttLink(config.alerts.mqtt)


def test_they_are_of_no_use_without_encryption():
    with pytest.raises(ValueError, match="needs tls: true"):
        live_config(mqtt={"host": "localhost", "ca_file": "ca.pem"})
