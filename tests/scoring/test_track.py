"""From the scores of clips to verdicts on frames."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_models import BrightnessModel, frames_of, spec_of
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack, alarm_rule, describe_threshold
from normalcy.scoring.types import Clip, ClipScores, FrameStamp
from normalcy.scoring.window import ClipWindow

PLAIN = ScoringSettings(smoothing_alpha=1)
CALIBRATION = fit_calibration([np.random.default_rng(0).gamma(2, size=4000)], frames_per_second=10)


def stamps(*indices: int) -> tuple[FrameStamp, ...]:
    return tuple(FrameStamp(index, index / 10) for index in indices)


def clip(held: tuple[int, ...], due: tuple[int, ...]) -> Clip:
    return Clip(np.zeros((len(held), 1, 2, 3), np.uint8), stamps(*held), stamps(*due), "cam")


def scores(*values: float) -> ClipScores:
    maps = np.stack([np.full((2, 3), value, np.float32) for value in values])
    return ClipScores(np.array(values, np.float32), maps, {"part": -np.array(values, np.float32)})


def track_of(spec, *, settings=PLAIN, calibration=None):
    return ScoreTrack(spec, source_id="cam", settings=settings, calibration=calibration)


def settled(spec, clip, clip_scores):
    return [(f.index, f.raw, f.own) for f in track_of(spec).update(clip, clip_scores).frames]


def test_each_frame_takes_its_own_score():
    found = settled(spec_of(3), clip((4, 5, 6), (4, 5, 6)), scores(1, 2, 3))
    assert found == [(4, 1, True), (5, 2, True), (6, 3, True)]


def test_a_frame_without_a_score_keeps_the_last_one():
    middle = spec_of(5, scored=(1, 3))
    found = settled(middle, clip((0, 1, 2, 3, 4), (0, 1, 2, 3)), scores(10, 30))
    assert found == [(0, 10, False), (1, 10, True), (2, 10, False), (3, 30, True)]


def test_a_frame_after_the_last_score_takes_that():
    assert settled(spec_of(3, scored=(1,)), clip((7, 8, 9), (8, 9)), scores(5)) == [
        (8, 5, True),
        (9, 5, False),
    ]


def test_only_frames_before_the_first_score_take_a_later_one():
    track = track_of(spec_of(2))
    updates = [
        track.update(clip((1, 2), (0, 1, 2)), scores(10, 20)),
        track.update(clip((5, 6), (3, 4, 5, 6)), scores(50, 60)),
    ]
    assert [[(f.index, f.raw, f.own) for f in update.frames] for update in updates] == [
        [(0, 10, False), (1, 10, True), (2, 20, True)],
        [(3, 20, False), (4, 20, False), (5, 50, True), (6, 60, True)],
    ]


def test_a_kept_score_brings_its_map_and_its_parts():
    track = track_of(spec_of(1))
    track.update(clip((0,), (0,)), scores(7))
    kept, own = track.update(clip((2,), (1, 2)), scores(9)).frames
    assert (kept.parts, own.parts) == ({"part": -7}, {"part": -9})
    assert (kept.map_HW.max(), own.map_HW.max()) == (7, 9)


def test_frames_that_were_lost_do_not_shift_the_scores():
    found = settled(spec_of(3), clip((3, 7, 8), (3, 7, 8)), scores(30, 70, 80))
    assert found == [(3, 30, True), (7, 70, True), (8, 80, True)]


def test_a_verdict_carries_parts_map_time_and_source():
    (verdict,) = track_of(spec_of(2, scored=(1,))).update(clip((3, 4), (4,)), scores(6)).frames
    assert (verdict.source_id, verdict.index, verdict.pts_seconds) == ("cam", 4, 0.4)
    assert verdict.parts == {"part": -6}
    assert np.array_equal(verdict.map_HW, np.full((2, 3), 6, np.float32))


def test_smoothing_goes_on_over_clips_and_the_rate_is_that_of_the_smoothed_score():
    track = track_of(spec_of(1), settings=ScoringSettings(smoothing_alpha=0.5), calibration=CALIBRATION)
    found = [
        track.update(clip((i,), (i,)), scores(value)).frames[0] for i, value in enumerate((12.0, 0.0, 6.0))
    ]
    assert [verdict.raw for verdict in found] == [12, 0, 6]
    assert [verdict.smoothed for verdict in found] == [12, 6, 6]
    expected = [CALIBRATION.false_alarms_per_day(smoothed) for smoothed in (12, 6, 6)]
    assert [verdict.false_alarms_per_day for verdict in found] == expected
    assert expected[0] < expected[1]


def test_without_a_calibration_nothing_is_ever_alarmed():
    rule = alarm_rule(PLAIN, None)
    assert rule.enter_threshold == rule.exit_threshold == math.inf
    track = track_of(spec_of(1))
    (verdict,) = track.update(clip((0,), (0,)), scores(3e38)).frames
    assert not verdict.alarmed
    assert math.isnan(verdict.false_alarms_per_day)
    assert track.flush() == []


def test_the_alarm_goes_by_the_calibrated_thresholds():
    settings = ScoringSettings(
        false_alarms_per_day=500, exit_factor=4, min_event_seconds=0.7, merge_gap_seconds=3
    )
    rule = alarm_rule(settings, CALIBRATION)
    assert rule.enter_threshold == CALIBRATION.threshold(500)
    assert rule.exit_threshold == CALIBRATION.threshold(2000)
    assert rule.exit_threshold < rule.enter_threshold
    assert (rule.min_seconds, rule.merge_gap_seconds) == (0.7, 3)


@pytest.mark.parametrize("calibration", [CALIBRATION, None])
def test_a_fixed_threshold_takes_the_place_of_the_calibrated_one(calibration):
    rule = alarm_rule(ScoringSettings(threshold=7.5), calibration)
    assert rule.enter_threshold == rule.exit_threshold == 7.5


def test_a_fixed_threshold_is_described_by_what_it_means_on_normal_video():
    text = describe_threshold(ScoringSettings(threshold=7.5), CALIBRATION)
    assert text.startswith("Fixed at 7.5, which normal video reaches ")
    assert f"{CALIBRATION.false_alarms_per_day(7.5):,.3g} times a day" in text
    asked = describe_threshold(ScoringSettings(false_alarms_per_day=500), CALIBRATION)
    assert asked == CALIBRATION.describe(false_alarms_per_day=500)


def test_a_rate_out_of_reach_gives_one_threshold_and_no_warning_for_each_source():
    short = fit_calibration([np.arange(30.0)], frames_per_second=10)
    rule = alarm_rule(ScoringSettings(false_alarms_per_day=0.001), short)
    assert rule.enter_threshold == rule.exit_threshold > 29


def test_an_alarm_shows_at_its_frame_and_the_open_event_comes_with_the_flush():
    settings = ScoringSettings(smoothing_alpha=1, min_event_seconds=0, false_alarms_per_day=500)
    high = CALIBRATION.threshold(500) + 1
    track = track_of(spec_of(1), settings=settings, calibration=CALIBRATION)
    updates = [track.update(clip((i,), (i,)), scores(value)) for i, value in enumerate((0, high, high, 0))]
    assert [update.frames[0].alarmed for update in updates] == [False, True, True, False]
    assert [update.events for update in updates] == [[], [], [], []]
    (event,) = track.flush()
    assert (event.start_index, event.end_index, event.source_id) == (1, 2, "cam")
    assert track.flush() == []


def verdicts(levels, spec, *, hop_frames):
    """Verdicts so far after each frame of an endless source, and the events so far."""
    window, model = ClipWindow(spec, hop_frames=hop_frames), BrightnessModel(spec)
    settings = ScoringSettings(
        smoothing_alpha=0.5, min_event_seconds=0.1, merge_gap_seconds=0.3, false_alarms_per_day=15_000
    )
    track, said, events = track_of(spec, settings=settings, calibration=CALIBRATION), [], []
    for frame in frames_of(levels):
        if ready := window.push(frame):
            update = track.update(ready, model.infer([ready.clip_TCHW])[0])
            said += [(f.index, f.raw, f.smoothed, f.alarmed, f.own) for f in update.frames]
            events += update.events
        yield list(said), list(events)


specs = st.integers(1, 4).flatmap(
    lambda length: st.builds(
        spec_of,
        st.just(length),
        scored=st.sets(st.integers(0, length - 1)).map(lambda places: tuple(sorted(places))),
        stride=st.integers(1, 3),
    )
)
levels = st.lists(st.integers(0, 8), max_size=20)


@given(past=levels, future=levels, other=levels, spec=specs, hop_frames=st.integers(1, 5))
def test_what_was_said_of_a_frame_never_depends_on_later_frames(past, future, other, spec, hop_frames):
    one = list(verdicts(past + future, spec, hop_frames=hop_frames))[: len(past)]
    two = list(verdicts(past + other, spec, hop_frames=hop_frames))[: len(past)]
    assert one == two


@given(past=levels, spec=specs)
def test_with_a_clip_at_every_frame_no_scored_frame_waits(past, spec):
    """Once the first clip is full, the newest frame that can be scored is scored at once."""
    behind = (spec.length_frames - 1 - spec.scored[-1]) * spec.stride_frames
    for count, (said, _) in enumerate(verdicts(past, spec, hop_frames=1), start=1):
        expected = range(count - behind) if count >= spec.span_frames else range(0)
        assert [index for index, *_ in said] == list(expected)


# --- while it goes on


def fed(track, values, *, first=0):
    """What a track says of single frames."""
    found = [track.update(clip((n,), (n,)), scores(value)) for n, value in enumerate(values, start=first)]
    return [each.frames[0] for each in found], [each.open_events[0] for each in found]


LOUD = ScoringSettings(smoothing_alpha=1, threshold=5, min_event_seconds=0.2, merge_gap_seconds=0.3)


def test_tells_of_the_open_event_frame_by_frame():
    frames, opened = fed(track_of(spec_of(1), settings=LOUD), [0, 6, 6, 9, 6, 0, 0, 0, 0])
    assert [frame.alarmed for frame in frames] == [False] * 3 + [True, True] + [False] * 4
    spans = [event and (event.start_index, event.end_index, event.peak_index) for event in opened]
    assert spans == [None] * 3 + [(1, 3, 3), (1, 4, 3), (1, 4, 3), (1, 4, 3), None, None]


def test_an_event_that_a_clip_opens_and_ends_is_open_at_its_frames():
    track = track_of(spec_of(9), settings=LOUD)
    held = tuple(range(9))
    update = track.update(clip(held, held), scores(0, 6, 6, 6, 0, 0, 0, 0, 0))
    assert [event is not None for event in update.open_events] == [False] * 3 + [True] * 3 + [False] * 3
    assert len(update.events) == 1


def test_after_a_flush_nothing_of_before_is_left():
    """Neither the average, nor the last score, nor the alarm."""
    settings = ScoringSettings(smoothing_alpha=0.1, threshold=5, min_event_seconds=0)
    track = track_of(spec_of(1), settings=settings)
    fed(track, [100, 100])
    assert len(track.flush()) == 1
    frames, opened = fed(track, [1, 2], first=2)
    assert [frame.smoothed for frame in frames] == [pytest.approx(1), pytest.approx(1.1)]
    assert opened == [None, None]
    assert track.flush() == []


def test_another_threshold_holds_from_the_next_frame_on():
    track = track_of(spec_of(1), settings=LOUD)
    assert fed(track, [4] * 5)[0][-1].alarmed is False
    track.retune(settings=LOUD.model_copy(update={"threshold": 3}), calibration=None)
    assert fed(track, [4] * 3, first=5)[0][-1].alarmed is True
    track.retune(settings=LOUD, calibration=None)
    frames, opened = fed(track, [4, 4], first=8)
    assert [frame.alarmed for frame in frames] == [False, False]
    assert opened[0].start_index == 5, "the event waits for its gap"


def test_another_calibration_is_told_from_the_next_frame_on():
    track = track_of(spec_of(1), calibration=CALIBRATION)
    assert track.rate_of(3.0) == CALIBRATION.false_alarms_per_day(3.0)
    before = fed(track, [3])[0][0].false_alarms_per_day
    learned = CALIBRATION.with_false_alarms([20.0] * 5)
    threshold = track.rule.enter_threshold
    track.retune(settings=PLAIN, calibration=learned)
    after = fed(track, [3], first=1)[0][0].false_alarms_per_day
    assert (before, after) == (CALIBRATION.false_alarms_per_day(3.0), learned.false_alarms_per_day(3.0))
    assert track.rule.enter_threshold > threshold
    assert math.isnan(track_of(spec_of(1)).rate_of(3.0))
