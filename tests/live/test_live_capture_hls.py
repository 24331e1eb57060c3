"""HTTP Live Streaming: seconds of video arrive at once, are shown one after the other, and are given more than once."""

import itertools

import pytest
from live_captures import Rig, until
from live_hls import FPS, HlsStream

from normalcy.live.cameras.repeats import BURST_SECONDS, MOST_SECONDS, Repeats
from normalcy.live.frames.counters import Drop


@pytest.fixture
def stream(tmp_path):
    with HlsStream(tmp_path) as made:
        until(lambda: len(list(tmp_path.glob("*.ts"))) >= 3)
        yield made


def test_frames_of_a_segment_are_spread_over_its_time(stream):
    with Rig(stream.url) as rig:
        frames = rig.until_frames(3 * FPS)
        for before, after in itertools.pairwise(frames):
            assert after.index == before.index + 1
            assert after.pts_seconds - before.pts_seconds == pytest.approx(1 / FPS, abs=1e-3)
            assert after.captured >= before.captured
        lasted = frames[-1].pts_seconds - frames[0].pts_seconds
        # None earlier than it is due, by more than the pace lets pass.
        assert frames[-1].captured - frames[0].captured > lasted - 0.6
        assert "offline" not in rig.states


def test_a_recorder_that_hangs_is_offline_and_nothing_is_seen_twice(stream):
    with Rig(stream.url, read_timeout_seconds=2.5) as rig:
        rig.until_frames(FPS)
        stream.freeze()
        until(lambda: rig.was_told("it repeats what it sent before"))
        seen, states = len(rig.drain()), len(rig.states)
        until(lambda: sum("it repeats what it sent before" in line for line in rig.lines) >= 3)
        assert len(rig.drain()) == seen
        assert rig.dropped(Drop.REPEATED) > 0
        assert set(rig.states[states:]) == {"connecting", "offline"}
        stream.thaw()
        rig.until_more(FPS)


@pytest.mark.parametrize(
    ("before", "after", "repeated"),
    [
        ([10.0, 11.0, 12.0], [10.5, 11.0, 12.0, 12.5], [True, True, True, False]),
        ([10.0, 12.0], [12.1], [False]),
        ([100.0], [100.0 - MOST_SECONDS - 1, 100.0], [False, False]),  # a recorder that counts anew
        ([10.0, None], [5.0, None], [True, False]),
        ([10.0, 2.0], [1.0, 3.0], [True, False]),  # it began anew within the connection
    ],
)
def test_what_counts_as_seen(before, after, repeated):
    repeats = Repeats()
    repeats.connect()
    assert [repeats.holds(seconds) for seconds in before] == [False] * len(before)
    assert not repeats.nothing_new
    repeats.connect()
    assert [repeats.holds(seconds) for seconds in after] == repeated
    assert repeats.nothing_new is all(repeated)


def test_a_recorder_that_counts_anew_all_the_time_is_watched_all_the_same():
    """Sessions of 40 s whose timestamps begin at 0: what is given late in a connection is new."""
    now = 0.0
    repeats, seen = Repeats(clock=lambda: now), 0
    for _ in range(5):
        repeats.connect()
        for second in range(40):
            seen += not repeats.holds(float(second))
            now += 1.0
    assert seen >= 5 * (40 - BURST_SECONDS - 1)
