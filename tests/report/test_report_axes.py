import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.report.axes import ScoreAxis, thin, ticks


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
    assert len(thin_x_T) <= max(most_points, 2)
    assert (thin_y_T.min(), thin_y_T.max()) == (y_T.min(), y_T.max())
    assert (np.diff(thin_x_T) > 0).all()
    np.testing.assert_array_equal(y_T[thin_x_T.astype(int)], thin_y_T)
