import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.report.axes import ScoreAxis, log_ticks, thin, tick_words, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 47, [0, 10, 20, 30, 40]),
        (0.0, 0.3, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
        (5, 5, [5]),
        (-1, 1, None),
    ],
)
def test_ticks_are_round(low, high, expected):
    found = ticks(low, high)
    assert found == (expected if expected is not None else [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_every_score_and_the_threshold_have_a_place():
    axis = ScoreAxis.spanning([np.array([1.0, 2.0]), np.array([3.0])], threshold=5.0)
    assert not axis.logarithmic
    np.testing.assert_allclose(axis.share([1.0, 5.0]), [0.0, 1 / 1.04])
    assert axis.share(float("nan")) == 0.0
    assert axis.share(99.0) == 1.0


def test_heavy_tails_get_a_logarithmic_axis():
    axis = ScoreAxis.spanning([np.array([1.0, 1.0, 1.0, 1000.0])], threshold=10.0)
    assert axis.logarithmic
    np.testing.assert_allclose(axis.share([1.0, 10.0, 1000.0]), [0.0, 1 / 3, 1.0])


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [([], 1.0), ([], float("inf")), ([np.zeros(3)], 0.0), ([np.array([np.nan, 2.0])], float("inf"))],
)
def test_little_or_no_data_still_makes_an_axis(scores, threshold):
    axis = ScoreAxis.spanning(scores, threshold=threshold)
    assert np.isfinite([axis.low, axis.high]).all()
    assert axis.high > axis.low
    assert 0 <= axis.share(threshold) <= 1


@given(st.booleans(), st.floats(0, 1))
def test_value_undoes_share(logarithmic, share):
    axis = ScoreAxis(0.5, 80.0, logarithmic=logarithmic)
    assert axis.share(axis.value(share)) == pytest.approx(share, abs=1e-9)


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6)), st.integers(2, 60))
def test_thinning_keeps_the_extremes_and_the_order(y_T, most_points):
    x_T = np.arange(len(y_T), dtype=float)
    thin_x_T, thin_y_T = thin(x_T, y_T, most_points=most_points)
    assert len(thin_x_T) <= max(most_points, 4)
    assert (thin_x_T[0], thin_x_T[-1]) == (0, len(y_T) - 1)
    assert (thin_y_T.min(), thin_y_T.max()) == (y_T.min(), y_T.max())
    assert (np.diff(thin_x_T) > 0).all()
    np.testing.assert_array_equal(y_T[thin_x_T.astype(int)], thin_y_T)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 30.0], ScoreAxis(1.0 - 0.06 * 29, 30.0 + 0.06 * 29)),
        ([-1.0, 99.0], ScoreAxis(-7.0, 105.0)),
        ([0.0, 100.0], ScoreAxis(-6.0, 106.0)),
        ([4.0, 4.0 + 1e-9], ScoreAxis(2.0, 6.0)),
        ([0.0], ScoreAxis(-0.5, 0.5)),
        ([], ScoreAxis(0.0, 1.0)),
    ],
)
def test_an_axis_that_fits_has_a_little_room(values, expected):
    axis = ScoreAxis.fitting(values)
    assert (axis.low, axis.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert not axis.logarithmic


def test_an_axis_that_fits_is_logarithmic_beyond_a_factor_of_thirty():
    axis = ScoreAxis.fitting([1.0, 31.0])
    assert axis.logarithmic
    np.testing.assert_allclose(axis.share([1.0, 31**0.5, 31.0]), [0.05 / 1.1, 0.5, 1.05 / 1.1])


@pytest.mark.parametrize(("low", "high"), [(0.9, 31.0), (3e-5, 0.7), (1e-30, 1e20), (2.0, 2e3)])
def test_logarithmic_ticks_lie_inside_and_are_few(low, high):
    found = log_ticks(low, high, at_most=5)
    assert 2 <= len(found) <= 5
    assert all(low <= value <= high for value in found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([100.5, 101.0], ["100.5", "101"]),
        ([-0.2, 0.0], ["-0.2", "0"]),
        ([5e3, 2e7], ["5,000", "2e+07"]),
        ([1e-5], ["1e-05"]),
        ([], []),
    ],
)
def test_ticks_are_written_exactly(values, words):
    assert tick_words(values) == words
