"""The outbox: nothing twice, nothing too early, everything counted."""

import pytest
from live_databases import an_event

from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.outbox import (
    AT_ONCE,
    due_messages,
    enqueue,
    mark_dead,
    mark_failed,
    mark_held,
    mark_sent,
    next_due_at,
    outbox_counts,
    sent_since,
)
from normalcy.live.store.records import NewMessage

pytest_plugins = ["live_databases"]


def a_message(key: str, *, receiver: str = "mqtt", camera: str = "yard", **payload: object) -> NewMessage:
    return NewMessage(key, camera, receiver, "event.opened", "alert", payload, event_id="e1")


def test_a_message_is_given_out_as_it_was_put_in(any_store):
    with any_store.transaction() as session:
        assert enqueue(session, a_message("k", words=["ü"], score=1.5, rate=float("nan")), at=10.0)
    with any_store.reading() as session:
        (message,) = due_messages(session, now=10.0, limit=5)
    assert message.payload == {"words": ["ü"], "score": 1.5, "rate": None}
    assert (message.key, message.camera, message.receiver, message.event_id) == ("k", "yard", "mqtt", "e1")
    assert (message.kind, message.severity, message.created_at, message.attempts) == (
        "event.opened",
        "alert",
        10.0,
        0,
    )


def test_a_key_is_there_once_whatever_became_of_its_message(any_store):
    with any_store.transaction() as session:
        assert enqueue(session, a_message("k", number=1), at=1.0)
        assert not enqueue(session, a_message("k", number=2), at=2.0)
        (message,) = due_messages(session, now=9.0, limit=5)
        mark_sent(session, message.id, at=3.0)
    with any_store.transaction() as session:
        assert not enqueue(session, a_message("k", number=3), at=4.0)
        assert due_messages(session, now=9.0, limit=5) == []
    assert message.payload == {"number": 1}


def test_a_message_that_is_there_already_does_not_spoil_the_transaction(any_store):
    with any_store.transaction() as session:
        enqueue(session, a_message("k"), at=1.0)
    with any_store.transaction() as session:
        enqueue(session, a_message("k"), at=2.0)
        insert_event(session, an_event(1))
    with any_store.reading() as session:
        assert find_event(session, an_event(1).id) is not None


def test_due_messages_come_in_order_for_who_is_asked(any_store):
    with any_store.transaction() as session:
        for number, receiver in enumerate(["mqtt", "webhook:a", "mqtt", "webhook:b"]):
            enqueue(session, a_message(str(number), receiver=receiver), at=float(10 - number))

    def keys(**asked):
        with any_store.reading() as session:
            return [message.key for message in due_messages(session, **asked)]

    # Due at once, in the order in which they came, whatever the wall clock said then.
    assert keys(now=1.0, limit=9) == ["0", "1", "2", "3"]
    assert keys(now=1.0, limit=2) == ["0", "1"]
    assert keys(now=1.0, limit=9, receivers=["mqtt", "webhook:a"]) == ["0", "1", "2"]
    assert keys(now=1.0, limit=9, receivers=[]) == []
    with any_store.transaction() as session:
        for message, due_at in zip(due_messages(session, now=1.0, limit=2), (8.0, 7.0), strict=True):
            mark_failed(session, message.id, error="refused", due_at=due_at)
    assert keys(now=6.9, limit=9) == ["2", "3"]
    assert keys(now=7.5, limit=9) == ["2", "3", "1"]
    assert keys(now=8.0, limit=9) == ["2", "3", "1", "0"]


def test_messages_of_one_time_keep_their_order(any_store):
    with any_store.transaction() as session:
        for number in range(12):
            enqueue(session, a_message(str(number)), at=1.0)
        assert [each.key for each in due_messages(session, now=1.0, limit=99)] == [
            str(each) for each in range(12)
        ]


def test_a_failed_message_waits_until_it_is_due_again(any_store):
    with any_store.transaction() as session:
        assert next_due_at(session) is None
        enqueue(session, a_message("k"), at=1.0)
        assert next_due_at(session) == AT_ONCE
        (message,) = due_messages(session, now=1.0, limit=5)
        mark_failed(session, message.id, error="refused", due_at=7.0)
        assert due_messages(session, now=6.9, limit=5) == []
        assert next_due_at(session) == 7.0
        assert [each.attempts for each in due_messages(session, now=7.0, limit=5)] == [1]


@pytest.mark.parametrize("end", ["sent", "dead", "held"])
def test_what_came_to_its_end_is_counted_and_not_given_out_again(any_store, end):
    with any_store.transaction() as session:
        assert outbox_counts(session) == {"waiting": 0, "sent": 0, "dead": 0, "held": 0}
        for key in ("a", "b"):
            enqueue(session, a_message(key), at=1.0)
        first, _ = due_messages(session, now=1.0, limit=5)
        if end == "sent":
            mark_sent(session, first.id, at=2.0)
        elif end == "dead":
            mark_dead(session, first.id, error="refused")
        else:
            mark_held(session, first.id, "too many")
    with any_store.reading() as session:
        assert outbox_counts(session) == {"waiting": 1, "sent": 0, "dead": 0, "held": 0, end: 1}
        assert [each.key for each in due_messages(session, now=9.0, limit=5)] == ["b"]


def test_what_was_sent_of_a_camera_is_counted(any_store):
    with any_store.transaction() as session:
        for number, (receiver, camera) in enumerate(
            [("mqtt", "yard"), ("mqtt", "yard"), ("mqtt", "gate"), ("webhook:a", "yard"), ("mqtt", "yard")]
        ):
            enqueue(session, a_message(str(number), receiver=receiver, camera=camera), at=1.0)
        for message in due_messages(session, now=1.0, limit=4):
            mark_sent(session, message.id, at=float(message.key))
    with any_store.reading() as session:
        assert sent_since(session, "yard", "mqtt", 0.0) == 2
        assert sent_since(session, "yard", "mqtt", 1.0) == 1
        assert sent_since(session, "roof", "mqtt", 0.0) == 0
