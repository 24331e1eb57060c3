"""Who is told of what, and in which words."""

import json
from datetime import UTC, datetime

import pytest
from live_alerts import an_event, live_config

from normalcy.errors import ConfigError
from normalcy.live.alerts.messages import camera_messages, event_messages, held_message, incident_of
from normalcy.live.alerts.words import title_and_text
from normalcy.live.store.models import MessageRow

RECEIVERS = {
    "webhooks": {
        "all": {"url": "http://a/"},
        "urgent": {"url": "http://b/", "severity": "alert"},
        "yard": {"url": "http://c/", "cameras": ["yard"]},
    },
    "apprise": {"phone": {"url": "json://d/"}},
    "mqtt": {"host": "localhost"},
}
CONFIG = live_config(**RECEIVERS, public_url="https://house.example/")


def told(messages):
    return {(message.receiver, message.kind) for message in messages}


def test_a_notice_is_told_to_those_who_take_notices_of_that_camera():
    messages = event_messages(an_event(severity="notice"), "event.opened", config=CONFIG)
    assert told(messages) == {
        ("webhook:all", "event.opened"),
        ("apprise:phone", "event.opened"),
        ("mqtt", "event.opened"),
    }


def test_a_notice_that_becomes_an_alert_is_news_to_those_who_take_alerts_alone():
    messages = event_messages(an_event(), "event.escalated", config=CONFIG)
    assert told(messages) == {
        ("webhook:all", "event.escalated"),
        ("webhook:urgent", "event.opened"),
        ("apprise:phone", "event.escalated"),
        ("mqtt", "event.escalated"),
    }


def test_an_end_is_told_to_programs_and_rings_no_phone():
    messages = event_messages(an_event(state="closed"), "event.closed", config=CONFIG)
    assert told(messages) == {(name, "event.closed") for name in ("webhook:all", "webhook:urgent", "mqtt")}


def test_a_camera_that_is_gone_is_told_to_all_who_watch_it():
    messages = camera_messages(
        "yard", "camera.offline", config=CONFIG, offline_at=1000.0, at=1030.0, reason="no route"
    )
    assert {message.receiver for message in messages} == set(CONFIG.alerts.receivers)
    back = camera_messages("yard", "camera.online", config=CONFIG, offline_at=1000.0, at=1630.0)
    assert {incident_of(each.key, kind=each.kind) for each in [*messages, *back]} == {"yard@1000"}
    assert back[0].payload["offline_seconds"] == 630.0


def test_what_the_view_does_alarms_nobody():
    assert event_messages(an_event(kind="scene_change"), "event.opened", config=CONFIG) == []


def test_a_message_is_json_that_says_everything():
    event = an_event()
    message = event_messages(event, "event.opened", config=CONFIG)[0]
    payload = json.loads(json.dumps(dict(message.payload), allow_nan=False))
    assert message.key == payload["key"] == f"{event.id}:event.opened:webhook:all"
    assert payload["type"] == "event.opened"
    assert payload["title"] == "Front door"
    assert payload["box"] == [0.1, 0.2, 0.3, 0.4]
    assert datetime.fromisoformat(payload["started_at"]) == datetime.fromtimestamp(event.started_at, UTC)
    assert payload["started_at_epoch"] == event.started_at
    assert payload["ended_at"] is None
    assert payload["links"]["dashboard"] == f"https://house.example/review?event={event.id}"


def test_numbers_that_json_cannot_hold_are_left_out():
    event = an_event(peak_score=float("inf"), rate_per_day=float("nan"))
    message = event_messages(event, "event.opened", config=CONFIG)[0]
    json.dumps(dict(message.payload), allow_nan=False)
    assert message.payload["peak_score"] is None
    assert message.payload["rate_per_day"] is None


def test_the_longest_key_fits_its_column():
    config = live_config(webhooks={"r" * 40: {"url": "http://a/"}})
    message = event_messages(an_event(), "event.escalated", config=config)[0]
    assert len(message.key) <= MessageRow.__table__.c.key.type.length
    assert len(message.receiver) <= MessageRow.__table__.c.receiver.type.length


@pytest.mark.parametrize("name", ["r" * 41, "a:b", "", "a/b"])
def test_a_receiver_name_that_would_not_fit_into_keys_is_refused(name):
    with pytest.raises((ConfigError, ValueError), match="pattern"):
        live_config(webhooks={name: {"url": "http://a/"}})


@pytest.mark.parametrize(
    ("kind", "changed", "title", "text"),
    [
        (
            "event.opened",
            {},
            "Alert: Front door",
            "Something unusual since 22:13:20 on 14 November. It moves in a way that was not seen before. "
            "Normal video looks like this about once in 50 days.\nhttps://house.example/review?event=1",
        ),
        (
            "event.opened",
            {"severity": "notice", "region": "gate", "rate_per_day": 3.2, "sentence": ""},
            "Notice: Front door",
            "Something unusual since 22:13:20 on 14 November in gate. "
            "Normal video looks like this about 3 times a day.\nhttps://house.example/review?event=1",
        ),
        (
            "event.escalated",
            {"rate_per_day": None, "sentence": "too fast."},
            "Alert: Front door",
            "What began at 22:13:20 on 14 November as a notice is now an alert. Too fast."
            "\nhttps://house.example/review?event=1",
        ),
        (
            "event.closed",
            {"state": "closed", "sentence": "too fast"},
            "Over: Front door",
            "What began at 22:13:20 on 14 November is over. It lasted 5 seconds. Too fast."
            "\nhttps://house.example/review?event=1",
        ),
    ],
)
def test_events_in_words(kind, changed, title, text):
    message = event_messages(an_event(id="1", **changed), kind, config=CONFIG)[0]
    assert title_and_text(message.payload, zone=UTC) == (title, text)


def test_cameras_in_words():
    values = {"config": CONFIG, "offline_at": 1_700_000_000.0, "at": 1_700_000_095.0}
    gone = camera_messages("door", "camera.offline", reason="connection refused", **values)[0]
    back = camera_messages("door", "camera.online", **values)[0]
    link = "\nhttps://house.example/cameras/door"
    assert title_and_text(gone.payload, zone=UTC) == (
        "Camera gone: Front door",
        f"No picture since 22:13:20 on 14 November. Connection refused.{link}",
    )
    assert title_and_text(back.payload, zone=UTC) == (
        "Camera back: Front door",
        f"The picture is there again, after 2 minutes.{link}",
    )


def test_messages_that_were_kept_back_in_words():
    message = held_message("door", "mqtt", since=0.0, until=3600.0, config=live_config(per_camera_per_hour=5))
    title, text = title_and_text({**message.payload, "held": 17}, zone=UTC)
    assert title == "Kept back: Front door"
    assert text.startswith("17 messages were kept back between 00:00:00 on 1 January and 01:00:00")
    assert "at most 5 an hour" in text
