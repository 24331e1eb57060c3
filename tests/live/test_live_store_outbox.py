"""The outbox: nothing twice, nothing too early, everything counted."""

from dataclasses import replace

import pytest
from live_databases import an_event
from sqlalchemy import delete, select

from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.models import MessageRow
from normalcy.live.store.outbox import (
    due_messages,
    enqueue,
    mark_dead,
    mark_failed,
    mark_held,
    mark_sent,
    open_outages,
    outbox_counts,
)
from normalcy.live.store.receivers import ReceiverCounts, receiver_counts
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
            mark_failed(session, message.id, error="refused", at=1.0, due_at=due_at)
    assert keys(now=6.9, limit=9) == ["2", "3"]
    assert keys(now=7.5, limit=9) == ["2", "3", "1"]
    assert keys(now=8.0, limit=9) == ["2", "3", "1", "0"]


def test_an_alert_is_given_out_before_any_number_of_notices(any_store):
    with any_store.transaction() as session:
        for number in range(9):
            enqueue(session, replace(a_message(str(number)), severity="notice"), at=1.0)
        enqueue(session, a_message("alert"), at=2.0)
    with any_store.reading() as session:
        assert [each.key for each in due_messages(session, now=2.0, limit=3)] == ["alert", "0", "1"]


def test_messages_of_one_time_keep_their_order(any_store):
    with any_store.transaction() as session:
        for number in range(12):
            enqueue(session, a_message(str(number)), at=1.0)
        assert [each.key for each in due_messages(session, now=1.0, limit=99)] == [
            str(each) for each in range(12)
        ]


def test_a_failed_message_waits_until_it_is_due_again(any_store):
    with any_store.transaction() as session:
        enqueue(session, a_message("k"), at=1.0)
        (message,) = due_messages(session, now=1.0, limit=5)
        mark_failed(session, message.id, error="refused", at=1.0, due_at=7.0)
        assert due_messages(session, now=6.9, limit=5) == []
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


def test_of_an_incident_a_receiver_is_given_only_the_first_that_waits(any_store):
    def due(now: float) -> list[str]:
        with any_store.reading() as session:
            return [each.key for each in due_messages(session, now=now, limit=99)]

    with any_store.transaction() as session:
        for key in ("a opened", "a closed", "b opened"):
            enqueue(session, replace(a_message(key), incident=key[0]), at=1.0)
        enqueue(session, replace(a_message("a elsewhere", receiver="webhook:a"), incident="a"), at=1.0)
        enqueue(session, a_message("of none"), at=1.0)
        enqueue(session, a_message("of none either"), at=1.0)
    free = ["b opened", "a elsewhere", "of none", "of none either"]
    assert due(1.0) == ["a opened", *free]
    with any_store.transaction() as session:
        beginning = due_messages(session, now=1.0, limit=1)[0]
        mark_failed(session, beginning.id, error="refused", at=1.0, due_at=300.0)
    assert due(299.0) == free
    assert due(300.0) == [*free, "a opened"]
    with any_store.transaction() as session:
        mark_sent(session, beginning.id, at=300.0)
    assert due(300.0) == ["a closed", *free]


def test_hundreds_of_beginnings_that_wait_do_not_keep_the_others_from_being_given_out(any_store):
    with any_store.transaction() as session:
        for number in range(250):
            enqueue(session, replace(a_message(f"{number} opened"), incident=str(number)), at=1.0)
        for message in due_messages(session, now=1.0, limit=999):
            mark_failed(session, message.id, error="refused", at=1.0, due_at=300.0)
        for number in range(250):
            enqueue(session, replace(a_message(f"{number} closed"), incident=str(number)), at=1.0)
        enqueue(session, replace(a_message("new"), incident="new"), at=1.0)
    with any_store.reading() as session:
        assert [each.key for each in due_messages(session, now=2.0, limit=200)] == ["new"]
        assert len(due_messages(session, now=300.0, limit=999)) == 251


def test_outcomes_are_counted_for_their_receiver_and_outlive_its_messages(any_store):
    with any_store.transaction() as session:
        for number in range(4):
            enqueue(session, a_message(str(number)), at=1.0)
        enqueue(session, a_message("other", receiver="webhook:a"), at=1.0)
        first, second, third, fourth, _ = due_messages(session, now=1.0, limit=9)
        mark_failed(session, first.id, error="HTTP 500", at=2.0, due_at=0.0)
        mark_failed(session, first.id, error="HTTP 503", at=3.0, due_at=0.0)
        mark_sent(session, first.id, at=4.0)
        mark_held(session, second.id, "too many")
        mark_dead(session, third.id, error="too old")
    counted = ReceiverCounts(
        waiting=1,
        sent=1,
        dead=1,
        held=1,
        failed_attempts=2,
        last_error="HTTP 503",
        last_error_at=3.0,
        last_sent_at=4.0,
    )
    with any_store.transaction() as session:
        assert receiver_counts(session) == {"mqtt": counted, "webhook:a": ReceiverCounts(waiting=1)}
        session.execute(delete(MessageRow))
        mark_sent(session, fourth.id, at=9.0)  # somebody deleted it meanwhile
        assert receiver_counts(session) == {"mqtt": replace(counted, waiting=0)}


def test_what_is_given_up_without_an_attempt_counts_none(any_store):
    with any_store.transaction() as session:
        enqueue(session, a_message("k"), at=1.0)
        (message,) = due_messages(session, now=1.0, limit=9)
        mark_dead(session, message.id, error="too old")
        assert session.scalars(select(MessageRow.attempts)).all() == [0]


def test_outages_that_nobody_was_told_the_end_of_are_open(any_store):
    def tell(session, kind, camera, at, receiver="mqtt"):
        message = NewMessage(
            f"{camera}{at}{kind}{receiver}", camera, receiver, kind, "alert", {"offline_at_epoch": at}
        )
        enqueue(session, message, at=at)

    with any_store.transaction() as session:
        assert open_outages(session) == {}
        enqueue(session, a_message("event"), at=1.0)
        for receiver in ("mqtt", "webhook:a"):
            tell(session, "camera.offline", "yard", 10.5, receiver)
        tell(session, "camera.offline", "gate", 11.0)
        assert open_outages(session) == {"yard": 10.5, "gate": 11.0}
        for receiver in ("mqtt", "webhook:a"):
            tell(session, "camera.online", "yard", 10.5, receiver)
        assert open_outages(session) == {"gate": 11.0}
        tell(session, "camera.offline", "yard", 20.0)
        assert open_outages(session) == {"gate": 11.0, "yard": 20.0}
        assert open_outages(session, cameras=["yard", "hall"]) == {"yard": 20.0}
