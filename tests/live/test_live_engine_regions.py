"""Regions: what a clip's scores come to within one of them, and what decides about its alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from live_engine import calibration, detector_of

from fake_models import BrightnessModel, spec_of
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.regions import RegionConfig
from normalcy.live.engine.regions import WatchedRegion, polygon_mask, scores_within, watched_regions
from normalcy.live.engine.tuning import alert_threshold, quiet_threshold, tunings_of
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import ClipScores

SIZE_PX = (8, 10)
LEFT = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
RIGHT = ((0.5, 0), (1, 0), (1, 1), (0.5, 1))
WHOLE = ((0, 0), (1, 0), (1, 1), (0, 1))


def region(name, polygon, mode="watch", **words):
    return RegionConfig(name=name, polygon=polygon, mode=mode, **words)


def clip_scores(score_T, map_THW):
    return ClipScores(np.asarray(score_T, np.float32), np.asarray(map_THW, np.float32), {"part": score_T})


def peak_at(*places, low=0.1, high=2.0):
    """Maps with a peak at (row, column), one a frame."""
    map_THW = np.full((len(places), *SIZE_PX), low, np.float32)
    for t, place in enumerate(places):
        map_THW[(t, *place)] = high
    return map_THW


# --- which pixels


def test_halves_of_a_picture_share_no_pixel_but_the_edge():
    left, right = polygon_mask(LEFT, size_px=SIZE_PX), polygon_mask(RIGHT, size_px=SIZE_PX)
    assert left[:, :5].all()
    assert right[:, 5:].all()
    assert (left & right).sum() <= SIZE_PX[0]
    assert polygon_mask(WHOLE, size_px=SIZE_PX).all()


def test_a_corner_has_x_before_y():
    mask_HW = polygon_mask(((0, 0), (0.3, 0), (0.3, 0.2), (0, 0.2)), size_px=(100, 100))
    assert mask_HW[:20, :30].all()
    assert not mask_HW[25:].any()
    assert not mask_HW[:, 35:].any()


def test_without_regions_the_whole_picture_is_watched():
    (found,) = watched_regions([], size_px=SIZE_PX)
    assert (found.name, found.mask_HW) == ("", None)


def test_what_is_ignored_is_cut_out_of_what_is_watched():
    (found,) = watched_regions([region("tree", LEFT, "ignore")], size_px=SIZE_PX)
    assert found.name == ""
    assert not found.mask_HW[:, :5].any()
    assert found.mask_HW[:, 6:].all()
    door, gate = watched_regions(
        [
            region("door", WHOLE, false_alarms_per_day=2),
            region("gate", RIGHT, threshold=7),
            region("t", LEFT, "ignore"),
        ],
        size_px=SIZE_PX,
    )
    assert (door.name, door.false_alarms_per_day, gate.name, gate.threshold) == ("door", 2, "gate", 7)
    assert not door.mask_HW[:, :5].any()


# --- scores


def test_the_whole_picture_is_exactly_what_it_was():
    scores = clip_scores([3, 0.5], peak_at((1, 1), (2, 8)))
    assert scores_within(scores, WatchedRegion(""), ordinary=1) is scores
    everything = WatchedRegion("all", polygon_mask(WHOLE, size_px=SIZE_PX))
    found = scores_within(scores, everything, ordinary=1)
    np.testing.assert_array_equal(found.score_T, scores.score_T)
    np.testing.assert_array_equal(found.map_THW, scores.map_THW)


def test_a_peak_inside_keeps_the_score_and_one_outside_does_not():
    left = WatchedRegion("left", polygon_mask(LEFT, size_px=SIZE_PX))
    found = scores_within(clip_scores([5, 5], peak_at((1, 1), (1, 8))), left, ordinary=1)
    assert found.score_T[0] == 5
    assert found.score_T[1] == pytest.approx(1 + 4 * 0.1 / 2)
    assert not found.map_THW[:, :, 6:].any()
    assert found.parts["part"] == [5, 5]


def test_an_ordinary_score_says_nothing_of_a_place():
    left = WatchedRegion("left", polygon_mask(LEFT, size_px=SIZE_PX))
    found = scores_within(clip_scores([0.8, -3], peak_at((1, 8), (1, 8), low=0)), left, ordinary=1)
    np.testing.assert_allclose(found.score_T, [0.8, -3])


@pytest.mark.parametrize("level", [0.0, np.nan, np.inf])
def test_a_map_that_says_nothing_keeps_the_score(level):
    left = WatchedRegion("left", polygon_mask(LEFT, size_px=SIZE_PX))
    found = scores_within(clip_scores([5], np.full((1, *SIZE_PX), level)), left, ordinary=1)
    assert found.score_T.tolist() == [5]


maps = arrays.arrays(np.float32, (2, *SIZE_PX), elements=st.floats(0, 100, width=32))
masks = arrays.arrays(np.bool_, SIZE_PX)
score_pairs = st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=2)


@given(maps, score_pairs, masks, masks, st.floats(-5, 5, width=32))
def test_a_larger_region_scores_no_lower_and_none_higher_than_the_picture(
    map_THW, score_T, one, other, ordinary
):
    scores = clip_scores(score_T, map_THW)
    small = scores_within(scores, WatchedRegion("a", one & other), ordinary=ordinary).score_T
    large = scores_within(scores, WatchedRegion("b", one), ordinary=ordinary).score_T
    assert (small <= large + 1e-5).all()
    assert (large <= scores.score_T + 1e-4).all()
    assert (small >= np.minimum(scores.score_T, np.float32(ordinary)) - 1e-5).all()


@given(maps, score_pairs, masks)
def test_where_the_peak_is_inside_the_score_is_kept(map_THW, score_T, mask_HW):
    scores = clip_scores(score_T, map_THW)
    found = scores_within(scores, WatchedRegion("a", mask_HW), ordinary=0)
    for t in range(2):
        if (map_THW[t].max() == map_THW[t][mask_HW].max(initial=-1)) and map_THW[t].max() > 0:
            assert found.score_T[t] == pytest.approx(scores.score_T[t], abs=1e-5)


# --- thresholds: the region's own, else the camera's, else the bundle's

CALIBRATION = calibration(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def tuned(*regions, scoring=None, false_alarms=None, **camera):
    model = BrightnessModel(spec_of(1, size_px=SIZE_PX))
    settings = scoring or ScoringSettings(false_alarms_per_day=3)
    detector = detector_of(model, settings=settings, calibration=CALIBRATION)
    config = CameraConfig(source="x", regions=regions, **camera)
    return config, tunings_of(config, detector.bundle, size_px=SIZE_PX, false_alarms=false_alarms or {})


def decided(tuning):
    return tuning.settings.threshold, tuning.settings.false_alarms_per_day


def test_precedence_of_thresholds():
    own, plain = region("a", LEFT, false_alarms_per_day=9), region("b", RIGHT)
    fixed = region("c", RIGHT, threshold=4.5, false_alarms_per_day=9)
    assert decided(tuned()[1][0]) == (None, 3)
    assert decided(tuned(false_alarms_per_day=5)[1][0]) == (None, 5)
    a, b, c = tuned(own, plain, fixed, false_alarms_per_day=5)[1]
    assert (decided(a), decided(b), decided(c)[0]) == ((None, 9), (None, 5), 4.5)
    of_bundle = ScoringSettings(threshold=6)
    assert decided(tuned(scoring=of_bundle)[1][0])[0] == 6
    assert decided(tuned(scoring=of_bundle, false_alarms_per_day=5)[1][0]) == (None, 5)


def test_false_alarms_raise_the_threshold_of_their_region_alone():
    regions = region("a", LEFT), region("b", RIGHT)
    _, (a, b) = tuned(*regions, false_alarms={"a": [20.0, 30.0, 40.0]})
    assert b.calibration == CALIBRATION
    assert quiet_threshold(a.calibration, 3) > 10 > quiet_threshold(b.calibration, 3)
    _, (again, _) = tuned(*regions, false_alarms={})
    assert again.calibration == CALIBRATION


def test_an_alert_is_rarer_than_an_alarm_and_a_fixed_threshold_alerts_at_once():
    config, (tuning,) = tuned(alert_per_day=1)
    assert alert_threshold(config, tuning, enter_threshold=8) == quiet_threshold(CALIBRATION, 1)
    assert alert_threshold(config, tuning, enter_threshold=80) == 80
    config, (tuning,) = tuned(scoring=ScoringSettings(threshold=4))
    assert alert_threshold(config, tuning, enter_threshold=4) == 4
