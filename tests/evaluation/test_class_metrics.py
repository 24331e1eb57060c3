import numpy as np
import pytest

from normalcy.evaluation.class_metrics import (
    CLASS_METRIC_NOTES,
    class_metrics,
    expected_calibration_error,
    reliability,
)

CLASSES = ("calm", "fight", "fire")
#            calm calm calm fight fight fire
TARGET = np.array([0, 0, 0, 1, 1, 2])
P = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.6, 0.3, 0.1],
        [0.2, 0.7, 0.1],
        [0.1, 0.9, 0.0],
        [0.5, 0.4, 0.1],
        [0.3, 0.1, 0.6],
    ]
)


def test_by_hand():
    found = class_metrics(P, TARGET, CLASSES, normal=0)
    assert found.confusion == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found.metrics["accuracy"] == pytest.approx(4 / 6)
    assert found.metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    # F1: calm 2/3, fight 1/2, fire 1.
    assert found.metrics["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.metrics["weighted_f1"] == pytest.approx((3 * 2 / 3 + 2 * 1 / 2 + 1) / 6)
    # One against the rest: calm 8 of 9 pairs, fight 7 of 8, fire all.
    assert found.metrics["auc"] == pytest.approx((_pairs(0) + _pairs(1) + _pairs(2)) / 3)
    assert found.per_class["fight"] == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "auc": pytest.approx(_pairs(1)),
        "support": 2,
    }
    assert list(found.metrics) == list(CLASS_METRIC_NOTES)


def _pairs(place):
    """Share of the pairs that the class's probability ranks rightly."""
    own, other = P[place == TARGET, place], P[place != TARGET, place]
    return np.mean([(a > b) + 0.5 * (a == b) for a in own for b in other])


def test_of_two_classes_auc_is_the_same_whichever_is_normal():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]])
    target = np.array([0, 0, 1, 1])
    assert class_metrics(p, target, ("normal", "fight"), normal=0).metrics["auc"] == pytest.approx(0.75)
    assert class_metrics(p, target, ("fight", "normal"), normal=1).metrics["auc"] == pytest.approx(0.75)


def test_classes_without_videos_do_not_count():
    found = class_metrics(P[:5], TARGET[:5], CLASSES, normal=0)
    assert found.metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.per_class["fire"]["auc"] is None
    assert found.per_class["fire"]["support"] == 0


def test_of_a_single_class_there_is_no_auc():
    assert class_metrics(P[:3], TARGET[:3], CLASSES, normal=0).metrics["auc"] is None


def test_reliability_by_hand():
    bins = reliability(P, TARGET, bins=2)
    assert [each.count for each in bins] == [0, 6]
    assert bins[0].confidence is None
    assert bins[1].confidence == pytest.approx((0.8 + 0.6 + 0.7 + 0.9 + 0.5 + 0.6) / 6)
    assert bins[1].right == pytest.approx(4 / 6)


def test_a_certain_video_lies_in_the_last_bin():
    assert [each.count for each in reliability(np.array([[1.0, 0.0]]), np.array([0]), bins=4)] == [0, 0, 0, 1]


def test_expected_calibration_error_by_hand():
    # Two in 0.5 to 0.6 of which one is right, one in 0.9 to 1 that is wrong.
    p = np.array([[0.55, 0.45], [0.45, 0.55], [0.95, 0.05]])
    error = expected_calibration_error(reliability(p, np.array([0, 0, 1])))
    assert error == pytest.approx((2 * abs(0.55 - 0.5) + 1 * 0.95) / 3)


def test_the_honest_have_no_error():
    p = np.repeat([[0.75, 0.25]], 4, axis=0)
    assert expected_calibration_error(reliability(p, np.array([0, 0, 0, 1]))) == pytest.approx(0)


def test_an_error_of_nothing_is_none():
    assert expected_calibration_error([]) == 0.0
