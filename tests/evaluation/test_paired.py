"""Paired differences, held against scipy and against cases worked by hand."""

import pytest
from scipy import stats

from normalcy.evaluation.paired import holm, paired_difference


def test_the_mean_its_interval_and_p_are_those_of_the_paired_t_test():
    changed, baseline = [0.91, 0.93, 0.90, 0.95], [0.90, 0.90, 0.91, 0.92]
    found = paired_difference(changed, baseline)
    known = stats.ttest_rel(changed, baseline)
    interval = known.confidence_interval(0.95)
    assert found.pairs == 4
    assert found.mean == pytest.approx(0.015)
    assert found.p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_single_pair_says_nothing():
    assert paired_difference([0.9], [0.8]) is None


def test_differences_that_never_vary():
    same = paired_difference([0.5, 0.7], [0.5, 0.7])
    assert same == (0, None, None, None, 2)
    # .1 + .2 is not .3 in floating point; that is no spread.
    always = paired_difference([0.1 + 0.2, 0.5, 0.8], [0.2, 0.4, 0.7])
    assert always.mean == pytest.approx(0.1)
    assert always.p is None


def test_values_that_cannot_be_paired():
    with pytest.raises(ValueError, match="2 values cannot be paired with 1"):
        paired_difference([1.0, 2.0], [1.0])


def test_holm_keeps_order_and_never_exceeds_one():
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.001, 0.2, 0.01, 0.03]) == pytest.approx([0.004, 0.2, 0.03, 0.06])
    assert holm([]) == []
