"""Causal smoothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.errors import ConfigError, InputError
from normalcy.scoring.smoothing import CausalSmoother, smooth

scores = st.lists(st.floats(-1e6, 1e6, width=32), max_size=40)
alphas = st.floats(0.01, 1.0)


def test_worked_by_hand():
    assert smooth([8.0, 0.0, 4.0], alpha=0.25).tolist() == [8.0, 6.0, 5.5]


def test_alpha_one_smooths_nothing():
    values = np.array([1e20, 1.0, -3.5])
    assert smooth(values, alpha=1.0).tolist() == values.tolist()


@given(scores, alphas)
def test_stream_and_video_give_identical_floats(values, alpha):
    smoother = CausalSmoother(alpha)
    streamed = [smoother.update(value) for value in values]
    assert smooth(np.array(values, np.float32), alpha=alpha).tolist() == streamed


@given(scores, scores, alphas)
def test_the_past_does_not_depend_on_the_future(past, future, alpha):
    whole = smooth(past + future, alpha=alpha)
    assert whole[: len(past)].tolist() == smooth(past, alpha=alpha).tolist()


def test_nothing_smooths_to_nothing():
    assert smooth([], alpha=0.5).shape == (0,)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.1, float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(ConfigError, match="smoothing"):
        CausalSmoother(alpha)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused_and_leaves_no_trace(score):
    smoother = CausalSmoother(0.5)
    smoother.update(2.0)
    with pytest.raises(InputError, match=str(score)):
        smoother.update(score)
    assert smoother.update(4.0) == 3.0
