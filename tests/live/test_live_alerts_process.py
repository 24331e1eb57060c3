"""The alerts process is killed at random points: nothing is lost, and what is repeated carries the same key."""

import random
import time

from live_alerts import Loop, live_config
from live_receivers import WebhookReceiver, wait_until

pytest_plugins = ["live_alerts"]

ROUNDS = 5


def config_of(hook: WebhookReceiver):
    return live_config(
        webhooks={"guard": {"url": hook.url, "secret": hook.secret}}, per_camera_per_hour=10**6
    )


def test_killed_over_and_over_nothing_is_lost_and_repetitions_carry_their_key(hook, outbox):
    config, dice = config_of(hook), random.Random(0)
    hook.behaviour.pause_seconds = 0.002
    keys: list[str] = []
    for _ in range(ROUNDS):
        before = len(hook.requests)
        keys += outbox.burst(30, config)
        loop = Loop(outbox, config, in_process=True)
        wanted = before + dice.randrange(1, 25)
        wait_until(lambda wanted=wanted: len(hook.requests) >= wanted)
        time.sleep(dice.random() * 0.01)
        loop.kill()
        loop.close()
    with Loop(outbox, config, in_process=True):
        outbox.wait_for(keys)
    assert list(dict.fromkeys(hook.keys)) == keys  # each of them, the first time in order
    assert len(hook.repeated) <= ROUNDS  # each time at most the one that was under way
    assert all(each.is_genuine for each in hook.requests)


def test_sent_but_not_written_down_is_sent_again_with_the_same_key(hook, outbox):
    config = config_of(hook)
    keys = outbox.burst(1, config)
    hook.behaviour.hang.set()
    loop = Loop(outbox, config, in_process=True)
    wait_until(lambda: hook.arrived)
    loop.kill()
    loop.close()
    hook.behaviour.hang.clear()
    wait_until(lambda: hook.requests)
    assert outbox.states() == dict.fromkeys(keys, "waiting")
    with Loop(outbox, config, in_process=True):
        outbox.wait_for(keys)
    assert hook.keys == keys * 2


def test_it_ends_by_itself_when_the_supervisor_is_gone(hook, outbox):
    loop = Loop(outbox, config_of(hook), in_process=True)
    loop.cameras({"door": ("online", False)})
    loop.control.close()
    loop.worker.join(30)
    assert loop.worker.exitcode == 0
    loop.close()


def test_it_stops_in_time_though_a_receiver_hangs(hook, outbox):
    config = config_of(hook)
    hook.behaviour.hang.set()
    loop = Loop(outbox, config, in_process=True)
    keys = outbox.burst(1, config)
    loop.ring()
    wait_until(lambda: hook.arrived)
    loop.close()
    assert loop.worker.exitcode == 0
    assert outbox.states() == dict.fromkeys(keys, "waiting")
