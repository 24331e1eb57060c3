"""One live camera: gaps, drops, schedules, silence, and scores that are none."""

from datetime import UTC, datetime

import numpy as np
import pytest
from live_engine import CALM, ODD, SETTINGS, SIZE_PX, WALL, a_detector, bright, changes, watched

from fake_models import BrightnessModel, spec_of
from normalcy.errors import InputError
from normalcy.live.config.schedule import WatchHours
from normalcy.live.engine.batches import MOST_FAILURES, Rounds
from normalcy.live.engine.camera import SILENT_SECONDS
from normalcy.live.engine.display import Display
from normalcy.live.engine.scene import SceneState
from normalcy.live.events.incident import Change
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import as_text


def test_frames_become_an_event_with_its_words_and_its_record():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 10 + [ODD] * 10 + [CALM] * 40))
        opened, closed = seen.changes(Change.OPENED, Change.CLOSED)
        assert opened.event.alarmed_at == pytest.approx(WALL + 1.2)
        assert (opened.event.bundle, opened.event.region, opened.event.threshold) == ("main", "", 100)
        assert closed.event.ended_at - closed.event.started_at == pytest.approx(0.9)
        record = seen.memory.engine
        assert (record.scored[0], record.score[0], record.threshold[0]) == (60, CALM, 100)
        assert record.latency[0].sum() == 58


def test_the_dashboard_sees_the_alarm_and_its_event_come_and_go():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 5))
        assert seen.memory.engine.alarmed[0]
        assert as_text(seen.memory.engine.event[0]) == seen.steps[0].event.id
        seen.steps.extend(seen.camera.finish().steps)
        assert not seen.memory.engine.alarmed[0]
        assert as_text(seen.memory.engine.event[0]) == ""
        assert changes(seen) == [Change.OPENED, Change.CLOSED]


def test_what_an_engine_showed_that_died_is_put_right():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 5))
        seen.memory.engine.scene[0] = SceneState.DARK
        Display(seen.memory, map_range=(0, 1), detector="d")
        assert not seen.memory.engine.alarmed[0]
        assert as_text(seen.memory.engine.event[0]) == ""
        assert seen.memory.engine.scene[0] == SceneState.UNKNOWN
        assert seen.memory.engine.scored[0] == 10


def test_frames_that_an_engine_had_taken_when_it_died_are_counted_once():
    settings = SETTINGS.model_copy(update={"hop_frames": 3})
    with watched(a_detector(length=4, settings=settings)) as seen:
        seen.see(bright([CALM] * 6))
        assert (len(seen.frames), seen.dropped(Drop.RESTART)) == (4, 0)
        for _ in range(2):
            Display(seen.memory, map_range=(0, 1), detector="d")
            assert seen.dropped(Drop.RESTART) == 2


# --- gaps


def test_no_clip_spans_a_connection_that_was_lost():
    with watched(a_detector(length=4)) as seen:
        clips = []
        seen.see(bright([CALM] * 6))
        seen.generation = 2
        for frame in bright([CALM] * 6, first=6):
            seen.write(frame)
            while (clip := seen.camera.next_clip()) is not None:
                clips.append([stamp.index for stamp in clip.stamps])
        assert clips == [[6, 7, 8, 9], [7, 8, 9, 10], [8, 9, 10, 11]]


def test_the_last_frames_of_a_connection_are_scored():
    settings = SETTINGS.model_copy(update={"hop_frames": 3})
    with watched(a_detector(length=4, settings=settings)) as seen:
        seen.see(bright([CALM] * 6))
        assert [frame.index for frame in seen.frames] == [0, 1, 2, 3]
        seen.generation = 2
        seen.see(bright([CALM] * 4, first=6))
        assert [frame.index for frame in seen.frames] == list(range(10))
        assert seen.dropped(Drop.RESTART) == 0


@pytest.mark.parametrize(
    ("spacing", "expected"), [(0.0, [[0, 1, 2], [4, 5, 6]]), (0.05, [[0, 1, 2], [1, 2, 4]])]
)
def test_frames_that_gave_way_cut_the_clips_of_methods_that_take_every_frame(spacing, expected):
    with watched(a_detector(spacing=spacing), slots=4) as seen:
        clips = []
        for frame in bright([CALM] * 8):
            seen.write(frame)
            if frame.index in (2, 7):
                while (clip := seen.camera.next_clip()) is not None:
                    clips.append([stamp.index for stamp in clip.stamps])
        assert clips[:2] == expected
        assert seen.dropped(Drop.BUFFER_FULL) == 1
        assert seen.dropped(Drop.RESTART) == 0, "all before the gap had their scores"


def test_frames_that_wait_in_a_window_that_is_cut_are_counted():
    with watched(a_detector(length=4), slots=4) as seen:
        for frame in bright([CALM] * 2):
            seen.write(frame)
        assert seen.camera.next_clip() is None
        for frame in bright([CALM] * 6, first=2):
            seen.write(frame)
        assert seen.camera.next_clip() is not None
        assert (seen.dropped(Drop.BUFFER_FULL), seen.dropped(Drop.RESTART)) == (2, 2)


def test_an_alarm_goes_on_where_frames_gave_way():
    """Where the engine is always behind, an alarm would else never last."""
    with watched(a_detector(length=2), slots=2) as seen:
        seen.see(bright([CALM] * 3))
        for first in range(3, 33, 3):
            for frame in bright([ODD] * 3, first=first):
                seen.write(frame)
            seen.work()
        assert seen.dropped(Drop.BUFFER_FULL) == 10
        assert changes(seen) == [Change.OPENED]


def test_a_flood_of_frames_that_make_no_clip_is_left_for_the_next_round():
    """Else a camera that gives frames as fast as they are taken would hold up all others."""
    with watched(a_detector(length=9), slots=4) as seen:
        taken = 0
        for frame in bright([CALM] * 4):
            seen.write(frame)
        read, seen.memory.read = seen.memory.read, None
        endless = iter(bright([CALM] * 100, first=4))

        def refilled():
            nonlocal taken
            taken += 1
            frame = read()
            seen.write(next(endless))
            return frame

        seen.memory.read = refilled
        seen.camera.detector.model.spec = spec_of(200, size_px=SIZE_PX)
        seen.camera.next_clip()
        assert taken <= 4


# --- scores that are none


class Failing(BrightnessModel):
    """Fails, or gives NaN, for bright pictures."""

    how = "nan"

    def infer(self, clips_TCHW):
        is_bad = [clip_TCHW.max() > ODD for clip_TCHW in clips_TCHW]
        if self.how == "raise" and any(is_bad):
            raise RuntimeError("out of memory")
        found = super().infer(clips_TCHW)
        for each, bad in zip(found, is_bad, strict=True):
            each.score_T[...] = np.nan if bad else each.score_T
        return found


@pytest.mark.parametrize("how", ["nan", "raise"])
def test_a_clip_that_cannot_be_scored_costs_itself_and_no_other_camera(how):
    model = Failing(spec_of(2, size_px=SIZE_PX))
    model.how = how
    detector, rounds = a_detector(model=model), Rounds()
    with watched(detector) as ours, watched(detector) as beside:
        cameras = {id(each.camera): each for each in (ours, beside)}
        levels = [CALM] * 4 + [ODD + 1] + [CALM] * 8
        for odd, calm in zip(bright(levels), bright([CALM] * 13), strict=True):
            ours.write(odd)
            beside.write(calm)
            for ready, found in rounds.scored(rounds.next_round([ours.camera, beside.camera])):
                try:
                    cameras[id(ready.camera)].take(ready.clip, found)
                except Exception as error:
                    ready.camera.stumble(error, ready.clip)
        assert [frame.index for frame in beside.frames] == list(range(13))
        assert [frame.index for frame in ours.frames] == [0, 1, 2, 3, *range(5, 13)]
        assert all(np.isfinite(frame.smoothed) for frame in ours.frames)
        assert ours.dropped(Drop.RESTART) == 1
        assert beside.dropped(Drop.RESTART) == 0


def test_a_score_that_is_none_is_refused_before_it_spoils_anything():
    model = Failing(spec_of(1, size_px=SIZE_PX))
    with watched(a_detector(model=model)) as seen:
        seen.see(bright([CALM] * 3))
        usual = seen.camera._level.usual
        with pytest.raises(InputError, match="1 of 1 frame scores are not finite"):
            seen.see(bright([ODD + 1], first=3))
        assert seen.camera._level.usual == usual


def test_a_frame_that_fits_no_clip_costs_no_other_camera():
    detector, rounds = a_detector(length=2), Rounds()
    with watched(detector) as ours, watched(detector) as beside:
        ours.camera._scorer.push = None  # the first thing that is wrong, whatever it is
        for frame in bright([CALM] * 5):
            ours.write(frame)
            beside.write(frame)
            for ready, found in rounds.scored(rounds.next_round([ours.camera, beside.camera])):
                beside.take(ready.clip, found)
        assert len(beside.frames) == 5
        assert not ours.frames


def test_a_detector_that_always_fails_is_given_up():
    model = Failing(spec_of(1, size_px=SIZE_PX))
    model.how = "raise"
    rounds = Rounds()
    with watched(a_detector(model=model)) as seen:
        for frame in bright([ODD + 1] * (MOST_FAILURES - 1)):
            seen.write(frame)
            assert not list(rounds.scored(rounds.next_round([seen.camera])))
        seen.write(bright([ODD + 1], first=MOST_FAILURES)[0])
        with pytest.raises(RuntimeError, match="out of memory"):
            list(rounds.scored(rounds.next_round([seen.camera])))


# --- schedules, silence, clocks


def hours(start: float, end: float):
    """Watched from so many seconds after WALL to so many."""
    clock = [datetime.fromtimestamp(WALL + seconds, UTC).time() for seconds in (start, end)]
    return (WatchHours(start=clock[0], end=clock[1]),)


def test_what_began_before_its_hours_opens_an_event_within_them():
    with watched(a_detector(), schedule=hours(5, 3600), timezone="UTC") as seen:
        seen.see(bright([CALM] * 10 + [ODD] * 30))
        assert not seen.steps
        assert not seen.memory.engine.alarmed[0]
        seen.see(bright([ODD] * 30, first=40))
        (opened,) = seen.changes(Change.OPENED)
        assert opened.event.started_at == pytest.approx(WALL + 5, abs=0.11)
        assert seen.memory.engine.alarmed[0]


def test_what_is_open_when_its_hours_end_goes_on():
    with watched(a_detector(), schedule=hours(-3600, 2), timezone="UTC") as seen:
        seen.see(bright([CALM] * 10 + [ODD] * 30 + [CALM] * 40 + [ODD] * 20))
        assert changes(seen) == [Change.OPENED, Change.CLOSED]
        assert seen.changes(Change.CLOSED)[0].event.ended_at == pytest.approx(WALL + 3.9)


def test_a_camera_that_falls_silent_ends_its_event_once():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        seen.clock.now += SILENT_SECONDS - 1
        assert not seen.camera.expire()
        seen.clock.now += 1
        (closed,) = seen.camera.expire()
        assert closed.change is Change.CLOSED
        assert closed.event.ended_at == pytest.approx(WALL + 1.4)
        assert not seen.camera.expire()
        assert not seen.memory.engine.alarmed[0]


def test_after_a_silence_the_same_alarm_is_another_event_of_its_own_time():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        seen.clock.now += SILENT_SECONDS
        first = seen.camera.expire()[0].event
        seen.see(bright([ODD] * 10, first=600))
        second = seen.changes(Change.OPENED)[1].event
        assert second.started_at == pytest.approx(WALL + 60)
        assert second.id != first.id


def test_frames_that_wait_are_no_silence():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        seen.write(bright([ODD], first=15)[0])
        seen.clock.now += 10 * SILENT_SECONDS
        assert not seen.camera.expire()


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_a_wall_clock_that_is_set_makes_no_event_of_two(jump):
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        seen.wall_offset += jump
        seen.see(bright([ODD] * 10 + [CALM] * 40, first=15))
        assert changes(seen) == [Change.OPENED, Change.CLOSED]
        assert seen.changes(Change.CLOSED)[0].event.seconds == pytest.approx(1.9)
