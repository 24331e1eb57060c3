"""A changed view and sudden darkness are told from what happens in the view, and do not alarm."""

import functools

import cv2
import numpy as np
import pytest
from live_engine import Watched, calibration, detector_of, watched
from live_scenes import (
    FPS,
    again,
    cart,
    changing,
    covered,
    dusk,
    infrared,
    lamp,
    lights_out,
    person,
    turned,
    walkway,
)
from live_views import shrunk

from fake_models import BrightnessModel, spec_of
from normalcy.datasets.walkway.actors import ANOMALY_KINDS
from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.scene import SCORED, TRANSITIONS, LevelShift, SceneState, SceneWatch, coarse
from normalcy.live.events.incident import Change, IncidentRule
from normalcy.live.frames.counters import Drop
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.video.frame import Frame
from small_methods import small

SETTINGS = ("wall", "corridor", "crowd")
UNKNOWN, SETTLED, CHANGING, DARK, LEARNING = (SceneState(number) for number in range(5))

views = functools.cache(walkway)


def states(images, *, fps: float = FPS, every: int = 1) -> list[tuple[SceneState, float]]:
    """Each state, and when it began."""
    watch, found = SceneWatch(), []
    for number, image in enumerate(images):
        if number % every == 0:
            state = watch.update(image, number / fps)
            if not found or found[-1][0] is not state:
                found.append((state, number / fps))
    return found


def names(found) -> list[SceneState]:
    return [state for state, _ in found]


# --- another view


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("change", [infrared, turned, covered])
def test_another_view_is_noticed_at_once_and_learned(setting, change):
    found = states(changing(again(views(setting), 44), change, at=6))
    assert names(found) == [UNKNOWN, SETTLED, CHANGING, LEARNING, SETTLED]
    assert found[2][1] == 6
    assert found[3][1] <= 6 + 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_lights_that_go_out_are_darkness_and_come_back_as_it_was(setting):
    found = states(changing(again(views(setting), 16), lights_out, at=6, until=14))
    assert names(found) == [UNKNOWN, SETTLED, CHANGING, DARK, CHANGING, SETTLED]
    assert found[2][1] == 6
    assert found[5][1] < 14.5


@pytest.mark.parametrize("change", [infrared, turned, covered])
def test_grey_pictures_tell_as_much(change):
    images = (
        image.mean(axis=2, keepdims=True).astype(np.uint8)
        for image in changing(again(views("wall"), 8), change, at=6)
    )
    assert CHANGING in names(states(images))


def test_the_first_view_may_be_dark():
    found = states(changing(again(views("wall"), 24), lights_out, at=0, until=4))
    assert names(found) == [UNKNOWN, DARK, CHANGING, LEARNING, SETTLED]


def test_what_goes_away_soon_was_no_other_view():
    """A lorry that hides everything for a moment: what comes after it needs no learning."""
    found = states(changing(again(views("wall"), 30), covered, at=12, until=13))
    assert names(found) == [UNKNOWN, SETTLED, CHANGING, SETTLED]
    assert found[3][1] == 13


# --- the same view


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("change", "every"), [(lamp, 1), (person, 1), (cart, 1), (person, 5), (cart, 5)])
def test_a_lamp_or_somebody_close_by_is_no_other_view(setting, change, every):
    found = states(changing(again(views(setting), 11), change, at=6), every=every)
    assert names(found) == [UNKNOWN, SETTLED]


@pytest.mark.parametrize("setting", SETTINGS)
def test_dusk_is_no_other_view(setting):
    images = (dusk(image, second) for second, image in enumerate(again(views(setting), 70)))
    assert names(states(images, fps=1)) == [UNKNOWN, SETTLED]


@pytest.mark.parametrize("kind", [None, *ANOMALY_KINDS])
def test_no_anomaly_is_another_view(kind):
    found = states(walkway("corridor", seconds=15, seed=5, anomaly=kind))
    assert names(found) == [UNKNOWN, SETTLED]


@pytest.mark.realdata
def test_nothing_in_ped2_is_another_view(data_root):
    folder, videos = data_root / "ucsd-ped2", 0
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    for video in sorted(folder.glob("*/frames/*")):
        images = (cv2.imread(str(path)) for path in sorted(video.glob("*.jpg")))
        assert names(states(images)) == [UNKNOWN, SETTLED], video
        videos += 1
    assert videos == 28


def test_a_picture_differs_from_none_of_itself_and_from_all_of_another():
    wall, corridor = (coarse(views(name)[0]) for name in ("wall", "corridor"))
    assert wall.difference(wall) == 0
    assert wall.difference(coarse((views("wall")[0] * 0.6).astype(np.uint8))) < 0.1
    assert wall.difference(corridor) > 0.78
    assert not wall.is_switched(corridor)


def test_every_state_is_left_and_reached():
    assert set(TRANSITIONS) == set(SceneState)
    assert set().union(*TRANSITIONS.values()) == set(SceneState) - {UNKNOWN}
    assert {CHANGING, DARK}.isdisjoint(SCORED)


# --- with a method: no alarm through a change, and one for an anomaly before and after it


@pytest.fixture(scope="module")
def detector():
    """The flow floor, calibrated on ordinary walkers."""
    method = small("flow-magnitude", size_px=(48, 72))
    model, settings = TorchModel(method), ScoringSettings(false_alarms_per_day=1)
    normal = walkway("corridor", seconds=40, seed=11)
    scorer = SourceScorer(model, settings=settings, calibration=None, source_id="x")
    smoothed = [verdict.smoothed for verdict in scorer.run(shrunk(model, normal))]
    calibrated = fit_calibration([np.array(smoothed)], frames_per_second=FPS)
    return detector_of(model, settings=settings, calibration=calibrated)


def spans(seen: Watched) -> list[tuple[float, float]]:
    steps = [*seen.changes(Change.CLOSED), *seen.camera.finish().steps]
    return [
        (step.event.started_at - seen.wall_offset, step.event.ended_at - seen.wall_offset)
        for step in steps
        if step.event.kind == "anomaly"
    ]


def through(change):
    return changing(again(walkway("corridor", seconds=20, seed=11), 34), change, at=12)


@pytest.mark.parametrize("change", [lights_out, infrared, turned, covered])
def test_no_alarm_through_a_change(detector, change):
    with watched(detector, scene_change=True) as seen:
        seen.see(shrunk(detector.model, through(change)))
        assert not [span for span in spans(seen) if 11 < span[1] < 28]
        assert seen.dropped(Drop.SCENE_CHANGE) > 100
        shown = SceneState(int(seen.memory.engine.scene[0]))
        assert shown in ((DARK,) if change is lights_out else (SETTLED, LEARNING))


@pytest.mark.parametrize("change", [infrared, covered])
def test_who_does_not_want_that_is_told_of_the_change_as_of_anything(detector, change):
    with watched(detector, scene_change=False) as seen:
        seen.see(shrunk(detector.model, through(change)))
        assert [span for span in spans(seen) if 11 < span[0] < 13]
        assert seen.dropped(Drop.SCENE_CHANGE) == 0


def test_a_runner_alarms_although_changes_are_watched_for(detector):
    with watched(detector, scene_change=True) as seen:
        seen.see(shrunk(detector.model, walkway("corridor", seconds=20, seed=5, anomaly="runner")))
        assert spans(seen)


def test_who_turns_it_off_while_it_is_dark_is_scored_again(detector):
    frames = list(shrunk(detector.model, changing(again(views("wall"), 20), lights_out, at=5)))
    with watched(detector, scene_change=True) as seen:
        seen.see(frames[:100])
        scored = len(seen.frames)
        assert seen.memory.engine.scene[0] == DARK
        config = CameraConfig(source="x", scene_change=False)
        seen.camera.configure(config, rule=IncidentRule(2.0), timezone=None)
        seen.see(frames[100:])
        assert len(seen.frames) >= scored + 98
        assert seen.memory.engine.scene[0] == UNKNOWN


# --- scores of a view that the detector never saw


def follow(shift, scores, *, learning=False):
    for score in scores:
        shift.follow(score, learning=learning)


def test_scores_of_an_odd_view_become_comparable():
    rng, shift = np.random.default_rng(0), LevelShift()
    follow(shift, rng.normal(1, 0.1, 500))
    assert shift.factor == 1
    follow(shift, rng.normal(4, 0.4, 150), learning=True)
    assert shift.factor == 1
    follow(shift, rng.normal(4, 0.4, 1))
    assert shift.factor == pytest.approx(0.25, rel=0.1)


def test_what_is_odd_in_the_odd_view_stays_odd():
    shift = LevelShift()
    follow(shift, [1.0] * 500)
    follow(shift, [4.0] * 150, learning=True)
    follow(shift, [4.0] * 500 + [40.0] * 50)
    assert shift.factor * 40 == pytest.approx(10, rel=0.1)


def test_scores_are_never_raised_and_come_back_with_the_view():
    shift = LevelShift()
    follow(shift, [4.0] * 500)
    follow(shift, [1.0] * 150, learning=True)
    follow(shift, [1.0])
    assert shift.factor == 1
    follow(shift, [1.0] * 2000)
    follow(shift, [3.0] * 150, learning=True)
    follow(shift, [3.0])
    follow(shift, [1.0] * 150, learning=True)
    follow(shift, [1.0])
    assert shift.factor == pytest.approx(1, rel=0.05)


def test_a_first_view_has_nothing_to_be_compared_with():
    shift = LevelShift()
    follow(shift, [7.0] * 100, learning=True)
    follow(shift, [7.0])
    assert shift.factor == 1


def test_the_engine_scores_an_odd_view_by_what_it_was():
    model = BrightnessModel(spec_of(1, size_px=(48, 64)))
    of_brightness = detector_of(
        model, settings=ScoringSettings(smoothing_alpha=1), calibration=calibration(120)
    )
    rng = np.random.default_rng(0)
    first, second = (
        cv2.resize(rng.integers(low, high, (12, 16), dtype=np.uint8), (64, 48))
        for low, high in ((30, 90), (100, 250))
    )
    frames = [Frame((first if t < 300 else second)[..., None], t, t / FPS, "cam") for t in range(600)]
    with watched(of_brightness, scene_change=True) as seen:
        seen.see(frames)
        assert seen.frames[-1].smoothed == pytest.approx(first.mean(), rel=0.1)
        assert not seen.changes(Change.OPENED)
