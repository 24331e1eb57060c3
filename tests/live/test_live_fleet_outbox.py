"""Several nodes send from one outbox: each message is sent by one of them, and those of a dead one by another."""

import time

import pytest
from live_fleet import BEAT_SECONDS, LEASE_SECONDS, fleet_on
from sqlalchemy import select

from normalcy.live.store.claims import claim, may_send
from normalcy.live.store.models import MessageRow
from normalcy.live.store.outbox import due_messages, enqueue, mark_dead, mark_failed, mark_sent
from normalcy.live.store.receivers import receiver_counts
from normalcy.live.store.records import NewMessage

pytest_plugins = ["live_databases"]

HOOK = "webhook:guard"


@pytest.fixture
def fleet(migrated_database):
    with fleet_on(migrated_database) as made:
        yield made


@pytest.fixture
def two(fleet):
    """Two nodes, of which the first watches camera a."""
    one = fleet.node("one", cameras=("a",))
    fleet.live(one, seconds=2 * BEAT_SECONDS)
    other = fleet.node("two", cameras=())
    fleet.live(one, other, seconds=BEAT_SECONDS)
    assert one.taken.keys() == {"a"}
    return one, other


def put(fleet, key, *, camera="a", age_seconds=0.0):
    message = NewMessage(key, camera, HOOK, "event.opened", "alert", {"type": "event.opened"})
    with fleet.store.transaction() as session:
        enqueue(session, message, at=time.time() - age_seconds)


def due(fleet, node):
    """What a node may send."""
    now = time.time()
    mine = may_send(node.identity.token, lease_seconds=LEASE_SECONDS, now=now)
    with fleet.store.reading() as session:
        return [each.key for each in due_messages(session, now=now, limit=10, where=mine)]


def claims(fleet, node, key):
    with fleet.store.transaction() as session:
        number = session.scalars(select(MessageRow.id).where(MessageRow.key == key)).one()
        token = node.identity.token
        return claim(session, number, token=token, lease_seconds=LEASE_SECONDS)


def test_a_message_is_for_the_node_that_watches_its_camera(fleet, two):
    one, other = two
    put(fleet, "of a")
    put(fleet, "of another camera", camera="b")
    assert due(fleet, one) == ["of a", "of another camera"]
    assert due(fleet, other) == ["of another camera"]
    put(fleet, "late", age_seconds=LEASE_SECONDS + 1)
    assert "late" in due(fleet, other)  # whoever watches the camera does not get it away


def test_one_of_two_claims_it(fleet, two):
    one, other = two
    put(fleet, "x", camera="b")
    assert claims(fleet, other, "x")
    assert not claims(fleet, one, "x")
    assert claims(fleet, other, "x")  # its alerts process was started again
    assert (due(fleet, one), due(fleet, other)) == ([], ["x"])


def test_a_node_that_is_not_heard_claims_nothing(fleet, two):
    one, other = two
    put(fleet, "x", camera="b")
    fleet.go_on(other, seconds=LEASE_SECONDS / 2 + 1)
    assert not claims(fleet, one, "x")  # by the time that it sends, another may
    fleet.go_on(one, other)
    assert claims(fleet, one, "x")
    assert not claims(fleet, other, "x")


def test_a_node_that_ends_or_is_forgotten_claims_nothing(fleet, two):
    one, _ = two
    put(fleet, "x", camera="b")
    one.leave()
    assert not claims(fleet, one, "x")


def test_while_one_is_claiming_it_another_does_not_wait_for_it(fleet, two):
    one, other = two
    put(fleet, "x", camera="b")
    with fleet.store.transaction() as session:
        number = session.scalars(select(MessageRow.id)).one()
        assert claim(session, number, token=one.identity.token, lease_seconds=LEASE_SECONDS)
        assert not claims(fleet, other, "x")


def test_what_a_dead_node_was_about_to_send_is_sent_by_another(fleet, two):
    one, other = two
    put(fleet, "x")
    assert claims(fleet, one, "x")
    fleet.live(other, seconds=LEASE_SECONDS + BEAT_SECONDS)
    assert due(fleet, other) == ["x"]
    assert claims(fleet, other, "x")


def test_a_node_that_ends_or_failed_to_send_claims_nothing_any_more(fleet, two):
    one, other = two
    put(fleet, "x", camera="b")
    assert claims(fleet, one, "x")
    with fleet.store.transaction() as session:
        number = session.scalars(select(MessageRow.id)).one()
        mark_failed(session, number, error="away", at=time.time(), due_at=0.0)
    assert due(fleet, other) == ["x"]
    assert claims(fleet, one, "x")
    one.leave()
    assert due(fleet, other) == ["x"]


def test_what_another_node_settled_stays_settled(fleet, two):
    put(fleet, "x")
    with fleet.store.transaction() as session:
        number = session.scalars(select(MessageRow.id)).one()
        mark_sent(session, number, at=1.0)
        mark_sent(session, number, at=2.0)
        mark_failed(session, number, error="away", at=3.0, due_at=0.0)
        mark_dead(session, number, error="away")
    with fleet.store.reading() as session:
        assert session.scalars(select(MessageRow.state)).one() == "sent"
        counts = receiver_counts(session)[HOOK]
    assert (counts.sent, counts.failed_attempts, counts.dead) == (1, 0, 0)
