"""One incident is one event: worked by hand, and by chance."""

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.live.events.incident import (
    TRANSITIONS,
    Change,
    Incident,
    IncidentRule,
    IncidentState,
    Judgement,
)
from normalcy.scoring.events import EventDetector, EventRule
from normalcy.scoring.types import Event, FrameScore, FrameStamp

RULE = IncidentRule(cool_down_seconds=3.0, update_seconds=1.0, resume_seconds=10.0)
WALL = 1_000_000.0
ALERT = 8.0


def score(seconds: float, value: float) -> FrameScore:
    return FrameScore("cam", round(seconds * 2), seconds, value, value, 1 / (1 + value), value >= 5, True)


def alarm(start: float, end: float, peak: float, *, at: float | None = None) -> Event:
    place = start if at is None else at
    return Event(
        "cam", round(start * 2), round(end * 2), start, end, round(place * 2), place, peak, {"of": peak}
    )


class Played:
    """An incident that is told of frames, with a wall clock that may jump."""

    def __init__(self, rule: IncidentRule = RULE, resumed=None) -> None:
        self.incident = Incident("cam", region="", bundle="main", rule=rule, resumed=resumed)
        self.wall = WALL
        self.steps = []

    def frame(self, seconds: float, event: Event | None, *, value: float = 0.0, may_open: bool = True):
        judgement = Judgement(
            event,
            at=self.wall + seconds,
            clock=500 + seconds,
            threshold=5.0,
            alert_threshold=ALERT,
            rate_of=lambda peak: 1 / (1 + peak),
            may_open=may_open,
        )
        found = self.incident.update(score(seconds, value), judgement)
        self.steps.extend(found)
        return [step.change for step in found]

    def close(self):
        self.steps.extend(self.incident.close())

    def changes(self):
        return [step.change for step in self.steps]

    def events(self, change: Change):
        return [step.event for step in self.steps if step.change is change]


# --- by hand


def test_an_event_opens_with_its_first_frame_and_ends_with_its_last():
    played = Played()
    assert played.frame(0, None) == []
    assert played.frame(1, alarm(0.5, 1, 6), value=6) == [Change.OPENED]
    assert played.frame(1.5, alarm(0.5, 1.5, 7, at=1.5), value=7) == []
    assert played.frame(2, alarm(0.5, 2, 7, at=1.5), value=6) == [Change.UPDATED]
    assert played.frame(3, None) == []
    assert played.frame(4.5, None) == []
    assert played.frame(5, None) == [Change.CLOSED]
    opened, closed = played.steps[0].event, played.steps[-1].event
    assert (opened.started_at, opened.alarmed_at, opened.ended_at) == (WALL + 0.5, WALL + 1, WALL + 1)
    assert (opened.state, opened.severity, opened.threshold) == ("open", "notice", 5.0)
    assert (closed.started_at, closed.ended_at, closed.peak_at) == (WALL + 0.5, WALL + 2, WALL + 1.5)
    assert (closed.peak_score, closed.rate_per_day, closed.parts) == (7, 1 / 8, {"of": 7})
    assert (closed.state, closed.interrupted, closed.id) == ("closed", False, opened.id)
    assert played.steps[-1].span_seconds == (0.5, 2)
    assert played.incident.event is None


def test_an_alarm_within_the_cool_down_joins_and_one_after_it_does_not():
    played = Played()
    played.frame(1, alarm(1, 1, 6))
    played.frame(3.5, None)
    played.frame(4, alarm(3.5, 4, 5.5))
    played.frame(6.5, None)
    played.frame(7, None)
    played.frame(8, alarm(8, 8, 6))
    assert [change for change in played.changes() if change is not Change.UPDATED] == [
        Change.OPENED,
        Change.CLOSED,
        Change.OPENED,
    ]
    (closed,) = played.events(Change.CLOSED)
    assert (closed.started_at, closed.ended_at, closed.peak_score) == (WALL + 1, WALL + 4, 6)


def test_without_a_cool_down_an_event_still_lasts_as_long_as_its_alarm():
    played = Played(replace(RULE, cool_down_seconds=0))
    for half in range(2, 20):
        played.frame(half / 2, alarm(1, half / 2, 6))
    assert played.frame(10, None) == [Change.CLOSED]
    assert played.changes().count(Change.OPENED) == 1


def test_it_escalates_once_and_at_once():
    played = Played()
    played.frame(1, alarm(1, 1, 6))
    assert played.frame(1.1, alarm(1, 1.1, 9, at=1.1)) == [Change.ESCALATED]
    assert played.frame(1.2, alarm(1, 1.2, 20, at=1.2)) == []
    assert played.frame(3, alarm(1, 3, 20, at=1.2)) == [Change.UPDATED]
    played.close()
    assert [step.event.severity for step in played.steps] == ["notice", "alert", "alert", "alert"]


def test_what_opens_as_an_alert_does_not_escalate():
    played = Played()
    played.frame(1, alarm(1, 1, 9))
    played.frame(3, alarm(1, 3, 12, at=3))
    assert played.changes() == [Change.OPENED, Change.UPDATED]
    assert played.steps[0].event.severity == "alert"


def test_a_peak_before_the_alarm_showed_keeps_its_own_time():
    played = Played()
    played.frame(3, alarm(1, 3, 7, at=1.5), value=5)
    event = played.steps[0].event
    assert (event.peak_at, event.peak_score, event.alarmed_at) == (WALL + 1.5, 7, WALL + 3)
    assert played.steps[0].peak.pts_seconds == 1.5


def test_a_spike_that_no_alarm_took_up_is_no_peak():
    """Between its spans an event waits; a short span in that time is forgotten, however high."""
    played = Played()
    played.frame(1, alarm(1, 1, 6), value=6)
    played.frame(3, alarm(1, 1, 6), value=99)
    played.close()
    assert played.events(Change.CLOSED)[0].peak_score == 6


def test_outside_of_its_hours_nothing_opens_but_what_is_open_goes_on():
    played = Played()
    assert played.frame(1, alarm(1, 1, 6), may_open=False) == []
    played.frame(2, alarm(1, 2, 6))
    assert played.frame(4, alarm(1, 4, 9), may_open=False) == [Change.ESCALATED]
    played.frame(9, None, may_open=False)
    assert played.changes() == [Change.OPENED, Change.ESCALATED, Change.CLOSED]


@pytest.mark.parametrize("jump", [-86_400, -1, 3600])
def test_a_wall_clock_that_is_set_moves_no_open_event(jump):
    played = Played()
    played.frame(1, alarm(1, 1, 6))
    played.wall += jump
    played.frame(2.5, alarm(1, 2.5, 6))
    played.frame(4, None)
    played.frame(5, alarm(4.5, 5, 6))
    played.frame(8, None)
    (closed,) = played.events(Change.CLOSED)
    assert (closed.started_at, closed.ended_at) == (WALL + 1, WALL + 5)
    played.frame(20, alarm(20, 20, 6))
    assert played.steps[-1].event.started_at == WALL + jump + 20


def open_event(**changes):
    played = Played()
    played.frame(0, alarm(0, 0, 6))
    return replace(played.steps[0].event, sentence="odd", **changes)


def test_after_a_restart_an_alarm_goes_on_with_the_same_event():
    event = open_event(ended_at=WALL + 10)
    played = Played(resumed=event)
    assert played.frame(12, None) == []
    assert played.frame(15, alarm(14.5, 15, 5.5)) == [Change.UPDATED]
    played.frame(18, None)
    (closed,) = played.events(Change.CLOSED)
    assert (closed.id, closed.started_at, closed.ended_at) == (event.id, event.started_at, WALL + 15)
    assert (closed.peak_score, closed.sentence, closed.interrupted) == (6, "odd", False)
    assert played.steps[0].span_seconds == (14.5, 15)


def test_after_a_restart_it_is_interrupted_where_nothing_goes_on():
    played = Played(resumed=open_event(ended_at=WALL))
    assert played.frame(9.5, None) == []
    assert played.frame(10, None) == [Change.CLOSED]
    assert played.steps[0].event.interrupted
    assert played.steps[0].span_seconds is None
    assert played.incident.state is IncidentState.NONE


@pytest.mark.parametrize("gone", [11, 86_400, -11])
def test_an_alarm_long_after_the_restart_is_another_event(gone):
    """Also where it is the first thing that is seen, and where the clock was set back meanwhile."""
    played = Played(resumed=open_event(ended_at=WALL))
    played.wall += gone
    assert played.frame(0, alarm(0, 0, 6)) == [Change.CLOSED, Change.OPENED]
    first, second = (step.event for step in played.steps)
    assert first.interrupted
    assert second.id != first.id


def test_a_map_is_kept_with_the_peak():
    played = Played()
    judgement = Judgement(alarm(1, 1, 6), WALL, 1.0, 5.0, ALERT, lambda _: float("nan"))
    told = replace(score(1, 6), map_HW="the map")
    (step,) = played.incident.update(told, judgement)
    assert step.peak.map_HW == "the map"
    assert step.event.rate_per_day is None


# --- by chance: what holds whatever is seen

frames = st.lists(
    st.tuples(
        st.sampled_from([0.0, 4.0, 6.0, 9.0]),
        st.sampled_from([0.5, 0.5, 0.5, 4.0, 30.0]),
        st.sampled_from([0, 0, 0, 0, -5000, 5000]),
    ),
    max_size=60,
)


def play(seen, cool_down, *, resumed=None, may_open=lambda _: True):
    played = Played(IncidentRule(cool_down), resumed)
    detector, seconds = EventDetector(EventRule(5, 3, 0.5, 1.0), source_id="cam"), 0.0
    for index, (value, step, jump) in enumerate(seen):
        seconds, played.wall = seconds + step, played.wall + jump
        alarmed, _ = detector.update(FrameStamp(index, seconds), score=value, parts={})
        is_open = alarmed or played.incident.event is not None
        played.frame(seconds, detector.open_event if is_open else None, value=value, may_open=may_open(index))
    return played


@given(frames, st.sampled_from([0.0, 2.0, 20.0]), st.booleans())
def test_every_event_opens_once_and_closes_once(seen, cool_down, is_resumed):
    played = play(seen, cool_down, resumed=open_event() if is_resumed else None)
    played.close()
    opened = [event.id for event in played.events(Change.OPENED)]
    closed = [event.id for event in played.events(Change.CLOSED)]
    assert len(set(opened)) == len(opened)
    assert len(closed) == len(set(closed)) == len(opened) + is_resumed
    assert set(opened) <= set(closed)
    is_open = is_resumed
    for step in played.steps:
        assert (step.change is Change.OPENED) != is_open, "told of only while it is open"
        is_open = step.change is not Change.CLOSED
    for event in played.events(Change.CLOSED):
        assert event.started_at <= event.ended_at
        assert event.seconds < 60 * 30


@given(frames, st.sampled_from([0.0, 2.0, 20.0]))
def test_each_escalates_at_most_once_and_its_severity_is_that_of_its_peak(seen, cool_down):
    played = play(seen, cool_down)
    played.close()
    escalated = [event.id for event in played.events(Change.ESCALATED)]
    assert len(set(escalated)) == len(escalated)
    for event in played.events(Change.CLOSED):
        assert (event.severity == "alert") == (event.peak_score >= ALERT)


@given(frames)
def test_a_longer_cool_down_never_makes_more_events(seen):
    counts = [len(play(seen, cool_down).events(Change.OPENED)) for cool_down in (0.0, 2.0, 20.0)]
    assert counts == sorted(counts, reverse=True)


@given(frames)
def test_the_wall_clock_decides_nothing(seen):
    steady = [(value, step, 0) for value, step, _ in seen]
    assert play(seen, 2.0).changes() == play(steady, 2.0).changes()


@given(frames, st.sets(st.integers(0, 60)))
def test_nothing_opens_outside_of_its_hours(seen, closed):
    played = play(seen, 2.0, may_open=lambda index: index not in closed)
    seconds = list(accumulate(step for _, step, _ in seen))
    outside = {seconds[index] for index in closed if index < len(seen)}
    assert all(step.span_seconds[1] not in outside for step in played.steps if step.change is Change.OPENED)


def test_every_state_is_left_and_reached():
    assert set(TRANSITIONS) == set(IncidentState) == set().union(*TRANSITIONS.values())
