"""When messages are given up: never because of a clock, and never because others are refused."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from live_alerts import Clock, Outbox, an_event, live_config
from live_receivers import Behaviour, wait_until

from normalcy.live.alerts import sender, settling
from normalcy.live.alerts.backoff import RetryRule
from normalcy.live.alerts.channel import Channel, Outcome
from normalcy.live.alerts.delivery import Delivery, DeliveryError, Trouble
from normalcy.live.alerts.sender import Sender
from normalcy.live.alerts.settling import is_given_up
from normalcy.live.store.outbox import due_messages, mark_failed
from normalcy.live.store.receivers import ReceiverCounts, receiver_counts

pytest_plugins = ["live_alerts"]

DAY, YEAR = 86_400.0, 365 * 86_400.0


@pytest.fixture
def clock() -> Clock:
    """Of a machine that does not know what day it is."""
    return Clock(10_000.0)


@pytest.fixture
def config(hook):
    return live_config(webhooks={"guard": {"url": hook.url}}, per_camera_per_hour=1000)


@pytest.fixture
def turn_until(outbox, config, clock) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Takes turns of a sender until something is so."""
    sending = Sender(outbox.store, config, media=outbox.folder, ring=lambda: None, clock=clock)

    def run(is_so: Callable[[], bool]) -> None:
        def turned() -> bool:
            sending.turn()
            return is_so()

        wait_until(turned)

    yield run
    sending.close(wait_seconds=10.0)


def counts(outbox: Outbox) -> ReceiverCounts:
    with outbox.store.reading() as session:
        return receiver_counts(session)["webhook:guard"]


def test_a_clock_that_is_set_forward_gives_nothing_up(turn_until, outbox, config, clock, hook):
    keys = outbox.burst(3, config)
    hook.down()
    turn_until(lambda: outbox.rows()[0].attempts >= 1)
    clock.now += 50 * YEAR
    turn_until(lambda: outbox.rows()[0].attempts >= 4)
    assert set(outbox.states().values()) == {"waiting"}
    hook.up()
    turn_until(lambda: set(outbox.states().values()) == {"sent"})
    assert hook.keys == keys
    assert (counts(outbox).sent, counts(outbox).last_sent_at) == (3, clock.now)
    assert counts(outbox).failed_attempts == outbox.rows()[0].attempts - 1 >= 4


def test_what_is_old_is_given_up_once_nothing_arrived_for_long(
    turn_until, outbox, config, clock, hook, monkeypatch
):
    old = outbox.burst(2, config)
    clock.now += 2 * DAY
    new = outbox.burst(1, config)
    hook.down()
    turn_until(lambda: outbox.rows()[0].attempts >= 3)
    assert set(outbox.states().values()) == {"waiting"}
    monkeypatch.setattr(settling, "_LEAST_FAILING_SECONDS", 0.1)
    turn_until(lambda: [outbox.states()[key] for key in old] == ["dead", "dead"])
    assert [row.attempts > 0 for row in outbox.rows()] == [True, False, False]
    hook.up()
    turn_until(lambda: outbox.states()[new[0]] == "sent")
    assert (counts(outbox).dead, counts(outbox).sent, hook.keys) == (2, 1, new)


@pytest.mark.parametrize(
    ("trouble", "age", "attempts", "failing", "expected"),
    [
        (Trouble.AWAY, DAY + 1, 9, 3600.0, True),
        (Trouble.AWAY, DAY + 1, 9, 3599.0, False),
        (Trouble.AWAY, DAY - 1, 9, 9 * DAY, False),
        (Trouble.MISCONFIGURED, DAY + 1, 0, 3600.0, True),
        (Trouble.REFUSED, DAY + 1, 2, 0.0, True),
        (Trouble.REFUSED, DAY + 1, 1, 0.0, False),
        (Trouble.REFUSED, DAY - 1, 9, 0.0, False),
    ],
)
def test_it_takes_age_and_that_it_was_tried_for_long(trouble, age, attempts, failing, expected):
    refusals = attempts if trouble is Trouble.REFUSED else 0
    delivery = Delivery(
        id=1, key="k", payload={}, created_at=1e9 - age, attempts=attempts + 9, refusals=refusals
    )
    error = DeliveryError("no", trouble=trouble)
    outcome = Outcome(delivery, 1e9, error, trouble is Trouble.REFUSED, failing_seconds=failing)
    assert is_given_up(outcome, give_up_seconds=DAY) is expected
    assert not is_given_up(Outcome(delivery, 1e9), give_up_seconds=DAY)


def test_a_receiver_that_refused_more_events_than_are_looked_at_still_gets_the_others(
    turn_until, outbox, config, clock, hook, monkeypatch
):
    monkeypatch.setattr(sender, "_LOOKED_AT", 20)
    events = [an_event() for _ in range(25)]
    refused = [key for event in events for key in outbox.tell(event, "event.opened", config)]
    with outbox.store.transaction() as session:
        for message in due_messages(session, now=clock.now, limit=999):
            mark_failed(session, message.id, error="HTTP 422", at=clock.now, due_at=clock.now + 300.0)
    ends = [key for event in events for key in outbox.tell(event, "event.closed", config)]
    new = outbox.burst(1, config)
    hook.behaviour = Behaviour(status=422)
    turn_until(lambda: outbox.rows()[-1].attempts == 1)
    hook.behaviour = Behaviour()
    new += outbox.burst(1, config)
    turn_until(lambda: outbox.states()[new[1]] == "sent")
    assert hook.keys == new[1:]
    clock.now += 301.0
    turn_until(lambda: set(outbox.states().values()) == {"sent"})
    assert set(hook.keys) == {*refused, *ends, *new}
    places = {key: place for place, key in enumerate(hook.keys)}
    assert all(places[begun] < places[over] for begun, over in zip(refused, ends, strict=True))


def test_a_refused_message_dies_by_its_refusals_and_not_by_how_often_its_receiver_was_down(
    turn_until, outbox, config, clock, hook
):
    (key,) = outbox.burst(1, config)
    with outbox.store.transaction() as session:
        (message,) = due_messages(session, now=clock.now, limit=9)
        for _ in range(5):
            mark_failed(session, message.id, error="no answer", at=clock.now, due_at=0.0)
    clock.now += 2 * DAY
    hook.behaviour = Behaviour(status=422)
    for refusals in (1, 2):
        turn_until(lambda refusals=refusals: outbox.rows()[0].refusals == refusals)
        assert outbox.states()[key] == "waiting"
        clock.now += 301.0
    turn_until(lambda: outbox.states()[key] == "dead")
    assert (outbox.rows()[0].attempts, outbox.rows()[0].refusals) == (8, 3)


def test_a_message_for_a_receiver_that_nobody_told_of_yet_waits_a_minute_for_it(
    turn_until, outbox, config, clock, hook
):
    other = live_config(webhooks={"new": {"url": hook.url}})
    (early,) = outbox.burst(1, other)
    clock.now += 59.0
    (first,) = outbox.burst(1, config)
    turn_until(lambda: outbox.states()[first] == "sent")
    assert outbox.states()[early] == "waiting"
    clock.now += 2.0
    turn_until(lambda: outbox.states()[early] == "dead")


@pytest.fixture
def attempt() -> Iterator[Callable[..., Outcome]]:
    """Has a channel send one message after the other to a receiver that takes only what is called `good`."""

    def refuse(delivery: Delivery) -> None:
        if delivery.key != "good":
            raise DeliveryError("no answer")

    receiver = SimpleNamespace(send=refuse, close=lambda: None)
    channel = Channel("mqtt", lambda _: receiver, retry=RetryRule(0.01, 0.01), ring=lambda: None)

    def send(key: str, *, attempts: int = 8, recovered: bool = False) -> Outcome:
        if recovered:
            channel.recovered()
        wait_until(lambda: channel.is_ready)
        channel.submit(Delivery(id=1, key=key, payload={}, created_at=0.0, attempts=attempts))
        wait_until(lambda: not channel._outcomes.empty())
        outcome = channel.collect()
        assert outcome is not None
        return outcome

    yield send
    channel.close(wait_seconds=10.0)


def told(outcome: Outcome) -> tuple[Trouble, bool]:
    assert outcome.error is not None
    return outcome.error.trouble, outcome.is_refusal


def test_of_a_receiver_that_took_nothing_yet_no_message_is_called_refused(attempt):
    """As after a start of the process, or once a connection is back."""
    for recovered in (False, True, True):
        assert told(attempt("bad", recovered=recovered)) == (Trouble.AWAY, False)


def test_a_message_that_fails_while_others_arrive_is_called_refused_once_for_each_of_them(attempt):
    attempt("good")
    assert told(attempt("bad")) == (Trouble.REFUSED, True)
    assert told(attempt("bad")) == (Trouble.REFUSED, False), "nothing arrived meanwhile"
    attempt("good")
    assert told(attempt("bad")) == (Trouble.REFUSED, True)
    assert told(attempt("new", attempts=0)) == (Trouble.AWAY, False)
    assert told(attempt("bad", recovered=True)) == (Trouble.AWAY, False)


def test_a_connection_that_comes_back_but_takes_nothing_is_failing_all_the_while():
    def refuse(delivery: Delivery) -> None:
        if delivery.key != "good":
            raise DeliveryError("no answer")

    receiver = SimpleNamespace(send=refuse, close=lambda: None)
    channel = Channel("mqtt", lambda _: receiver, retry=RetryRule(0.01, 0.01), ring=lambda: None)

    def send(key: str) -> Outcome:
        wait_until(lambda: channel.is_ready)
        channel.submit(Delivery(id=1, key=key, payload={}, created_at=0.0))
        wait_until(lambda: not channel._outcomes.empty())
        outcome = channel.collect()
        assert outcome is not None
        return outcome

    assert send("good").failing_seconds == 0.0
    first = send("bad").failing_seconds
    channel.recovered()
    second = send("bad").failing_seconds
    assert 0.0 <= first < second <= channel.failing_seconds
    assert send("good").failing_seconds == channel.failing_seconds == 0.0
    channel.close(wait_seconds=10.0)
