"""The rate limit: what is kept back, that somebody is told how much, and that no flood drowns an alert."""

import time
from collections.abc import Iterator

import pytest
from live_alerts import Clock, Outbox, an_event, live_config
from live_receivers import WebhookReceiver, wait_until

from normalcy.live.alerts.sender import Sender
from normalcy.live.store.outbox import outbox_counts

pytest_plugins = ["live_alerts"]

START = 1_700_000_000.0 // 3600.0 * 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock(START + 600.0)


@pytest.fixture
def config(hook):
    return live_config(webhooks={"guard": {"url": hook.url}}, per_camera_per_hour=3)


@pytest.fixture
def sender(outbox, config, clock) -> Iterator[Sender]:
    made = Sender(outbox.store, config, media=outbox.folder, ring=lambda: None, clock=clock)
    yield made
    made.close(wait_seconds=10.0)


def run_dry(sender: Sender, outbox: Outbox, clock: Clock) -> None:
    """Turns until nothing that is due waits any more."""

    def is_dry() -> bool:
        sender.turn()
        due = [row for row in outbox.rows() if row.state == "waiting" and row.due_at <= clock.now]
        return sender.is_idle and not due

    wait_until(is_dry)


def kinds(hook: WebhookReceiver) -> list[str]:
    return [each.payload["type"] for each in hook.accepted]


def test_beyond_the_limit_one_message_says_how_many_were_kept_back(sender, outbox, config, clock, hook):
    keys = outbox.burst(10, config)
    run_dry(sender, outbox, clock)
    assert hook.keys == keys[:3]
    assert [outbox.states()[key] for key in keys[3:]] == ["held"] * 7
    with outbox.store.reading() as session:
        assert outbox_counts(session)["held"] == 7
    clock.now = START + 3601.0
    run_dry(sender, outbox, clock)
    clock.now += 3600.0
    run_dry(sender, outbox, clock)
    assert kinds(hook)[3:] == ["alerts.held"]
    assert hook.accepted[3].payload["held"] == 7
    assert hook.accepted[3].payload["camera"] == "door"


def test_another_camera_and_the_next_hour_are_not_concerned(sender, outbox, config, clock, hook):
    outbox.burst(5, config)
    of_yard = outbox.burst(2, config, camera="yard")
    run_dry(sender, outbox, clock)
    assert [each.key for each in hook.accepted if each.payload["camera"] == "yard"] == of_yard
    clock.now += 3601.0
    later = outbox.burst(1, config)
    run_dry(sender, outbox, clock)
    assert outbox.states()[later[0]] == "sent"


def test_alerts_go_out_in_the_middle_of_a_flood_of_notices(sender, outbox, config, clock, hook):
    outbox.burst(8, config, severity="notice")
    run_dry(sender, outbox, clock)
    alerts = outbox.burst(2, config, severity="alert")
    run_dry(sender, outbox, clock)
    assert hook.keys[3:] == alerts


def test_the_end_of_what_was_kept_back_is_not_told(sender, outbox, config, clock, hook):
    events = [an_event() for _ in range(5)]
    for event in events:
        outbox.tell(event, "event.opened", config)
    run_dry(sender, outbox, clock)
    for event in events:
        outbox.tell(event, "event.closed", config)
    run_dry(sender, outbox, clock)
    assert kinds(hook) == ["event.opened"] * 3 + ["event.closed"] * 3
    assert [each.payload["id"] for each in hook.accepted[3:]] == [each.id for each in events[:3]]


def test_a_sender_that_starts_anew_remembers_what_was_sent(outbox, config, clock, hook):
    for burst in range(2):
        sender = Sender(outbox.store, config, media=outbox.folder, ring=lambda: None, clock=clock)
        outbox.burst(2, config)
        run_dry(sender, outbox, clock)
        sender.close(wait_seconds=10.0)
        assert len(hook.accepted) == (2, 3)[burst]


def test_a_flood_is_worked_off_at_once_and_not_a_few_each_second(sender, outbox, config, clock):
    outbox.burst(450, config, severity="notice")
    started = time.monotonic()
    run_dry(sender, outbox, clock)
    assert time.monotonic() - started < 60.0
    assert list(outbox.states().values()).count("held") == 447
