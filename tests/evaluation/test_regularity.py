"""The protocol of Chong & Tay, by hand."""

import numpy as np
import pytest

from normalcy.errors import InputError
from normalcy.evaluation.frame_metrics import VideoScores
from normalcy.evaluation.regularity import regularity_auc, regularity_score


def video(squared, labels):
    return VideoScores("v", np.array(squared, float), np.array(labels, bool))


def test_regularity_by_hand():
    """(e - 1) / 4 for errors 1, 4, 2: 0, 3/4, 1/4."""
    assert regularity_score(np.array([1.0, 4.0, 2.0])).tolist() == [1.0, 0.25, 0.75]


def test_a_constant_factor_cancels():
    error_T = np.array([3.0, 5.0, 4.0])
    assert regularity_score(error_T * 227.0) == pytest.approx(regularity_score(error_T))


def test_no_error_is_regular():
    assert regularity_score(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]


def test_the_auc_takes_the_root_of_squared_errors_and_scales_each_video():
    """Roots 1, 3 and 10, 20; scaled 0, 2/3 and 0, 1/2: only 1/2 < 2/3 is out of order among four pairs."""
    videos = [video([1, 9], [0, 0]), video([100, 400], [0, 1])]
    assert regularity_auc(videos) == pytest.approx(2 / 3)
    assert regularity_auc([video([1, 9], [0, 1]), video([100, 400], [0, 1])]) == 1.0


def test_scaling_is_by_the_highest_error_not_by_the_range():
    """Roots 9, 10 give 1/10 at most; a min-max would give 1 and win against 2/3 of the other video."""
    assert regularity_auc([video([81, 100], [0, 1]), video([1, 9], [0, 0])]) == pytest.approx(2 / 3)


def test_scores_are_not_errors():
    with pytest.raises(InputError, match="reconstruction error is -1"):
        regularity_auc([video([-1.0, 1.0], [0, 1])])
