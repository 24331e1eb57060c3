import math

import pytest

from normalcy.methods.scene_memory.smoothing import Average, TrimmedMean


def test_an_average_starts_with_the_first_value():
    assert Average(0.5)(3.0, 0.1) == 3.0


def test_an_average_is_the_same_at_any_frame_rate():
    slow, fast = Average(0.5), Average(0.5)
    slow(1.0, 0.1), fast(1.0, 0.1)
    fast(5.0, 0.1)
    assert fast(5.0, 0.1) == pytest.approx(slow(5.0, 0.2))


def test_after_its_constant_an_average_has_come_along_by_all_but_one_in_e():
    average = Average(0.5)
    average(0.0, 0.1)
    for _ in range(5):
        last = average(1.0, 0.1)
    assert last == pytest.approx(1 - 1 / math.e)


def test_a_trimmed_mean_ignores_one_spike():
    settled = TrimmedMean(4)
    assert [settled(value, 0.1) for value in (1, 1, 1, 100, 1, 1)] == [1] * 6


def test_a_trimmed_mean_leaves_out_the_largest_of_the_last_few():
    settled = TrimmedMean(4)
    assert [settled(value, 0.1) for value in (1, 3, 5, 8)] == [1, 2, 2, 3]
    assert settled(9, 0.1) == pytest.approx((3 + 5 + 8) / 3)


def test_a_trimmed_mean_rises_with_what_lasts():
    settled = TrimmedMean(4)
    found = [settled(value, 0.1) for value in (1, 1, 1, 10, 10, 10, 10)]
    assert found == pytest.approx([1, 1, 1, 1, 4, 7, 10])
