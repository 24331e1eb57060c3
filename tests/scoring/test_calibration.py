"""Calibration: what is observed is counted, what lies beyond is extrapolated, and it says which."""

import itertools
import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from normalcy.errors import BundleError, CalibrationError, ConfigError, InputError, ShortCalibrationWarning
from normalcy.scoring.calibration import MIN_FRAMES, MIN_PEAKS, Calibration, fit_calibration
from normalcy.scoring.declustering import alarm_levels

FPS = 10.0
GAP_FRAMES = 20
DAY = 86_400.0


def peaks(heights, *, spacing=GAP_FRAMES + 5):
    """A score of 0 with single-frame peaks far enough apart to be alarms of their own."""
    score_T = np.zeros(spacing * len(heights))
    score_T[::spacing] = heights
    return score_T


def exponential(generator, frames):
    return generator.exponential(size=frames)


def uniform(generator, frames):
    return generator.random(frames)


def gaussian_ar1(generator, frames, phi=0.9):
    return lfilter([math.sqrt(1 - phi**2)], [1, -phi], generator.standard_normal(frames))


PROCESSES = {"exponential": exponential, "uniform": uniform, "gaussian AR(1)": gaussian_ar1}


@pytest.fixture(scope="module")
def pareto():
    return fit_calibration([exponential(np.random.default_rng(0), 20_000)], frames_per_second=FPS)


@pytest.fixture(scope="module")
def empirical():
    return fit_calibration([peaks([1.0, 4.0, 2.0, 3.0])], frames_per_second=FPS)


def fresh_alarms(score_T, threshold):
    """Alarms that the threshold raises, counted on the frames."""
    above = np.flatnonzero(score_T >= threshold)
    return int(len(above) > 0) + int((np.diff(above) >= GAP_FRAMES).sum())


# --- against processes whose tail is known


def rates_on_fresh_video(process, *, alarms_per_observed_time, calibrations, frames, seed):
    """Alarms on a million fresh frames over alarms asked for, of calibrations on videos of their own."""
    generator = np.random.default_rng(seed)
    fresh = process(generator, 1_000_000)
    ratios = []
    for _ in range(calibrations):
        calibration = fit_calibration([process(generator, frames)], frames_per_second=FPS)
        asked = alarms_per_observed_time * calibration.resolution_per_day
        got = fresh_alarms(fresh, calibration.threshold(asked)) * DAY / (len(fresh) / FPS)
        ratios.append(got / asked)
    return np.array(ratios)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_rates_within_what_was_observed_hold_on_fresh_video(process):
    """Five alarms in the observed time: right within 25 % on average, within a factor 3 in 9 of 10."""
    ratios = rates_on_fresh_video(process, alarms_per_observed_time=5, calibrations=60, frames=8_000, seed=1)
    assert ratios.mean() == pytest.approx(1.0, abs=0.25)
    assert np.mean((ratios > 1 / 3) & (ratios < 3)) >= 0.9


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_rates_ten_times_beyond_are_not_far_too_many(process):
    """One alarm in ten observed times: on average at most three times as many; too few is the safer side."""
    ratios = rates_on_fresh_video(
        process, alarms_per_observed_time=0.1, calibrations=60, frames=8_000, seed=1
    )
    assert ratios.mean() < 3.0


def test_the_tail_does_extrapolate():
    """A threshold above all that was seen still lets alarms through on a hundred times as much video."""
    generator = np.random.default_rng(9)
    score_T, fresh = exponential(generator, 20_000), exponential(generator, 2_000_000)
    calibration = fit_calibration([score_T], frames_per_second=FPS)
    threshold = calibration.threshold(calibration.resolution_per_day / 8)
    assert score_T.max() < threshold < fresh.max()


# --- the observed part, by hand


def test_counts_by_hand(empirical):
    """Four alarms in 10 s; the rate at the c-th highest peak is c in that time, straight in between."""
    assert empirical.kind == "empirical"
    assert empirical.observed_seconds == 10.0
    once = DAY / 10.0
    assert empirical.resolution_per_day == once
    assert [empirical.false_alarms_per_day(s) for s in (4.0, 3.0, 2.0, 1.0)] == [
        once,
        2 * once,
        3 * once,
        4 * once,
    ]
    assert empirical.false_alarms_per_day(2.5) == pytest.approx(2.5 * once)
    assert empirical.threshold(2.5 * once) == pytest.approx(2.5)


def test_below_the_lowest_level_the_rate_stays(empirical):
    assert empirical.false_alarms_per_day(-100.0) == empirical.false_alarms_per_day(1.0)
    assert empirical.threshold(1e12) == 1.0


def test_beyond_the_highest_score_not_seeing_it_is_an_even_bet(empirical):
    assert empirical.false_alarms_per_day(4.0001) == pytest.approx(math.log(2) * empirical.resolution_per_day)
    assert empirical.false_alarms_per_day(math.inf) < empirical.resolution_per_day


def test_a_rate_that_cannot_be_resolved_warns_and_goes_just_above(empirical):
    with pytest.warns(ShortCalibrationWarning, match="8,640 times beyond"):
        threshold = empirical.threshold(1.0)
    assert 4.0 + 1e-5 < threshold < 4.001


def test_the_gap_and_the_frame_rate_say_what_one_alarm_is():
    score_T = np.zeros(40)
    score_T[[5, 10]] = 1.0  # 0.5 s apart at 10 frames per second
    few = fit_calibration([score_T], frames_per_second=10.0, cluster_gap_seconds=0.6)
    many = fit_calibration([score_T], frames_per_second=10.0, cluster_gap_seconds=0.5)
    assert few.rate_per_day == pytest.approx(few.resolution_per_day)
    assert many.rate_per_day == pytest.approx(2 * many.resolution_per_day)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_constant_scores(value):
    """Each video is one endless alarm at the constant, and silent just above it."""
    calibration = fit_calibration([np.full(50, value)] * 3, frames_per_second=FPS)
    assert calibration.kind == "empirical"
    assert calibration.false_alarms_per_day(value) == pytest.approx(3 * calibration.resolution_per_day)
    with pytest.warns(ShortCalibrationWarning):
        threshold = calibration.threshold(1.0)
    assert threshold > value
    assert calibration.false_alarms_per_day(threshold) < calibration.resolution_per_day


def test_many_constant_videos_have_no_tail():
    calibration = fit_calibration([np.ones(5)] * 50, frames_per_second=FPS)
    assert calibration.kind == "empirical"
    assert calibration.rate_per_day == pytest.approx(50 * calibration.resolution_per_day)


# --- the tail


@pytest.mark.parametrize(("count", "kind"), [(MIN_PEAKS, "empirical"), (MIN_PEAKS + 1, "generalised-pareto")])
def test_a_tail_needs_enough_peaks(count, kind):
    heights = np.random.default_rng(3).exponential(size=count) + 1.0
    calibration = fit_calibration([peaks(heights)], frames_per_second=FPS)
    assert len(calibration.alarm_levels) == count
    assert calibration.kind == kind


def test_continuous_where_the_tail_takes_over(pareto):
    below, above = (pareto.false_alarms_per_day(np.nextafter(pareto.u, way)) for way in (-math.inf, math.inf))
    assert below == pytest.approx(pareto.rate_per_day, rel=1e-9)
    assert above == pytest.approx(pareto.rate_per_day, rel=1e-9)


def test_the_threshold_is_the_inverse(pareto):
    for factor in (100, 30, 5, 3, 1, 0.2):
        asked = factor * pareto.resolution_per_day
        assert pareto.false_alarms_per_day(pareto.threshold(asked)) == pytest.approx(asked)


def test_a_tail_is_followed_ten_times_without_a_warning(pareto):
    pareto.threshold(pareto.resolution_per_day / 9.9)
    with pytest.warns(ShortCalibrationWarning, match=r"reaches 10\.1 times beyond"):
        pareto.threshold(pareto.resolution_per_day / 10.1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=MIN_FRAMES, max_size=150),
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=20),
)
def test_never_rises_with_the_score_and_is_never_nan(values, asked):
    calibration = fit_calibration([np.array(values)], frames_per_second=FPS, cluster_gap_seconds=0.2)
    rates = [calibration.false_alarms_per_day(score) for score in sorted(asked + values)]
    assert not any(map(math.isnan, rates))
    assert all(rate >= 0.0 for rate in rates)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=MIN_FRAMES, max_size=150),
    st.floats(0.001, 1e6),
)
def test_a_threshold_keeps_to_the_asked_rate_on_the_video_it_was_fitted_on(values, factor):
    """Ties included: never more alarms than asked for, unless the lowest level allows no more."""
    score_T = np.array(values, float)
    calibration = fit_calibration([score_T], frames_per_second=FPS, cluster_gap_seconds=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortCalibrationWarning)
        threshold = calibration.threshold(factor * calibration.resolution_per_day)
    raised = sum(threshold <= level for level in alarm_levels([score_T], gap_frames=3))
    assert raised <= factor * (1 + 1e-9)


# --- what it says


def test_describes_which_method_from_how_much_video(pareto, empirical):
    assert pareto.describe().startswith("Generalised Pareto tail of shape")
    assert "from 33.3 min of normal video" in pareto.describe()
    assert "rarer ones are extrapolated" in pareto.describe()
    assert empirical.describe().startswith("Empirical quantiles of 4 alarm levels")
    assert "cannot be told apart" in empirical.describe()


def test_describes_how_far_the_asked_rate_reaches(pareto, empirical):
    assert "43.2 times beyond it." in pareto.describe(false_alarms_per_day=1.0)
    assert "within what was observed" in pareto.describe(false_alarms_per_day=50.0)
    assert "just above the highest score seen" in empirical.describe(false_alarms_per_day=1.0)


@pytest.mark.parametrize(
    ("frames", "said"), [(100, "10 s"), (6_000, "10 min"), (108_000, "3 h"), (2_592_000, "3 days")]
)
def test_says_the_time_as_a_person_would(frames, said):
    calibration = fit_calibration([np.ones(frames)], frames_per_second=FPS, cluster_gap_seconds=0.2)
    assert f"from {said} of normal video" in calibration.describe()


# --- bad input


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite(odd):
    with pytest.raises(CalibrationError, match="calibration video 2: 1 of 30"):
        fit_calibration([np.ones(30), np.array([odd] + [1.0] * 29)], frames_per_second=FPS)


@pytest.mark.parametrize("videos", [[], [np.empty(0)], [np.ones(MIN_FRAMES - 1)]])
def test_too_few_frames(videos):
    with pytest.raises(CalibrationError, match="too few"):
        fit_calibration(videos, frames_per_second=FPS)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_cannot_be_asked_for(empirical, rate):
    with pytest.raises(ConfigError, match="false alarms per day"):
        empirical.threshold(rate)


def test_a_nan_has_no_rate(empirical):
    with pytest.raises(InputError, match="nan"):
        empirical.false_alarms_per_day(math.nan)


# --- on disk


@pytest.mark.parametrize("name", ["pareto", "empirical"])
def test_reads_back_what_it_wrote(name, request):
    calibration = request.getfixturevalue(name)
    read = Calibration.from_json(json.loads(json.dumps(calibration.to_json(), allow_nan=False)))
    assert read == calibration
    assert read.false_alarms_per_day(2.2) == calibration.false_alarms_per_day(2.2)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "guess"}, "unknown kind"),
        ({"observed_seconds": 0.0}, "nothing was observed"),
        ({"observed_seconds": "10"}, "not a finite number"),
        ({"u": math.nan}, "not a finite number"),
        ({"frames": True}, "not a finite number"),
        ({"alarm_levels": []}, "nothing was observed"),
        ({"alarm_levels": 3}, "alarm_levels is 3"),
        ({"alarm_levels": [1.0, 2.0]}, "do not descend"),
        ({"shape": None}, "do not fit kind"),
        ({"shape": 0.9}, "out of range"),
        ({"scale": -1.0}, "out of range"),
        ({"kind": "empirical"}, "do not fit kind"),
        ({"rate_per_day": 1.0}, "its alarm levels give"),
        ({"surplus": 1}, r"missing or unknown: \['surplus'\]"),
    ],
)
def test_a_damaged_file_is_named(pareto, change, match):
    with pytest.raises(BundleError, match=match):
        Calibration.from_json(pareto.to_json() | change)


@pytest.mark.parametrize("data", [None, [], {"kind": "empirical"}])
def test_something_else_altogether(data):
    with pytest.raises(BundleError, match=r"calibration\.json: missing or unknown"):
        Calibration.from_json(data)
