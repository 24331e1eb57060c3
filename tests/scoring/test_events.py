"""The alarm of one source: hysteresis, minimum length, merge gap, and never a look ahead."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.errors import ConfigError
from normalcy.scoring import events
from normalcy.scoring.events import TRANSITIONS, AlarmState, EventDetector, EventRule
from normalcy.scoring.types import FrameStamp

SECOND_PER_FRAME = 0.5
RULE = EventRule(enter_threshold=5.0, exit_threshold=3.0, min_seconds=1.0, merge_gap_seconds=2.0)

score_lists = st.lists(st.integers(0, 7).map(float), max_size=60)
rules = st.builds(
    lambda thresholds, min_frames, gap_frames: EventRule(
        max(thresholds), min(thresholds), min_frames * SECOND_PER_FRAME, gap_frames * SECOND_PER_FRAME
    ),
    st.tuples(st.integers(1, 7).map(float), st.integers(1, 7).map(float)),
    st.integers(0, 4),
    st.integers(0, 6),
)


def run(scores, rule=RULE):
    """Alarm at each frame, the frame that handed out each event (None at the end), and the events."""
    detector = EventDetector(rule, source_id="cam")
    alarms, emitted = [], []
    for index, score in enumerate(scores):
        alarm, event = detector.update(
            FrameStamp(index, index * SECOND_PER_FRAME), score=score, parts={"of": score}
        )
        alarms.append(alarm)
        if event:
            emitted.append((index, event))
    if last := detector.flush():
        emitted.append((None, last))
    return alarms, [at for at, _ in emitted], [event for _, event in emitted]


def spans_by_definition(scores, rule):
    """Confirmed, merged spans (first, last frame), with the whole video in view."""
    open_at = [False] * len(scores)
    for t, score in enumerate(scores):
        was_open = t > 0 and open_at[t - 1]
        open_at[t] = score >= (rule.exit_threshold if was_open else rule.enter_threshold)
    spans = []
    for is_open, group in itertools.groupby(range(len(scores)), key=lambda t: open_at[t]):
        frames = list(group)
        if is_open and (frames[-1] - frames[0]) * SECOND_PER_FRAME >= rule.min_seconds:
            spans.append((frames[0], frames[-1]))
    merged = []
    for first, last in spans:
        if merged and (first - merged[-1][1]) * SECOND_PER_FRAME < rule.merge_gap_seconds:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


# --- properties


@settings(max_examples=300)
@given(score_lists, rules)
def test_events_are_those_of_the_definition(scores, rule):
    _, _, found = run(scores, rule)
    assert [(event.start_index, event.end_index) for event in found] == spans_by_definition(scores, rule)


@given(score_lists, score_lists, rules)
def test_the_alarm_does_not_look_ahead(past, future, rule):
    assert run(past + future, rule)[0][: len(past)] == run(past, rule)[0]


@given(score_lists, score_lists, rules)
def test_an_event_that_was_handed_out_is_final(past, future, rule):
    _, at_past, events_past = run(past, rule)
    final = [event for at, event in zip(at_past, events_past, strict=True) if at is not None]
    assert run(past + future, rule)[2][: len(final)] == final


@given(score_lists, rules)
def test_the_alarm_is_on_only_inside_events(scores, rule):
    alarms, _, found = run(scores, rule)
    inside = {t for event in found for t in range(event.start_index, event.end_index + 1)}
    assert {t for t, alarm in enumerate(alarms) if alarm} <= inside
    assert all(any(alarms[event.start_index : event.end_index + 1]) for event in found)


@given(score_lists, rules)
def test_the_peak_is_the_highest_score_of_its_alarms(scores, rule):
    alarms, _, found = run(scores, rule)
    for event in found:
        own = [s for t, s in enumerate(scores) if alarms[t] and event.start_index <= t <= event.end_index]
        assert event.peak_score >= max(own)
        assert event.peak_score == scores[event.peak_index] == event.parts["of"]


# --- by hand: half a second a frame, enter 5, exit 3, at least 1 s, gap 2 s


def test_shows_once_it_has_lasted_and_stays_until_the_exit_threshold():
    alarms, at, (event,) = run([0, 5, 4, 3, 3, 2, 9, 2, 2, 2, 2])
    assert alarms == [False] * 3 + [True, True] + [False] * 6
    assert (event.start_index, event.end_index) == (1, 4)
    assert (event.start_seconds, event.end_seconds) == (0.5, 2.0)
    assert (event.peak_index, event.peak_seconds, event.peak_score) == (1, 0.5, 5.0)
    assert event.source_id == "cam"
    assert at == [8], "2 s after its last frame, which is frame 4"


def test_a_score_between_the_thresholds_opens_nothing():
    assert run([4.9] * 20) == ([False] * 20, [], [])


def test_spans_closer_than_the_gap_are_one_event():
    alarms, _, (event,) = run([6, 6, 6, 0, 0, 0, 7, 6, 6, 0], EventRule(5, 3, 1.0, 2.5))
    assert (event.start_index, event.end_index, event.peak_index) == (0, 8, 6)
    assert alarms == [False, False, True, False, False, False, False, False, True, False]


def test_spans_a_gap_apart_are_two_events():
    _, at, found = run([6, 6, 6, 0, 0, 0, 7, 6, 6, 0], EventRule(5, 3, 1.0, 2.0))
    assert [(event.start_index, event.end_index) for event in found] == [(0, 2), (6, 8)]
    assert at == [6, None]


def test_a_span_that_began_within_the_gap_is_waited_for():
    scores = [6, 6, 6, 0, 0, 6, 6, 6, 0, 0, 0, 0]
    _, at, (event,) = run(scores, EventRule(5, 3, 1.0, 2.0))
    assert (event.start_index, event.end_index) == (0, 7)
    assert at == [11]


def test_a_short_span_within_the_gap_is_forgotten_and_ends_the_wait():
    """The gap runs out at frame 6 while a span is open; that closes at frame 7, too short."""
    _, at, (event,) = run([6, 6, 6, 0, 0, 6, 6, 0, 0])
    assert (event.start_index, event.end_index) == (0, 2)
    assert at == [7]


def test_short_spans_do_not_add_up():
    assert run([6, 6, 0] * 10)[2] == []


def test_no_minimum_and_no_gap_alarm_at_once_and_end_at_once():
    alarms, at, found = run([0, 6, 0, 6], EventRule(5, 5, 0.0, 0.0))
    assert alarms == [False, True, False, True]
    assert [(event.start_index, event.end_index) for event in found] == [(1, 1), (3, 3)]
    assert at == [2, None]


def test_an_open_alarm_ends_with_the_source():
    _, at, (event,) = run([6, 6, 6, 6])
    assert at == [None]
    assert event.end_index == 3


def test_an_unconfirmed_span_at_the_end_is_nothing():
    assert run([0, 6, 6])[2] == []


def test_an_infinite_threshold_never_alarms():
    assert run([1e30] * 5, EventRule(math.inf, math.inf, 0.0, 0.0))[2] == []


def test_after_a_flush_the_detector_starts_anew():
    detector = EventDetector(RULE, source_id="cam")
    for index in range(4):
        detector.update(FrameStamp(index, float(index)), score=6.0, parts={})
    assert detector.flush()
    assert detector.state is AlarmState.QUIET
    assert detector.flush() is None


# --- the state machine


@given(score_lists, rules)
def test_only_the_written_transitions_are_taken(scores, rule):
    detector = EventDetector(rule, source_id="cam")
    seen = []

    class Recording(dict):
        def __getitem__(self, state):
            seen.append(state)
            return TRANSITIONS[state]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "TRANSITIONS", Recording())
        for index, score in enumerate(scores):
            detector.update(FrameStamp(index, index * SECOND_PER_FRAME), score=score, parts={})
            seen.append(detector.state)
    assert all(
        later in TRANSITIONS[earlier] for earlier, later in itertools.pairwise(seen) if later is not earlier
    )


def test_every_state_is_left_and_reached():
    assert set(TRANSITIONS) == set(AlarmState)
    assert set().union(*TRANSITIONS.values()) == set(AlarmState)


# --- bad rules


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ((1.0, 2.0, 0.0, 0.0), "exit threshold 2.0 is above"),
        ((math.nan, 2.0, 0.0, 0.0), "exit threshold"),
        ((2.0, 1.0, -0.1, 0.0), "min_seconds -0.1"),
        ((2.0, 1.0, 0.0, math.nan), "merge_gap_seconds nan"),
    ],
)
def test_rules_that_contradict_themselves(values, match):
    with pytest.raises(ConfigError, match=match):
        EventRule(*values)


@pytest.mark.parametrize("start", range(0, 200, 7))
def test_rounding_of_times_does_not_decide(start):
    """At 10 fps a span of 4 frames lasts 0.3 s wherever it lies, though 0.7 - 0.4 is less than 0.3 in floats."""
    detector = EventDetector(EventRule(5, 5, min_seconds=0.3, merge_gap_seconds=0.2), source_id="cam")
    alarms, events = [], []
    for index, score in enumerate([9, 9, 9, 9, 0, 0, 0], start=start):
        alarmed, event = detector.update(FrameStamp(index, index / 10), score=score, parts={})
        alarms.append(alarmed)
        events.append(event is not None)
    assert alarms == [False, False, False, True, False, False, False]
    assert events == [False, False, False, False, False, True, False]
