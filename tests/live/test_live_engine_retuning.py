"""A live camera whose configuration changes, or whose engine died, while an event is open."""

from dataclasses import replace

import pytest
from live_engine import (
    CALM,
    ODD,
    SETTINGS,
    WALL,
    a_detector,
    bright,
    changes,
    watched,
)

from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.regions import RegionConfig
from normalcy.live.events.incident import Change, IncidentRule
from normalcy.video.frame import Frame

LEFT, RIGHT = ((0, 0), (0.5, 0), (0.5, 1), (0, 1)), ((0.6, 0), (1, 0), (1, 1), (0.6, 1))


# --- changes of the configuration


def regions(*names):
    polygons = {"left": LEFT, "right": RIGHT}
    return tuple(RegionConfig(name=name, polygon=polygons[name]) for name in names)


def reconfigure(seen, **words):
    config = CameraConfig(source="x", scene_change=False, **words)
    judged = seen.camera.configure(config, rule=IncidentRule(2.0), timezone=None)
    seen.steps.extend(judged.steps)
    return judged


def test_each_region_has_events_of_its_own():
    with watched(a_detector(), regions=regions("left", "right")) as seen:
        frames = bright([CALM] * 5 + [ODD] * 10)
        for frame in frames[5:]:
            frame.image_HWC[:, :2] = 255
        seen.see(frames)
        assert {step.event.region for step in seen.changes(Change.OPENED)} >= {"left"}
        for step in seen.changes(Change.OPENED):
            assert step.event.region in ("left", "right")


def test_a_region_that_goes_ends_its_event_and_no_other():
    with watched(a_detector(), regions=regions("left", "right")) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        assert len(seen.changes(Change.OPENED)) == 2
        reconfigure(seen, regions=regions("right"))
        (closed,) = seen.changes(Change.CLOSED)
        assert (closed.event.region, closed.event.interrupted) == ("left", False)
        seen.see(bright([ODD] * 20, first=15))
        assert [each.region for each in seen.camera.open_events] == ["right"]


def test_a_region_that_comes_raises_its_own_alarm():
    with watched(a_detector(), regions=regions("right")) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        reconfigure(seen, regions=regions("left", "right"))
        seen.see(bright([ODD] * 5, first=15))
        left = next(step.event for step in seen.changes(Change.OPENED) if step.event.region == "left")
        assert left.started_at == pytest.approx(WALL + 1.5)


def test_another_threshold_holds_from_the_next_frame_and_ends_no_event_by_itself():
    settings = SETTINGS.model_copy(update={"threshold": None, "exit_factor": 1.0})
    with watched(a_detector(settings=settings)) as seen:
        seen.see(bright([CALM] * 10))
        assert changes(seen) == [Change.OPENED], "above all that normal video reached"
        false_alarms = {"": [200.0]}
        seen.camera.learn(false_alarms)
        seen.see(bright([CALM] * 40, first=10))
        assert changes(seen) == [Change.OPENED, Change.CLOSED]
        assert seen.memory.engine.threshold[0] >= 200
        seen.camera.learn({})
        seen.see(bright([CALM] * 10, first=50))
        assert changes(seen)[-1] is Change.OPENED, "what was said is taken back"


def test_an_open_event_of_an_engine_that_died_goes_on():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        event = seen.steps[-1].event
    resumed = replace(event, state="open")
    with watched(a_detector(), resumed={"": resumed}) as seen:
        seen.see(bright([ODD] * 10, first=30))
        assert [each.id for each in seen.camera.open_events] == [event.id]
        assert not seen.changes(Change.OPENED)


def test_an_open_event_of_an_engine_that_died_ends_where_no_frame_comes():
    with watched(a_detector()) as seen:
        seen.see(bright([CALM] * 5 + [ODD] * 10))
        event = seen.steps[-1].event
    with watched(a_detector(), resumed={"": event}) as seen:
        seen.clock.now += 59
        assert not seen.camera.expire()
        seen.clock.now += 1
        (closed,) = seen.camera.expire()
        assert (closed.event.id, closed.event.interrupted) == (event.id, True)


def test_an_alarm_that_came_and_went_within_one_clip_is_an_event():
    """Where a clip settles many frames at once, as of a slow camera."""
    settings = SETTINGS.model_copy(update={"hop_frames": 12})
    with watched(a_detector(length=12, settings=settings), slots=64) as seen:
        for frame in bright([CALM] * 2 + [ODD] * 3 + [CALM] * 7):
            slow = Frame(frame.image_HWC, frame.index, frame.pts_seconds * 10, "cam")
            seen.write(slow)
        seen.work()
        assert changes(seen) == [Change.OPENED, Change.CLOSED]
