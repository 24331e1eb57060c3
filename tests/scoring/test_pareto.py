"""The generalised Pareto tail, against scipy's."""

import numpy as np
import pytest
from scipy import stats

from normalcy.scoring.pareto import SHAPE_LIMIT, ParetoTail, fit_pareto


@pytest.mark.parametrize("shape", [-0.4, 0.0, 1e-12, 0.3])
def test_survival_is_scipys(shape):
    tail = ParetoTail(shape, 2.0)
    for excess in (0.0, 0.5, 3.0, 20.0):
        assert tail.survival(excess) == pytest.approx(stats.genpareto.sf(excess, shape, scale=2.0), rel=1e-9)


@pytest.mark.parametrize("shape", [-0.4, 0.0, 0.3])
@pytest.mark.parametrize("survival", [1.0, 0.3, 1e-6])
def test_excess_inverts_survival(shape, survival):
    tail = ParetoTail(shape, 0.7)
    assert tail.survival(tail.excess(survival)) == pytest.approx(survival, rel=1e-9)


def test_a_negative_shape_ends():
    tail = ParetoTail(-0.5, 1.0)
    assert tail.survival(1.999) > 0.0
    assert tail.survival(2.0) == tail.survival(1e9) == 0.0


def test_what_lies_beyond_is_pareto_again():
    tail = ParetoTail(0.2, 1.5)
    beyond = tail.above(3.0)
    assert beyond.survival(2.0) == pytest.approx(tail.survival(5.0) / tail.survival(3.0))


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.25])
def test_many_excesses_outweigh_the_prior(shape):
    excess_N = stats.genpareto.rvs(shape, scale=3.0, size=5000, random_state=1)
    tail = fit_pareto(excess_N)
    expected, _, scale = stats.genpareto.fit(excess_N, floc=0.0)
    assert tail.shape == pytest.approx(expected, abs=0.02)
    assert tail.scale == pytest.approx(scale, rel=0.03)


def test_few_excesses_lean_on_the_prior():
    """Where plain maximum likelihood believes in an end of the tail right behind the data."""
    excess_N = np.linspace(0.1, 1.0, 12)
    assert stats.genpareto.fit(excess_N, floc=0.0)[0] < -0.5
    assert -0.2 < fit_pareto(excess_N).shape < 0.1


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_scores_does_not_matter(scale):
    excess_N = stats.expon.rvs(size=60, random_state=2)
    one, other = fit_pareto(excess_N), fit_pareto(excess_N * scale)
    assert other.shape == pytest.approx(one.shape, abs=1e-6)
    assert other.scale == pytest.approx(one.scale * scale, rel=1e-6)


def test_bounded_data_stay_within_the_limit():
    tail = fit_pareto(np.linspace(0.0, 1.0, 2000))
    assert -SHAPE_LIMIT < tail.shape < -0.4


def test_no_excess_no_tail():
    assert fit_pareto(np.zeros(40)) is None
