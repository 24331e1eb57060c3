"""The score timeline, a minute at a time."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from normalcy.live.engine.minutes import Minutes


def test_each_second_has_its_highest_score():
    minutes = Minutes()
    assert not list(minutes.add(1.0, at=120.2, threshold=5.0))
    assert not list(minutes.add(3.0, at=120.4, threshold=5.0))
    assert not list(minutes.add(2.0, at=120.9, threshold=5.0))
    assert not list(minutes.add(7.0, at=179.99, threshold=6.0))
    (whole,) = minutes.add(4.0, at=180.0, threshold=6.5)
    assert (whole.minute, whole.threshold) == (2, 6.0)
    assert (whole.scores[0], whole.scores[59]) == (3, 7)
    assert np.isnan(whole.scores[1:59]).all()


def test_news_is_given_once_and_again_as_it_grows():
    minutes = Minutes()
    assert not list(minutes.news())
    list(minutes.add(1.0, at=60.0, threshold=math.inf))
    (part,) = minutes.news()
    assert (part.minute, part.threshold, part.scores[0]) == (1, None, 1)
    assert not list(minutes.news())
    list(minutes.add(2.0, at=61.0, threshold=math.inf))
    (grown,) = minutes.news()
    assert grown.scores[:2].tolist() == [1, 2]
    assert np.isnan(part.scores[1]), "what was given does not change"


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(-10, 10, width=32), st.booleans()), max_size=60))
def test_no_score_is_lost_wherever_the_clock_goes(seen):
    """Parts of the same minute are put together by the store: the higher score of each second."""
    minutes, found = Minutes(), {}
    expected = {}
    for at, score, asks in seen:
        parts = [*minutes.add(score, at=at, threshold=1.0), *(minutes.news() if asks else ())]
        expected[int(at)] = max(score, expected.get(int(at), -math.inf))
        for part in parts:
            _merge(found, part)
    for part in minutes.news():
        _merge(found, part)
    assert found == expected


def _merge(found, part):
    for second in np.flatnonzero(~np.isnan(part.scores)):
        at = part.minute * 60 + int(second)
        found[at] = max(float(part.scores[second]), found.get(at, -math.inf))
