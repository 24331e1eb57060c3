"""Calibration on held-out normal video."""

import math

import numpy as np
import pytest

from fake_models import BrightnessModel, spec_of
from normalcy.errors import CalibrationError, InputError
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.smoothing import smooth
from normalcy.training.calibrate import calibrate, long_enough, map_scale, normal_parts
from normalcy.training.data import Footage

SETTINGS = ScoringSettings(smoothing_alpha=0.5, merge_gap_seconds=0.4)
LEVELS = np.random.default_rng(0).integers(0, 200, 40)


def footage(levels, *, fps: float = 10, name: str = "x") -> Footage:
    frames_TCHW = np.stack([np.full((1, 2, 3), level, np.uint8) for level in levels])
    return Footage(name, frames_TCHW, np.arange(len(levels)), np.arange(len(levels)) / fps)


def test_it_is_fitted_to_the_smoothed_scores_of_each_video():
    one, two = LEVELS[:25], LEVELS[25:]
    found = calibrate([(BrightnessModel(spec_of(1)), [footage(one), footage(two)])], settings=SETTINGS)
    expected = fit_calibration(
        [smooth(one, alpha=0.5), smooth(two, alpha=0.5)], frames_per_second=10, cluster_gap_seconds=0.4
    )
    assert found.calibration == expected
    assert found.frames_per_second == pytest.approx(10)


def test_scores_come_from_the_path_of_every_source_hop_included():
    settings = ScoringSettings(smoothing_alpha=1, hop_frames=5)
    found = calibrate([(BrightnessModel(spec_of(1)), [footage(LEVELS)])], settings=settings)
    held = LEVELS[np.arange(40) // 5 * 5]
    held[39] = LEVELS[39]  # the end of the video is a clip of its own
    assert found.calibration == fit_calibration([held], frames_per_second=10)


def test_the_rate_is_all_frames_over_all_time():
    found = calibrate(
        [(BrightnessModel(spec_of(1)), [footage(LEVELS[:30]), footage(LEVELS[:10], fps=30)])],
        settings=SETTINGS,
    )
    assert found.frames_per_second == pytest.approx(40 / (3 + 1 / 3))


def test_spans_shorter_than_a_clip_are_left_out():
    spec = spec_of(6, scored=(5,))
    found = calibrate([(BrightnessModel(spec), [footage(LEVELS), footage(LEVELS[:5])])], settings=SETTINGS)
    assert found.calibration.frames == 40


def test_the_map_scale_by_hand():
    """The usual ground of three maps is 2 and their usual peak 7: one wild map moves neither."""
    assert map_scale(np.array([[1.0, 5.0], [2.0, 7.0], [9.0, 100.0]])) == (2.0, 12.0)


def test_even_maps_keep_a_scale():
    low, high = calibrate([(BrightnessModel(spec_of(1)), [footage([7] * 30)])], settings=SETTINGS).map_scale
    assert low == 7
    assert high > low


def test_progress_counts_frames_over_all_videos():
    told = []
    videos = [footage(LEVELS[:25]), footage(LEVELS[:15])]
    calibrate(
        [(BrightnessModel(spec_of(1)), videos)], settings=SETTINGS, progress=lambda *step: told.append(step)
    )
    assert [done for _, done, _ in told] == list(range(1, 41))
    assert {total for *_, total in told} == {40}


def test_too_little_video_is_named():
    with pytest.raises(CalibrationError, match="no held-out video reaches 6 frames"):
        calibrate([(BrightnessModel(spec_of(6)), [footage(LEVELS[:5])])], settings=SETTINGS)
    with pytest.raises(CalibrationError, match="19 frames"):
        calibrate([(BrightnessModel(spec_of(1)), [footage(LEVELS[:19])])], settings=SETTINGS)


def test_a_score_that_is_no_number_is_named():
    model = BrightnessModel(spec_of(1), of=lambda level: math.nan if level == 3 else level)
    with pytest.raises(InputError, match="a frame score is nan"):
        calibrate([(model, [footage(range(30))])], settings=SETTINGS)


def test_normal_parts_are_those_of_every_frame_that_was_scored_itself():
    """The first clip settles frame 2; the two before it only keep its score."""
    model = BrightnessModel(spec_of(3, scored=(2,)))
    found = normal_parts([(model, [footage(LEVELS[:10]), footage(LEVELS[20:26])])], settings=SETTINGS)
    assert found.keys() == {"level"}
    assert found["level"].tolist() == [*LEVELS[2:10], *LEVELS[22:26]]


def test_normal_parts_follow_the_hop_and_are_not_smoothed():
    settings = ScoringSettings(smoothing_alpha=0.1, hop_frames=5)
    found = normal_parts([(BrightnessModel(spec_of(1)), [footage(LEVELS)])], settings=settings)
    assert found["level"].tolist() == [*LEVELS[::5], LEVELS[39]]


def test_progress_of_normal_parts_counts_frames_over_all_videos():
    told = []
    videos = [footage(LEVELS[:25]), footage(LEVELS[:2]), footage(LEVELS[:15])]
    model = BrightnessModel(spec_of(3, scored=(2,)))
    normal_parts([(model, videos)], settings=SETTINGS, progress=lambda *step: told.append(step))
    what = "measuring the parts of the score on held-out normal video"
    assert told == [(what, done, 40) for done in range(1, 41)]


def test_spans_that_hold_a_clip_are_kept_in_order():
    model = BrightnessModel(spec_of(3, stride=2, scored=(2,)))
    five, four, six = (footage(range(count), name=str(count)) for count in (5, 4, 6))
    assert long_enough([(model, [five, four, six])]) == [(model, five), (model, six)]
    found = normal_parts([(model, [five, four, six])], settings=SETTINGS)
    assert found["level"].tolist() == [4, 4, 5]
    for too_little in ([four], []):
        with pytest.raises(CalibrationError, match="no held-out video reaches 5 frames"):
            normal_parts([(model, too_little)], settings=SETTINGS)


def test_each_model_scores_the_video_that_it_has_not_seen():
    one, two = BrightnessModel(spec_of(1)), BrightnessModel(spec_of(1), of=lambda level: 1000.0 + level)
    turns = [(one, [footage(LEVELS[:25])]), (two, [footage(LEVELS[25:])])]
    settings = ScoringSettings(smoothing_alpha=1)
    assert normal_parts(turns, settings=settings)["level"].tolist() == LEVELS.tolist()
    expected = fit_calibration([LEVELS[:25], LEVELS[25:] + 1000], frames_per_second=10)
    assert calibrate(turns, settings=settings).calibration == expected
