"""What a camera's view did is an event for people who review: one per change, with a picture, and no alert."""

import pytest
from live_databases import an_event
from live_engine import SETTINGS, WALL, bright, detector_of, memory_for, watched
from live_engine import calibration as alarms_at
from live_scenes import again, changing, infrared, lights_out, walkway
from live_views import see, told

from fake_models import BrightnessModel, spec_of
from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.display import Display
from normalcy.live.engine.scene import LevelShift, SceneState
from normalcy.live.engine.scene_events import SceneEvents
from normalcy.live.events.incident import Change, IncidentRule

SIZE_PX = (48, 72)
UNKNOWN, SETTLED, CHANGING, DARK, LEARNING = (SceneState(number) for number in range(5))
QUIET = SETTINGS.model_copy(update={"threshold": 1000})


@pytest.fixture(scope="module")
def detector():
    return detector_of(
        BrightnessModel(spec_of(1, size_px=SIZE_PX)), settings=QUIET, calibration=alarms_at(10, 20)
    )


# --- from states to events


def through(*states: tuple[SceneState, float]):
    """Steps of a view that comes to these states at these times."""
    events, steps = SceneEvents("yard"), []
    for state, at in states:
        events.seen_at = at
        steps += events.update(state, pts_seconds=at)
    return steps


def test_another_view_is_one_event_from_its_change_until_it_is_known():
    opened, closed = through((SETTLED, 1), (CHANGING, 10), (LEARNING, 14), (SETTLED, 29))
    assert told([opened, closed]) == [
        (Change.OPENED, "scene_change", "open"),
        (Change.CLOSED, "scene_change", "closed"),
    ]
    assert (opened.event.started_at, opened.event.alarmed_at, closed.event.ended_at) == (10, 14, 29)
    assert opened.event.severity == "notice"
    assert opened.peak.pts_seconds == 14
    assert closed.span_seconds is None


def test_a_view_that_is_turned_on_and_on_is_one_event():
    steps = through(
        (SETTLED, 1),
        (CHANGING, 5),
        (LEARNING, 8),
        (CHANGING, 9),
        (LEARNING, 12),
        (CHANGING, 13),
        (SETTLED, 20),
    )
    assert told(steps) == [
        (Change.OPENED, "scene_change", "open"),
        (Change.CLOSED, "scene_change", "closed"),
    ]


def test_darkness_is_open_for_as_long_as_it_lasts():
    steps = through((SETTLED, 1), (CHANGING, 5), (DARK, 8), (CHANGING, 500), (SETTLED, 501))
    assert told(steps) == [(Change.OPENED, "dark", "open"), (Change.CLOSED, "dark", "closed")]
    assert (steps[1].event.started_at, steps[1].event.ended_at) == (5, 500)


def test_light_on_another_view_is_both():
    steps = through((SETTLED, 1), (CHANGING, 5), (DARK, 8), (CHANGING, 50), (LEARNING, 52), (SETTLED, 70))
    assert [step.event.kind for step in steps] == ["dark", "dark", "scene_change", "scene_change"]


def test_what_passes_by_is_no_event():
    assert not through((SETTLED, 1), (CHANGING, 5), (SETTLED, 6))


def test_darkness_that_an_engine_died_in_goes_on_as_the_same_event():
    event = an_event(1, kind="dark", state="open", started_at=5.0, ended_at=8.0)
    events = SceneEvents("yard", resumed=event)
    events.seen_at = 100.0
    assert not events.update(DARK, pts_seconds=1)
    (closed,) = events.update(CHANGING, pts_seconds=2)
    assert (closed.event.id, closed.event.started_at, closed.event.ended_at) == (event.id, 5.0, 100.0)


# --- of a camera


def test_a_camera_tells_of_its_view_and_shows_it_once(detector):
    with watched(detector, scene_change=True) as seen:
        steps = see(seen, changing(again(walkway("wall"), 40), infrared, at=6))
        assert told(steps) == [
            (Change.OPENED, "scene_change", "open"),
            (Change.CLOSED, "scene_change", "closed"),
        ]
        assert steps[0].event.started_at == pytest.approx(WALL + 6)
        assert not seen.view(), "each is told of once"
        assert not seen.steps, "and none is an incident"


def test_a_camera_that_goes_or_is_not_asked_any_more_ends_it(detector):
    with watched(detector, scene_change=True) as seen:
        (opened,) = see(seen, changing(again(walkway("wall"), 14), lights_out, at=6))
        assert opened.event.kind == "dark"
        (closed,) = seen.camera.finish().steps
        assert closed.event.id == opened.event.id
        assert closed.event.ended_at == pytest.approx(WALL + 13.9)
    with watched(detector, scene_change=True) as seen:
        see(seen, changing(again(walkway("wall"), 14), lights_out, at=6))
        config = CameraConfig(source="x", scene_change=False)
        seen.camera.configure(config, rule=IncidentRule(2.0), timezone=None)
        assert told(seen.camera.expire()) == [(Change.CLOSED, "dark", "closed")]


# --- how scores of the view compare, after an engine died


def kept(memory, detector):
    return Display(memory, map_range=(0, 1), detector=detector.identity).level() or LevelShift()


def test_how_a_view_compares_survives_the_engine_but_not_the_detector(detector):
    memory = memory_for(detector.model)
    assert kept(memory, detector).factor == 1
    display = Display(memory, map_range=(0, 1), detector=detector.identity)
    display.keep_level(LevelShift(factor=0.25, usual=3.0))
    assert (kept(memory, detector).factor, kept(memory, detector).usual) == (0.25, 3.0)
    assert Display(memory, map_range=(0, 1), detector="another").level() is None
    with watched(detector, scene_change=True, memory=memory) as seen:
        assert seen.camera._level.factor == 0.25
        seen.see(bright([100] * 40, size_px=SIZE_PX))
        assert seen.frames[-1].smoothed == pytest.approx(25)


def test_a_view_that_was_changing_when_the_engine_died_is_learned(detector):
    memory = memory_for(detector.model)
    memory.engine.scene[0] = CHANGING
    with watched(detector, scene_change=True, memory=memory) as seen:
        assert seen.memory.engine.scene[0] == LEARNING
        seen.see(bright([100] * 100, size_px=SIZE_PX))
        assert not seen.frames, "while it is learned nothing alarms"
        seen.see(bright([100] * 100, size_px=SIZE_PX, first=100))
        assert seen.frames
        assert seen.memory.engine.scene[0] == SETTLED


@pytest.mark.parametrize("resumed", [None, "dark"])
def test_a_view_that_came_while_no_engine_lived_is_an_event(detector, resumed):
    memory = memory_for(detector.model)
    memory.engine.scene[0] = CHANGING
    event = resumed and an_event(1, kind=resumed, state="open", started_at=5.0, ended_at=8.0)
    with watched(detector, scene_change=True, memory=memory, resumed_scene=event) as seen:
        seen.see(bright([100] * 200, size_px=SIZE_PX))
        steps = told(seen.view())
    assert steps[-2:] == [(Change.OPENED, "scene_change", "open"), (Change.CLOSED, "scene_change", "closed")]
    assert steps[:-2] == ([(Change.CLOSED, "dark", "closed")] if resumed else [])


@pytest.mark.parametrize(("state", "is_told"), [(CHANGING, True), (LEARNING, True), (LEARNING, False)])
def test_a_view_that_is_told_of_already_is_told_of_once(detector, state, is_told):
    memory = memory_for(detector.model)
    memory.engine.scene[0] = state
    event = an_event(1, kind="scene_change", state="open", started_at=5.0)
    resumed = event if is_told else None
    with watched(detector, scene_change=True, memory=memory, resumed_scene=resumed) as seen:
        seen.see(bright([100] * 200, size_px=SIZE_PX))
        steps = seen.view()
    assert [(step.change, step.event.id) for step in steps] == [(Change.CLOSED, event.id)] * is_told


def test_scores_of_two_views_are_not_taken_together():
    shift = LevelShift()
    for score, learning in [*[(1.0, False)] * 500, *[(100.0, True)] * 150]:
        shift.follow(score, learning=learning)
    shift.forget_view()
    for score, learning in [*[(2.0, True)] * 50, (2.0, False)]:
        shift.follow(score, learning=learning)
    assert shift.factor == pytest.approx(0.5)


def test_a_view_that_changes_while_it_is_learned_is_learned_anew(detector):
    images = list(changing(again(walkway("wall"), 60), infrared, at=6))
    with watched(detector, scene_change=True) as seen:
        see(seen, images[:140])
        assert seen.memory.engine.scene[0] == LEARNING
        assert seen.camera._level._collected
        see(seen, list(changing(again(walkway("wall"), 1), lights_out, at=0)), first=140)
        assert seen.memory.engine.scene[0] == CHANGING
        assert not seen.camera._level._collected


def test_who_does_not_want_that_any_more_has_scores_as_they_are(detector):
    memory = memory_for(detector.model)
    Display(memory, map_range=(0, 1), detector=detector.identity).keep_level(LevelShift(factor=0.25, usual=3))
    with watched(detector, scene_change=True, memory=memory) as seen:
        config = CameraConfig(source="x", scene_change=False)
        seen.camera.configure(config, rule=IncidentRule(2.0), timezone=None)
        seen.see(bright([100] * 3, size_px=SIZE_PX))
        assert seen.frames[-1].smoothed == pytest.approx(100)
        assert kept(memory, detector).factor == 1
