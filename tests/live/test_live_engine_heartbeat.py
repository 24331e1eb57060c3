"""Signs of life of the scoring loop: they come in time, and nothing waits for somebody to read them."""

import time

import pytest
from live_engine import Clock

from normalcy.live.engine.heartbeat import BEAT_SECONDS, Heartbeat
from normalcy.live.engine.orders import Counters
from normalcy.live.processes import CONTEXT


@pytest.fixture
def pipe():
    ours, theirs = CONTEXT.Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_it_beats_once_a_second_with_what_was_counted(pipe):
    ours, theirs = pipe
    clock, counted = Clock(), iter([Counters(lost=1), Counters(lost=2)])
    beats = Heartbeat(theirs, counters=lambda: next(counted), clock=clock)
    beats.beat()
    clock.now += BEAT_SECONDS / 2
    beats.beat()
    clock.now += BEAT_SECONDS / 2
    beats.beat()
    assert [ours.recv(), ours.recv()] == [Counters(lost=1), Counters(lost=2)]
    assert not ours.poll()


def test_who_reads_nothing_or_is_gone_holds_up_nobody(pipe):
    ours, theirs = pipe
    clock = Clock()
    beats, end = Heartbeat(theirs, counters=Counters, clock=clock), time.monotonic() + 20
    for _ in range(20_000):
        clock.now += BEAT_SECONDS
        beats.beat()
    assert time.monotonic() < end
    ours.close()
    clock.now += BEAT_SECONDS
    beats.beat()
