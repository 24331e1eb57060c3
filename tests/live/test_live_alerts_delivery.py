"""Messages on their way to webhooks: each arrives once and in order, whatever receivers and the database do."""

import sqlite3
import time

import pytest
from live_alerts import Loop, Outbox, an_event, live_config
from live_receivers import Behaviour, WebhookReceiver, wait_until, webhook_receiver

from normalcy.live.alerts import outbox_loop, sender
from normalcy.live.config.live import LiveConfig

pytest_plugins = ["live_alerts"]


def config_of(hook: WebhookReceiver, **alerts: object) -> LiveConfig:
    webhook = {"url": hook.url, "secret": hook.secret, "timeout_seconds": 20.0}
    return live_config(webhooks={"guard": webhook}, per_camera_per_hour=1000, **alerts)


def test_what_is_in_the_outbox_arrives_signed_in_order_and_once_over_one_connection(hook, outbox):
    config = config_of(hook)
    keys = outbox.burst(25, config)
    with Loop(outbox, config):
        outbox.wait_for(keys)
    assert hook.keys == keys
    assert all(each.is_genuine for each in hook.requests)
    assert [each.payload["key"] for each in hook.requests] == keys
    assert hook.connections == 1


def test_the_doorbell_is_enough_and_without_it_the_outbox_is_looked_at_all_the_same(hook, outbox):
    config = config_of(hook)
    with Loop(outbox, config) as loop:
        keys = outbox.burst(1, config)
        loop.ring()
        outbox.wait_for(keys)
        more = outbox.burst(1, config)
        outbox.wait_for(more)
    assert hook.keys == keys + more


def test_a_receiver_that_was_down_gets_everything_once_and_in_order(hook, outbox):
    config = config_of(hook)
    hook.down()
    with Loop(outbox, config) as loop:
        keys = outbox.burst(30, config)
        loop.ring()
        wait_until(lambda: outbox.rows()[0].attempts >= 2)
        assert set(outbox.states().values()) == {"waiting"}
        hook.up()
        outbox.wait_for(keys)
    assert hook.keys == keys


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_that_answers_with_trouble_is_tried_again(hook, outbox, status):
    config = config_of(hook)
    hook.behaviour = Behaviour(status=status)
    with Loop(outbox, config):
        keys = outbox.burst(3, config)
        wait_until(lambda: len(hook.requests) >= 2)
        hook.behaviour = Behaviour()
        outbox.wait_for(keys)
    assert hook.keys == keys
    assert {each.key for each in hook.requests if each.status != 200} == {keys[0]}


def test_a_receiver_that_asks_for_time_gets_it(hook, outbox):
    config = config_of(hook)
    hook.behaviour = Behaviour(status=429, headers={"Retry-After": "1"})
    with Loop(outbox, config):
        keys = outbox.burst(1, config)
        wait_until(lambda: hook.requests)
        asked_at = time.monotonic()
        hook.behaviour = Behaviour()
        outbox.wait_for(keys)
        waited_seconds = time.monotonic() - asked_at
    assert len(hook.requests) == 2
    assert waited_seconds > 0.7  # of its own it waits for 0.05 s


def test_a_message_that_is_refused_delays_no_other_but_those_of_its_own_event(hook, outbox):
    config = config_of(hook)
    bad = an_event(sentence="refuse me")
    hook.behaviour = Behaviour(refuses=lambda payload: payload["sentence"] == "refuse me")
    with Loop(outbox, config) as loop:
        refused = outbox.tell(bad, "event.opened", config)
        refused += outbox.tell(an_event(id=bad.id, state="closed", sentence="fine"), "event.closed", config)
        keys = outbox.burst(5, config)
        loop.ring()
        outbox.wait_for(keys)
        assert {outbox.states()[key] for key in refused} == {"waiting"}
        hook.behaviour = Behaviour()
        outbox.wait_for(refused)
    assert hook.keys == keys + refused


def test_a_message_that_upsets_its_receiver_over_and_over_does_not_keep_the_others(hook, outbox):
    config = config_of(hook)
    hook.behaviour = Behaviour(refuses=lambda payload: payload["sentence"] == "upset", refusal=500)
    with Loop(outbox, config) as loop:
        upsetting = outbox.tell(an_event(sentence="upset"), "event.opened", config)
        keys = outbox.burst(5, config)
        loop.ring()
        outbox.wait_for(keys)
        hook.behaviour = Behaviour()
        outbox.wait_for(upsetting)
    assert hook.keys == keys + upsetting


def test_a_message_is_given_up_after_hours_and_the_next_ones_go_on(hook, outbox):
    config = config_of(hook, give_up_hours=0.5 / 3600.0)
    past = Outbox(outbox.folder, now=lambda: time.time() - 7200.0)
    old = past.burst(3, config)
    past.store.close()
    hook.down()
    with Loop(outbox, config) as loop:
        outbox.wait_for(old, state="dead")
        hook.up()
        keys = outbox.burst(1, config)
        loop.ring()
        outbox.wait_for(keys)
    assert hook.keys == keys


def test_an_old_message_that_was_never_tried_gets_its_attempt(hook, outbox):
    config = config_of(hook, give_up_hours=1.0)
    past = Outbox(outbox.folder, now=lambda: time.time() - 7200.0)
    old = past.burst(3, config)
    past.store.close()
    with Loop(outbox, config):
        outbox.wait_for(old)
    assert hook.keys == old


def test_a_receiver_that_hangs_delays_no_other(hook, outbox):
    with webhook_receiver() as slow:
        hooks = {"guard": {"url": hook.url}, "slow": {"url": slow.url}}
        config = live_config(webhooks=hooks, per_camera_per_hour=1000)
        slow.behaviour.hang.set()
        with Loop(outbox, config) as loop:
            keys = outbox.burst(15, config)
            loop.ring()
            outbox.wait_for([key for key in keys if key.endswith("guard")])
            theirs = [key for key in keys if key.endswith("slow")]
            assert not slow.requests
            assert {outbox.states()[key] for key in theirs} == {"waiting"}
            slow.behaviour.hang.clear()
            outbox.wait_for(theirs)
        assert slow.keys == theirs


def test_what_arrived_is_written_down_once_a_locked_database_opens_and_not_sent_again(
    hook, outbox, monkeypatch
):
    monkeypatch.setattr("normalcy.live.store.connections.BUSY_SECONDS", 0.2)
    config = config_of(hook)
    keys = outbox.burst(4, config)
    hook.behaviour.hang.set()
    with Loop(outbox, config):
        wait_until(lambda: hook.arrived)
        lock = sqlite3.connect(outbox.folder / "events.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        hook.behaviour.hang.clear()
        wait_until(lambda: len(hook.requests) == 4)  # it goes on though what arrived cannot be written down
        assert set(outbox.states().values()) == {"waiting"}
        lock.execute("ROLLBACK")
        lock.close()
        outbox.wait_for(keys)
    assert hook.keys == keys


def test_a_new_configuration_takes_receivers_in_and_out(hook, outbox, monkeypatch):
    monkeypatch.setattr(sender, "_NEWCOMER_SECONDS", 0.0)
    config = config_of(hook)
    with webhook_receiver(secret="other") as second, Loop(outbox, config) as loop:
        first = outbox.burst(1, config)
        loop.ring()
        outbox.wait_for(first)
        hook.down()
        lost = outbox.burst(1, config)
        loop.ring()
        after = live_config(webhooks={"second": {"url": second.url, "secret": second.secret}})
        loop.say({"config": after})
        outbox.wait_for(lost, state="dead")
        keys = outbox.burst(1, after)
        loop.ring()
        outbox.wait_for(keys)
        assert second.keys == keys
    assert hook.keys == first


def test_a_secret_that_appears_later_is_taken_up(hook, outbox, tmp_path):
    secret = tmp_path / "secret"
    reference = f"${{file:{secret}}}"
    config = live_config(webhooks={"guard": {"url": hook.url, "secret": reference}})
    with Loop(outbox, config) as loop:
        keys = outbox.burst(1, config)
        loop.ring()
        wait_until(lambda: outbox.rows()[0].attempts >= 1)
        assert "cannot be read" in outbox.rows()[0].error
        secret.write_text(hook.secret + "\n")
        outbox.wait_for(keys)
    assert hook.requests[0].is_genuine


def test_what_is_due_when_it_is_told_to_stop_still_goes_out(hook, outbox, monkeypatch):
    monkeypatch.setattr(outbox_loop, "_FAREWELL_SECONDS", 60.0)  # a busy machine decides nothing
    config = config_of(hook)
    loop = Loop(outbox, config)
    keys = outbox.burst(12, config)
    loop.close()
    assert hook.keys == keys
    assert set(outbox.states().values()) == {"sent"}
