"""False alarms that people marked: they raise thresholds, and leave no trace where they are taken back."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.errors import CalibrationError, ShortCalibrationWarning
from normalcy.scoring.calibration import SECONDS_PER_DAY, Calibration, fit_calibration

RATES = (0.1, 1.0, 10.0, 100.0, 1000.0)


def threshold(calibration, rate):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortCalibrationWarning)
        return calibration.threshold(rate)


def fitted(seed=0, *, frames=20_000, shape="exponential"):
    rng = np.random.default_rng(seed)
    draw = {"exponential": rng.exponential, "bounded": rng.random, "heavy": lambda size: rng.pareto(3, size)}
    return fit_calibration([draw[shape](size=frames)], frames_per_second=10)


PARETO, BOUNDED, HEAVY = fitted(), fitted(shape="bounded"), fitted(shape="heavy")
EMPIRICAL = fitted(frames=300)
CALIBRATIONS = {"pareto": PARETO, "bounded": BOUNDED, "heavy": HEAVY, "empirical": EMPIRICAL}

peaks = st.lists(st.floats(0, 60), min_size=1, max_size=12)
calibrations = st.sampled_from(list(CALIBRATIONS.values()))


def test_the_kinds_are_what_they_are_meant_to_be():
    assert [each.kind for each in CALIBRATIONS.values()] == ["generalised-pareto"] * 3 + ["empirical"]
    assert BOUNDED.shape < 0 < HEAVY.shape


@given(calibrations, st.lists(st.floats(0, 60), min_size=2, max_size=24, unique=True), st.data())
def test_more_false_alarms_never_lower_a_threshold_or_a_rate(calibration, marked, data):
    few = data.draw(st.integers(1, len(marked) - 1))
    some, more = marked[:few], marked[few:]
    stages = [calibration, calibration.with_false_alarms(some), calibration.with_false_alarms([*some, *more])]
    for rate in RATES:
        thresholds = [threshold(each, rate) for each in stages]
        assert thresholds == sorted(thresholds)
    for score in np.linspace(0, 80, 161):
        rates = [each.false_alarms_per_day(float(score)) for each in stages]
        assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(rates))


@given(calibrations, peaks)
def test_what_is_taken_back_is_undone(calibration, marked):
    assert calibration.with_false_alarms([]) is calibration
    assert calibration.with_false_alarms(marked) == calibration.with_false_alarms(sorted(marked))
    assert calibration.with_false_alarms(marked[:-1]) == calibration.with_false_alarms(
        list(reversed(marked[:-1]))
    )


@given(calibrations, peaks)
def test_it_stays_a_calibration_that_can_be_kept(calibration, marked):
    learned = calibration.with_false_alarms(marked)
    assert Calibration.from_json(learned.to_json()) == learned
    assert learned.kind == calibration.kind
    assert learned.observed_seconds == calibration.observed_seconds
    assert len(learned.alarm_levels) == len(calibration.alarm_levels) + len(marked)


@given(st.sampled_from([PARETO, BOUNDED, HEAVY]), peaks, st.floats(0.1, 1000))
def test_the_threshold_is_still_the_inverse(calibration, marked, rate):
    learned = calibration.with_false_alarms(marked)
    assert learned.false_alarms_per_day(threshold(learned, rate)) == pytest.approx(rate)


@given(calibrations, peaks)
def test_the_rate_never_rises_with_the_score(calibration, marked):
    learned = calibration.with_false_alarms(marked)
    rates = [learned.false_alarms_per_day(float(score)) for score in np.linspace(-1, 80, 200)]
    assert rates == sorted(rates, reverse=True)


def test_by_hand():
    """Four alarms in a day; a fifth, higher one was no anomaly either."""
    base = Calibration("empirical", SECONDS_PER_DAY, 1000, 2.0, 4.0, 1.0, None, None, 0, (4.0, 3.0, 2.0, 1.0))
    learned = base.with_false_alarms([9.0])
    assert (base.threshold(1.0), learned.threshold(1.0), learned.threshold(2.0)) == (4.0, 9.0, 4.0)
    assert (learned.false_alarms_per_day(9.0), learned.false_alarms_per_day(2.0)) == (1.0, 4.0)
    assert learned.false_alarms_per_day(9.1) == pytest.approx(math.log(2))


@given(calibrations, peaks)
def test_what_was_marked_does_not_alarm_again_at_a_rate_that_allows_none_of_it(calibration, marked):
    """Whatever is believed beyond what was seen: a single mark is enough."""
    learned = calibration.with_false_alarms(marked)
    assert threshold(learned, 0.99 * learned.resolution_per_day) > max(marked)


@pytest.mark.parametrize("name", ["pareto", "bounded", "heavy"])
def test_a_rate_that_allows_some_of_it_takes_as_many_marks_and_one_more(name):
    calibration = CALIBRATIONS[name]
    peak = threshold(calibration, 1.0) * 1.5
    twice = 2 * calibration.resolution_per_day
    assert threshold(calibration.with_false_alarms([peak]), twice) < peak
    assert threshold(calibration.with_false_alarms([peak, peak * 1.01, peak * 1.02]), twice) > peak


def test_the_tail_moves_no_further_than_it_must():
    peak = threshold(PARETO, 1.0) * 1.5
    learned = PARETO.with_false_alarms([peak])
    assert threshold(learned, learned.resolution_per_day) == pytest.approx(peak)
    assert (learned.shape, learned.scale) == (PARETO.shape, PARETO.scale)


@pytest.mark.parametrize("name", list(CALIBRATIONS))
def test_marked_often_enough_the_same_does_not_alarm_again(name):
    calibration = CALIBRATIONS[name]
    peak = threshold(calibration, 1.0) * 1.5
    assert threshold(calibration.with_false_alarms([peak]), 1.0) >= threshold(calibration, 1.0)
    assert threshold(calibration.with_false_alarms([peak] * 3), 1.0) > peak


def test_a_tail_that_ends_is_left_behind():
    """All of normal video was below 1; what is marked lies far beyond."""
    learned = BOUNDED.with_false_alarms([50.0] * 3)
    assert learned.false_alarms_per_day(50.0) == pytest.approx(3 * BOUNDED.resolution_per_day)
    assert threshold(learned, 0.001) - threshold(BOUNDED, 0.001) == pytest.approx(50 - BOUNDED.u)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_peak_that_is_no_number(odd):
    with pytest.raises(CalibrationError, match="false alarm has the score"):
        PARETO.with_false_alarms([1.0, odd])
