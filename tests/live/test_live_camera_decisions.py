"""What capture decides without waiting for anything: waits, paces, caps, times, and what a source is."""

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from normalcy.errors import ConfigError
from normalcy.live.cameras.backoff import STEADY_SECONDS, Backoff
from normalcy.live.cameras.life import silent_after
from normalcy.live.cameras.pacing import LATE_SECONDS, NaturalPace, RateCap
from normalcy.live.cameras.pattern import Pattern, PatternBackend
from normalcy.live.cameras.sources import Manners, SourceKind, find_camera_source, manners_of, reading_options
from normalcy.live.cameras.state import TRANSITIONS, CameraState, ImpossibleTransition, require_transition
from normalcy.live.cameras.timekeeping import JUMP_SECONDS, Timekeeper, Timing
from normalcy.live.config.camera import CameraConfig
from normalcy.video.contract import ReadOptions, VideoInfo

steps = st.lists(st.floats(0.001, 0.5), min_size=1, max_size=200)


@given(st.integers(), st.floats(0.01, 10), st.floats(0.01, 100), st.integers(1, 40))
def test_waits_grow_up_to_a_limit(seed, first, most, failures):
    backoff = Backoff(first_seconds=first, most_seconds=most, random=Random(seed))
    for attempt in range(failures):
        ceiling = min(most, first * 2**attempt)
        assert ceiling / 2 <= backoff.after(online_seconds=0) <= ceiling
    assert backoff.after(online_seconds=STEADY_SECONDS) <= min(first, most)


def test_waits_are_spread_over_their_whole_range():
    waits = []
    for seed in range(300):
        backoff = Backoff(first_seconds=1, most_seconds=60, random=Random(seed))
        waits.append([backoff.after(online_seconds=5) for _ in range(10)])
    means = np.mean(waits, axis=0)
    np.testing.assert_allclose(means[:6], 0.75 * 2.0 ** np.arange(6), rtol=0.05)
    np.testing.assert_allclose(means[6:], 45, rtol=0.05)


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0, 1)), min_size=2, max_size=200))
def test_at_natural_speed_no_frame_is_early(frames):
    pace, now, pts_seconds, played = NaturalPace(), 100.0, 0.0, []
    for gap, work in frames:
        pts_seconds += gap
        now = max(now, pace.due(pts_seconds, now=now))
        played.append((pts_seconds, now))
        now += work
    for (pts_before, before), (pts_after, after) in itertools.combinations(played, 2):
        small_delay = min(LATE_SECONDS, before - 100.0)
        assert after - before >= pts_after - pts_before - small_delay - 1e-9


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0, 1)), min_size=2, max_size=200))
def test_at_natural_speed_work_between_frames_costs_no_time(frames):
    pace, now, pts_seconds = NaturalPace(), 100.0, 0.0
    start = pace.due(0.0, now=now)
    for gap, part in frames:
        pts_seconds += gap
        now = max(now, pace.due(pts_seconds, now=now))
        assert now - start == pytest.approx(pts_seconds)
        now += 0.001 * part


def test_after_a_long_stall_no_burst_follows():
    pace = NaturalPace()
    assert pace.due(0.0, now=10.0) == 10.0
    assert pace.due(1.0, now=10.2) == 11.0
    assert pace.due(2.0, now=12.0 + LATE_SECONDS / 2) == 12.0  # made up for
    assert pace.due(3.0, now=20.0) == 20.0  # not made up for
    assert pace.due(4.0, now=20.1) == 21.0


@given(st.floats(0.5, 60), steps)
def test_a_rate_cap_holds_over_any_span(fps, gaps):
    cap = RateCap(fps)
    times = list(itertools.accumulate(gaps))
    taken = [seconds for seconds in times if cap.takes(seconds)]
    for first, last in itertools.combinations(range(len(taken)), 2):
        assert last - first <= (taken[last] - taken[first]) * fps + 1 + 0.01 * fps


@pytest.mark.parametrize(("source_fps", "cap_fps", "per_second"), [(25, 10, 10), (30, 8, 8), (25, 30, 25)])
def test_a_rate_cap_is_used_to_the_full(source_fps, cap_fps, per_second):
    cap = RateCap(cap_fps)
    assert sum(cap.takes(index / source_fps) for index in range(source_fps * 20)) == per_second * 20
    assert all(map(RateCap(None).takes, [0.0, 0.0, 1e-9]))


@given(st.lists(st.tuples(st.sampled_from(list(Timing)), steps, st.floats(0, 100)), min_size=1, max_size=5))
def test_places_and_times_grow_over_all_connections(connections):
    keeper, now, last = Timekeeper(), 1000.0, None
    for timing, gaps, away in connections:
        keeper.connect(timing, step_seconds=0.04)
        now += away
        for index, pts_seconds in enumerate(itertools.accumulate(gaps)):
            now += gaps[index]
            placed = keeper.place(index, pts_seconds, now=now)
            assert not placed.jumped
            if last is None:
                assert (placed.index, placed.pts_seconds) == (0, 0.0)
            else:
                assert placed.index == last.index + 1
                assert placed.pts_seconds > last.pts_seconds
            last = placed
    assert (keeper.next_index, keeper.pts_seconds) == (last.index + 1, last.pts_seconds)


def test_a_stream_goes_on_where_the_clock_is():
    keeper = Timekeeper()
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    assert [keeper.place(i, i / 10, now=50 + i / 10).pts_seconds for i in range(3)] == [0.0, 0.1, 0.2]
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    again = [keeper.place(i, 7 + i / 10, now=90 + i / 10) for i in range(2)]
    assert [each.index for each in again] == [3, 4]
    np.testing.assert_allclose([each.pts_seconds for each in again], [40.0, 40.1])


def test_a_file_goes_on_one_step_after_its_last_frame():
    keeper = Timekeeper()
    for _ in range(3):
        keeper.connect(Timing.CONTINUOUS, step_seconds=0.25)
        times = [keeper.place(i, i / 4, now=50.0).pts_seconds for i in range(4)]
    assert times == [2.0, 2.25, 2.5, 2.75]


def test_the_times_of_a_stream_are_its_own_to_the_bit():
    """The same frames get the same scores, whatever way they came."""
    keeper = Timekeeper()
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    for index in range(100):
        assert keeper.place(index, index / 30, now=1e6 + index * 0.031).pts_seconds == index / 30


@given(st.floats(JUMP_SECONDS + 1, 1e9))
def test_timestamps_that_jump_are_seen(jump):
    keeper = Timekeeper()
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    keeper.place(0, 0.0, now=50.0)
    placed = keeper.place(1, jump, now=50.1)
    assert placed.jumped
    assert placed.pts_seconds == pytest.approx(0.1)
    assert not keeper.place(2, jump + 0.1, now=50.2).jumped


@given(st.floats(0, 60))
def test_a_stall_is_no_jump(away):
    keeper = Timekeeper()
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    keeper.place(0, 0.0, now=50.0)
    assert not keeper.place(1, away, now=50.0 + away).jumped
    assert not keeper.place(2, away + 0.1, now=50.0 + away).jumped


def test_a_process_that_starts_anew_goes_on():
    keeper = Timekeeper(next_index=10, pts_seconds=4.0, life_start=100.0)
    keeper.connect(Timing.STREAM, step_seconds=0.1)
    placed = keeper.place(0, 0.0, now=107.0)
    assert (placed.index, placed.pts_seconds) == (10, 7.0)


@given(st.floats(0.001, 10))
def test_slow_cameras_are_not_stalled_between_frames(period):
    assert silent_after(period) >= max(2.0, 4 * period)


def found(text, **settings):
    config = CameraConfig(source=text, **settings)
    return find_camera_source(config), config


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("rtsp://door/1", SourceKind.URL),
        ("http://${HOST_OF_DOOR}/live.m3u8", SourceKind.URL),
        ("${URL_OF_DOOR}", SourceKind.URL),
        ("/dev/video3", SourceKind.WEBCAM),
        ("0", SourceKind.WEBCAM),
        ("walk.mp4", SourceKind.FILE),
        ("file:///walk.mp4", SourceKind.FILE),
        ("test-pattern@5", SourceKind.PATTERN),
    ],
)
def test_kinds_of_sources(text, kind, monkeypatch):
    monkeypatch.setenv("HOST_OF_DOOR", "door")
    monkeypatch.setenv("URL_OF_DOOR", "rtsp://guard:s3cret@door/1")
    source, _ = found(text)
    assert source.kind is kind
    assert "s3cret" not in repr(source)


@pytest.mark.parametrize(
    ("text", "codec", "is_live", "manners"),
    [
        ("rtsp://door/1", "mjpeg", True, Manners(False, False, Timing.STREAM)),
        ("http://door/1", "mjpeg", True, Manners(False, False, Timing.ARRIVAL)),
        ("http://door/1.ts", "h264", True, Manners(False, False, Timing.STREAM)),
        ("https://door/1.m3u8?a=b", "h264", True, Manners(False, True, Timing.STREAM, repeats=True)),
        ("http://door/1.mp4", "h264", False, Manners(True, True, Timing.CONTINUOUS)),
        ("walk.mp4", "h264", False, Manners(True, True, Timing.CONTINUOUS)),
        ("/dev/video0", "mjpeg", True, Manners(False, False, Timing.STREAM)),
        ("test-pattern", "rawvideo", False, Manners(False, True, Timing.CONTINUOUS)),
    ],
)
def test_how_sources_behave(text, codec, is_live, manners):
    info = VideoInfo(640, 360, 25.0, None, None, "pyav", codec, is_live)
    source, config = found(text)
    assert manners_of(source, config, info) == manners


def test_files_may_be_read_as_fast_as_they_are_scored():
    info = VideoInfo(640, 360, 25.0, 100, 4.0, "pyav", "h264")
    for text in ("walk.mp4", "test-pattern"):
        source, config = found(text, natural_speed=False)
        manners = manners_of(source, config, info)
        assert (manners.waits, manners.paced) == (True, False)


def test_only_rtsp_has_a_transport(monkeypatch):
    monkeypatch.setenv("URL_OF_DOOR", "rtsp://door/1")
    for text in ("rtsp://a/b", "${URL_OF_DOOR}"):
        assert reading_options(*found(text, transport="udp")).ffmpeg_options == (("rtsp_transport", "udp"),)
    assert reading_options(*found("http://a/b", transport="udp")).ffmpeg_options == ()


@pytest.mark.parametrize(
    "text", ["test-pattern:8x8", "test-pattern:9000x100", "test-pattern@0", "test-patterns"]
)
def test_what_is_no_pattern(text):
    with pytest.raises(ConfigError, match="640x360@25"):
        Pattern.parse(text)


def test_the_pattern_moves_and_is_the_same_every_time():
    def read():
        decoded = PatternBackend(Pattern.parse("test-pattern:64x48@10")).decode(ReadOptions(end_seconds=1.0))
        return [(each.index, each.pts_seconds, each.picture.to_ndarray()) for each in decoded]

    first, second = read(), read()
    assert [index for index, _, _ in first] == list(range(10))
    assert first[3][1] == 0.3
    for (_, _, one), (_, _, other) in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((one[2] != other[2]).any() for one, other in itertools.pairwise(first))


@given(st.sampled_from(CameraState), st.sampled_from(CameraState))
def test_only_drawn_arrows_lead_anywhere(before, after):
    assume(after not in TRANSITIONS[before])
    with pytest.raises(ImpossibleTransition):
        require_transition(before, after)


def test_where_there_is_a_substream_it_alone_is_opened(monkeypatch):
    monkeypatch.setenv("SUB", "small")
    monkeypatch.delenv("MAIN", raising=False)
    config = CameraConfig(source="rtsp://door/${MAIN}", substream="rtsp://door/${SUB}")
    assert find_camera_source(config).location == "rtsp://door/small"
    with pytest.raises(ConfigError, match="MAIN is not set"):
        find_camera_source(config.model_copy(update={"substream": None}))
