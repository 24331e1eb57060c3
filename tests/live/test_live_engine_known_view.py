"""What an engine knows of a camera's view outlives it: a camera that was turned meanwhile is noticed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from live_databases import an_event
from live_engine import SETTINGS, memory_for, watched
from live_engine import calibration as alarms_at
from live_engine import detector_of as detector_with
from live_inference import WALKING, Feed, engine
from live_scenes import FPS, again, changing, covered, infrared, lights_out, turned, walkway
from live_views import see, told

from fake_models import BrightnessModel, spec_of
from normalcy.live.engine.display import Display
from normalcy.live.engine.known_view import KEPT_SECONDS, level_of, watch_of
from normalcy.live.engine.scene import LevelShift, SceneState, coarse
from normalcy.live.events.incident import Change
from normalcy.live.frames.counters import Drop
from normalcy.live.store.records import ViewRecord
from normalcy.live.store.views import read_views, save_view

pytest_plugins = ["live_databases"]

SIZE_PX = (48, 72)
LEARNED_SECONDS = 40
SETTLED, LEARNING = SceneState.SETTLED, SceneState.LEARNING
ANOTHER_VIEW = [(Change.OPENED, "scene_change", "open"), (Change.CLOSED, "scene_change", "closed")]


@pytest.fixture(scope="module", params=[1, 8])
def detector(request):
    """With clips that follow every frame, and every eighth."""
    model = BrightnessModel(spec_of(1, size_px=SIZE_PX), of=lambda brightness: 300.0 - brightness)
    settings = SETTINGS.model_copy(update={"threshold": 1000, "hop_frames": request.param})
    return detector_with(model, settings=settings, calibration=alarms_at(10, 20))


class Looked:
    """A view that may change, and what the engine made of it: what it knows in the end, events, verdicts, drops."""

    def __init__(self, detector, seconds=12, change=None, at=0.0, **words) -> None:
        images = again(walkway("wall"), seconds)
        with watched(detector, scene_change=True, **words) as seen:
            self.steps = told(see(seen, changing(images, change, at=at) if change else images))
            self.view, self.frames = seen.camera.view, seen.frames
            self.passed_over = seen.dropped(Drop.SCENE_CHANGE)
            assert not seen.steps


def test_the_same_view_is_known_at_once(detector):
    later = Looked(detector, known_view=Looked(detector).view)
    assert later.steps == []
    assert later.passed_over == 0


@pytest.mark.parametrize("change", [turned, infrared, covered])
def test_a_camera_that_was_turned_meanwhile_is_noticed_and_learned(detector, change):
    known = Looked(detector).view
    later = Looked(detector, LEARNED_SECONDS, change, known_view=known)
    assert later.steps == ANOTHER_VIEW
    assert later.view.picture != known.picture
    # Until it is learned, nothing of it is judged.
    assert later.frames[0].pts_seconds > 15


def test_how_a_learned_view_scores_is_known_again(detector):
    learned = Looked(detector, LEARNED_SECONDS, infrared, 6.0)
    assert learned.steps == ANOTHER_VIEW
    assert learned.view.level_factor < 0.98
    later = Looked(detector, 12, infrared, known_view=learned.view)
    assert later.steps == []
    assert later.view.level_factor == learned.view.level_factor
    usual = np.median([frame.smoothed for frame in later.frames])
    assert usual == pytest.approx(learned.view.level_usual, rel=0.02)


def test_darkness_that_lasts_over_a_restart_is_one_event(detector):
    event = an_event(1, kind="dark", state="open", started_at=5.0, ended_at=8.0)
    known = Looked(detector).view
    later = Looked(detector, 12, lights_out, known_view=known, resumed_scene=event)
    assert later.steps == []
    until_light = {"known_view": known, "resumed_scene": event}
    images = changing(again(walkway("wall"), 12), lights_out, at=0, until=8)
    with watched(detector, scene_change=True, **until_light) as seen:
        assert told(see(seen, images)) == [(Change.CLOSED, "dark", "closed")], "and then it is as it was"


def test_of_another_detector_only_the_view_is_known(detector):
    view = replace(Looked(detector).view, level_factor=0.25, level_usual=3.0)
    assert level_of(view, detector=view.detector).factor == 0.25
    assert level_of(view, detector="another").factor == 1
    assert math.isnan(level_of(view, detector="another").usual)
    assert watch_of(view, learning=False).usual is not None


def test_of_another_source_nothing_is_known(detector):
    view = replace(Looked(detector).view, level_factor=0.25, level_usual=3.0)
    later = Looked(detector, 12, infrared, known_view=view, source="another")
    assert later.steps == []
    assert later.view.level_factor == 1


def test_what_is_in_shared_memory_is_newer(detector):
    view = replace(Looked(detector).view, level_factor=0.25, level_usual=3.0)
    with watched(detector, scene_change=True, known_view=view) as seen:
        assert seen.camera._level.factor == 0.25
    memory = memory_for(detector.model)
    left = LevelShift(factor=0.5, usual=4.0)
    Display(memory, map_range=(0, 1), detector=detector.identity).keep_level(left)
    with watched(detector, scene_change=True, known_view=view, memory=memory) as seen:
        assert seen.camera._level.factor == 0.5


def test_it_is_told_once_the_view_is_settled_and_then_every_minute(detector):
    images = list(changing(again(walkway("wall"), 60), infrared, at=20))
    with watched(detector, scene_change=True) as seen:
        assert seen.camera.view_news() is None, "nothing was seen"
        told_at, factors = [], []
        for number in range(len(images)):
            see(seen, images[number : number + 1], first=number)
            if view := seen.camera.view_news():
                told_at.append(number / FPS)
                factors.append(view.level_factor)
        first, learned = told_at
        assert factors == [1.0, pytest.approx(0.96, abs=0.01)], "it is told with how the view scores"
        assert 1 < first < 3
        assert 20 + 15 < learned < 45
        seen.clock.now += KEPT_SECONDS
        assert seen.camera.view_news()
        assert seen.camera.view_news() is None
    with watched(detector, scene_change=False) as seen:
        see(seen, images[:100])
        assert seen.camera.view is None, "nobody asked what it shows"


def test_a_picture_of_other_blocks_is_none():
    record = ViewRecord("cam", "s", "d", b"\x00" * 10, 1.0, None, 0.0)
    assert watch_of(record, learning=False).usual is None


def test_the_coarse_picture_is_kept_in_grey_levels():
    kept = coarse(walkway("wall")[0])
    back = type(kept).from_bytes(kept.to_bytes())
    np.testing.assert_allclose(back.grey_BP, kept.grey_BP, atol=0.5)
    assert kept.difference(back) == 0


def test_the_store_keeps_the_last_of_each_camera(any_store):
    first = ViewRecord("yard", "s", "d1", b"\x01\x02", 0.5, None, 10.0)
    last, other = (
        replace(first, picture=b"\x03", level_usual=2.5, seen_at=20.0),
        replace(first, camera="gate"),
    )
    for view in (first, other, last):
        with any_store.transaction() as session:
            save_view(session, view)
    with any_store.reading() as session:
        assert read_views(session) == {"yard": last, "gate": other}


def test_an_engine_that_is_started_again_knows_the_views(tmp_path, tiny_flow_run):
    cameras = {name: {"source": "test-pattern", "scene_change": name == "a"} for name in ("a", "b")}
    with engine(tmp_path, tiny_flow_run, cameras=cameras) as running:
        feed = running.feeds["a"]
        feed.show(WALKING, 40)
        running.end()
        with running.store.reading() as session:
            known = read_views(session)["a"]
        assert known.detector == running.ready.detectors["main"].identity
        # All of the engine was stopped: nothing is left in shared memory.
        feed.memory.close()
        feed.memory.unlink()
        running.feeds["a"] = Feed(turned=True)
        running.start()
        running.feeds["a"].show_until(WALKING, lambda: running.events(kind="scene_change"))
