"""MQTT against a real broker: events, states that stay, the last will, and what Home Assistant finds."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_alerts import Loop, Outbox, an_event, live_config
from live_receivers import MOSQUITTO, Broker, Subscriber, wait_until

from normalcy.live.alerts import send_test

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

ALARM = "homeassistant/binary_sensor/normalcy/door_alarm/config"


@pytest.fixture(autouse=True)
def _no_long_wait_for_a_broker_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("normalcy.live.alerts.mqtt_link._CONNECT_SECONDS", 1.0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def heard(broker: Broker) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port)
    yield subscriber
    subscriber.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path, now=time.time)
    yield made
    made.store.close()


def config_of(broker: Broker, **changed: object):
    return live_config(mqtt={"host": "127.0.0.1", "port": broker.port, **changed})


def test_events_are_published_and_the_last_one_stays(broker, heard, outbox):
    config = config_of(broker)
    with Loop(outbox, config) as loop:
        event = an_event()
        keys = outbox.tell(event, "event.opened", config) + outbox.tell(event, "event.closed", config)
        loop.ring()
        outbox.wait_for(keys)
        wait_until(lambda: "normalcy/door/event" in heard.standing())
    told = [json.loads(text) for text in heard.texts("normalcy/events")]
    assert [each["key"] for each in told] == keys
    assert json.loads(heard.standing()["normalcy/door/event"])["type"] == "event.opened"


def test_states_stay_on_the_broker_and_follow_the_cameras(broker, heard, outbox):
    with Loop(outbox, config_of(broker)) as loop:
        loop.cameras({"door": ("online", False), "yard": ("offline", False), "stranger": ("online", True)})
        wait_until(lambda: heard.standing().get("normalcy/yard/state") == "offline")
        loop.cameras({"door": ("online", True)})
        wait_until(lambda: heard.standing().get("normalcy/door/alarm") == "ON")
        assert heard.standing()["normalcy/status"] == "online"
        newcomer = Subscriber(broker.port)
        wait_until(lambda: newcomer.standing().get("normalcy/door/alarm") == "ON")
        newcomer.close()
    assert heard.texts("normalcy/door/alarm") == ["OFF", "ON"]
    assert heard.texts("normalcy/door/state") == ["online"]
    assert not any("stranger" in topic for topic in heard.standing())
    wait_until(lambda: heard.standing()["normalcy/status"] == "offline")


def test_the_last_will_is_heard_when_the_process_is_killed_and_a_new_one_is_online(broker, heard, outbox):
    config = config_of(broker)
    loop = Loop(outbox, config, in_process=True)
    wait_until(lambda: heard.standing().get("normalcy/status") == "online")
    loop.kill()
    wait_until(lambda: heard.standing().get("normalcy/status") == "offline")
    loop.close()
    with Loop(outbox, config, in_process=True):
        wait_until(lambda: heard.texts("normalcy/status") == ["online", "offline", "online"])


def test_home_assistant_finds_a_device_for_each_camera(broker, heard, outbox):
    with Loop(outbox, config_of(broker)) as loop:
        loop.cameras({"door": ("online", False)})
        wait_until(lambda: "homeassistant/sensor/normalcy/door_event/config" in heard.standing())
    alarm, state, event = (
        json.loads(heard.standing()[f"homeassistant/{component}/normalcy/door_{part}/config"])
        for component, part in (("binary_sensor", "alarm"), ("sensor", "state"), ("sensor", "event"))
    )
    assert alarm["device_class"] == "problem"
    assert (alarm["payload_on"], alarm["payload_off"]) == ("ON", "OFF")
    assert alarm["state_topic"] == "normalcy/door/alarm"
    assert state["state_topic"] == "normalcy/door/state"
    assert "online" in state["options"]
    assert event["json_attributes_topic"] == event["state_topic"] == "normalcy/door/event"
    assert len({each["unique_id"] for each in (alarm, state, event)}) == 3
    for each in (alarm, state, event):
        assert each["availability_topic"] == "normalcy/status"
        assert each["device"]["identifiers"] == ["normalcy_door"]
        assert each["device"]["name"] == "Door"


def test_a_camera_that_is_removed_is_cleared_from_the_broker(broker, heard, outbox):
    config = config_of(broker)
    with Loop(outbox, config) as loop:
        loop.cameras({"door": ("online", False), "yard": ("online", False)})
        wait_until(lambda: "normalcy/yard/state" in heard.standing())
        loop.say({"config": config.model_copy(update={"cameras": {"door": config.cameras["door"]}})})
        wait_until(lambda: not any("yard" in topic for topic in heard.standing()))
        assert "normalcy/door/state" in heard.standing()


def test_another_password_for_the_broker_ends_online(broker, heard, outbox):
    config = config_of(broker)
    with Loop(outbox, config) as loop:
        wait_until(lambda: heard.texts("normalcy/status") == ["online"])
        loop.say({"config": config_of(broker, username="guard", password="new")})
        wait_until(lambda: len(heard.texts("normalcy/status")) == 3)
        assert heard.texts("normalcy/status") == ["online", "offline", "online"]


def test_a_camera_that_was_removed_meanwhile_is_cleared_at_the_start(broker, heard, outbox):
    left = "homeassistant/sensor/normalcy/shed_state/config"
    heard.publish(left, "{}")
    heard.publish("normalcy/shed/state", "online")
    heard.publish("normalcy/door/state", "online")
    heard.publish("homeassistant/sensor/others/shed_state/config", "{}")
    with Loop(outbox, config_of(broker)):
        wait_until(lambda: not {left, "normalcy/shed/state"} & heard.standing().keys())
    assert "normalcy/door/state" in heard.standing()
    assert "homeassistant/sensor/others/shed_state/config" in heard.standing()


def test_a_broker_that_is_restarted_gets_everything_again_and_each_event_once(broker, heard, outbox):
    config = config_of(broker)
    with Loop(outbox, config) as loop:
        loop.cameras({"door": ("online", False)})
        first = outbox.burst(1, config)
        loop.ring()
        outbox.wait_for(first)
        wait_until(lambda: "normalcy/door/state" in heard.standing())
        broker.stop()
        keys = outbox.burst(5, config)
        loop.ring()
        wait_until(lambda: outbox.rows()[1].attempts >= 1)
        assert {outbox.states()[key] for key in keys} == {"waiting"}
        heard.messages.clear()
        broker.start()
        outbox.wait_for(keys)
        newcomer = Subscriber(broker.port)
        wait_until(lambda: newcomer.standing().get("normalcy/door/state") == "online")
        wait_until(lambda: {"normalcy/status", "normalcy/door/event", ALARM} <= newcomer.standing().keys())
        newcomer.close()


def test_without_discovery_home_assistant_is_told_nothing(broker, heard, outbox):
    with Loop(outbox, config_of(broker, discovery=None, topic="house/normalcy")) as loop:
        loop.cameras({"door": ("online", False)})
        wait_until(lambda: "house/normalcy/door/alarm" in heard.standing())
    assert all(topic.startswith("house/normalcy/") for topic in heard.standing())


def test_a_test_message_arrives_and_disturbs_no_state(broker, heard):
    assert send_test(config_of(broker), "mqtt") == "The test message arrived."
    wait_until(lambda: heard.messages)
    assert json.loads(heard.texts("normalcy/events")[0])["type"] == "test"
    assert {topic for topic, _, _ in heard.messages} == {"normalcy/events"}
    broker.stop()
    assert "no connection to the broker" in send_test(config_of(broker), "mqtt")


@pytest.mark.parametrize("topic", ["a/#", "+/b", ""])
def test_a_topic_that_cannot_be_published_to_is_refused(topic):
    with pytest.raises(ValueError, match="pattern"):
        live_config(mqtt={"host": "x", "topic": topic})
