"""Frame metrics against scikit-learn and against cases worked by hand."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from normalcy.errors import InputError, LabelError
from normalcy.evaluation.frame_metrics import (
    VideoScores,
    average_precision,
    equal_error_rate,
    macro_auc,
    micro_auc,
    min_max,
    one_class_videos,
    roc_curve,
)


def video(scores, labels, name="v"):
    return VideoScores(name, np.array(scores, float), np.array(labels, bool))


NORMAL = video([1, 2, 3], [0, 0, 0], "normal")
ABNORMAL = video([1, 2, 3], [1, 1, 1], "abnormal")

two_classes = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60).filter(
    lambda frames: len({label for _, label in frames}) == 2
)


@given(two_classes, st.integers(0, 60))
def test_pooled_metrics_are_scikit_learns(frames, cut):
    scores, labels = zip(*frames, strict=True)
    videos = [video(scores[:cut], labels[:cut]), video(scores[cut:], labels[cut:])]
    assert micro_auc(videos) == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert average_precision(videos) == pytest.approx(metrics.average_precision_score(labels, scores))


def test_micro_auc_by_hand_ties_count_half():
    """Pairs (abnormal, normal): 2>1, 2=2, 3>1, 3>2: 3.5 of 4."""
    assert micro_auc([video([1, 2, 2, 3], [0, 0, 1, 1])]) == 3.5 / 4


def test_micro_auc_compares_across_videos_and_macro_within():
    """Each video is perfect by itself, but one scores far higher than the other."""
    videos = [video([0, 1], [0, 1]), video([10, 11], [0, 1])]
    assert macro_auc(videos, sentinels=False) == 1.0
    assert micro_auc(videos) == 3 / 4


@pytest.mark.parametrize("metric", [micro_auc, average_precision, equal_error_rate, roc_curve])
@pytest.mark.parametrize("one", [NORMAL, ABNORMAL])
def test_one_class_has_no_value(metric, one):
    assert metric([one, one]) is None


def test_macro_leaves_one_class_videos_out_and_says_so(caplog):
    half = video([2, 1], [0, 1])
    with caplog.at_level(logging.INFO):
        assert macro_auc([NORMAL, half, ABNORMAL], sentinels=False) == 0.0
    assert "leaves out 2 of 3 videos" in caplog.text
    assert one_class_videos([NORMAL, half, ABNORMAL]) == ("normal", "abnormal")
    assert macro_auc([NORMAL], sentinels=False) is None


def test_sentinels_by_hand():
    """Scaled scores 0, .5, 1; all abnormal, so only the sentinel is normal: it ties with the lowest of four."""
    assert macro_auc([ABNORMAL], sentinels=True) == 3.5 / 4
    assert macro_auc([NORMAL], sentinels=True) == 3.5 / 4
    assert macro_auc([NORMAL, video([2, 1], [0, 1])], sentinels=True) == pytest.approx((3.5 / 4 + 2 / 4) / 2)


@given(two_classes)
def test_sentinels_are_scikit_learns_on_padded_scores(frames):
    scores, labels = zip(*frames, strict=True)
    padded = metrics.roc_auc_score([0, *labels, 1], [0.0, *min_max(np.array(scores)), 1.0])
    assert macro_auc([video(scores, labels)], sentinels=True) == pytest.approx(padded)


def test_equal_error_rate_on_a_point_of_the_curve():
    """At the threshold 3: one of four normal frames above, one of four abnormal ones below."""
    assert equal_error_rate([video([0, 1, 2, 4, 1.5, 3, 5, 6], [0, 0, 0, 0, 1, 1, 1, 1])]) == pytest.approx(
        1 / 4
    )


def test_equal_error_rate_between_points():
    """Points (0, 0), (0, 2/3), (1/2, 2/3), (1, 1): the second segment crosses FPR = 1 - TPR at FPR 1/3."""
    assert equal_error_rate([video([1, 3, 0, 4, 5], [0, 0, 1, 1, 1])]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("scores", "expected"), [([0, 1], 0.0), ([1, 0], 1.0), ([1, 1], 0.5)])
def test_equal_error_rate_of_perfect_inverted_and_constant_scores(scores, expected):
    assert equal_error_rate([video(scores, [0, 1])]) == pytest.approx(expected)


def test_roc_curve_has_a_point_for_every_score():
    curve = roc_curve([video([1, 2, 3, 4], [0, 0, 1, 1])])
    assert curve.threshold_K.tolist() == [np.inf, 4, 3, 2, 1]
    assert curve.true_positive_rate_K.tolist() == [0, 0.5, 1, 1, 1]
    assert curve.false_positive_rate_K.tolist() == [0, 0, 0, 0.5, 1]


def test_min_max():
    assert min_max(np.array([2.0, 4.0, 3.0])).tolist() == [0.0, 1.0, 0.5]
    assert min_max(np.array([7.0, 7.0])).tolist() == [0.0, 0.0]
    assert min_max(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_named(odd):
    with pytest.raises(InputError, match="video 07: 1 of 2 frame scores"):
        video([odd, 1], [0, 1], "07")


def test_labels_that_do_not_fit_are_named():
    with pytest.raises(LabelError, match=r"video 07: \(3,\) labels do not fit \(2,\) scores"):
        video([1, 2], [0, 1, 1], "07")


def test_nothing_to_evaluate():
    with pytest.raises(InputError, match="no test videos"):
        micro_auc([])
