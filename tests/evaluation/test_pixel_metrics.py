"""Pixel metrics against scikit-learn and by hand."""

import cv2
import numpy as np
import pytest
from sklearn import metrics

from normalcy.errors import InputError, LabelError
from normalcy.evaluation.pixel_metrics import PixelCriterion, PixelRoc, fit_map


def grid(values):
    return np.array(values, np.float32)


def mask(values):
    return np.array(values, bool)


def frames(seed, count=6, size=(12, 17)):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        mask_HW = generator.random(size) < 0.2
        yield (generator.exponential(size=size) + mask_HW).astype(np.float32), mask_HW


def measured(meter, pairs):
    for map_HW, mask_HW in pairs:
        meter.update(map_HW, mask_HW)
    return meter


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_auc_is_scikit_learns_on_scores_of_10_bits(scale):
    """Rounded as a float16 rounds, then scaled by a power of two near `scale`: the bins hold them exactly."""
    factor = np.float32(2.0 ** round(np.log2(scale)))
    pairs = [(m.astype(np.float16).astype(np.float32) * factor, mask_HW) for m, mask_HW in frames(0)]
    labels = np.concatenate([mask_HW.ravel() for _, mask_HW in pairs])
    scores = np.concatenate([map_HW.ravel() for map_HW, _ in pairs])
    expected = metrics.roc_auc_score(labels, scores)
    assert 0.6 < expected < 0.95
    assert measured(PixelRoc(), pairs).auc() == pytest.approx(expected, abs=1e-12)


def test_auc_of_full_precision_is_within_the_rounding():
    pairs = list(frames(1))
    labels = np.concatenate([mask_HW.ravel() for _, mask_HW in pairs])
    scores = np.concatenate([map_HW.ravel() for map_HW, _ in pairs])
    assert measured(PixelRoc(), pairs).auc() == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-3)


def test_auc_by_hand_ties_count_half():
    """Pairs (abnormal, normal): 2>0, 2=2, 5>0, 5>2."""
    assert measured(PixelRoc(), [(grid([[0, 2], [2, 5]]), mask([[0, 0], [1, 1]]))]).auc() == 3.5 / 4


def test_minus_zero_is_zero():
    assert measured(PixelRoc(), [(grid([[-0.0, 0.0]]), mask([[1, 0]]))]).auc() == 0.5


@pytest.mark.parametrize("abnormal", [True, False])
def test_one_class_has_no_auc(abnormal):
    pairs = [(np.ones((3, 3), np.float32), np.full((3, 3), abnormal))]
    assert measured(PixelRoc(), pairs).auc() is None
    assert measured(PixelCriterion(), pairs).auc() is None


def test_maps_are_scaled_to_the_mask():
    map_HW = grid([[0, 1], [2, 3]])
    fitted = fit_map(map_HW, np.zeros((4, 6), bool))
    assert fitted.shape == (4, 6)
    assert np.array_equal(fitted, cv2.resize(map_HW, (6, 4), interpolation=cv2.INTER_LINEAR))
    assert (fitted.min(), fitted.max()) == (0.0, 3.0)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("meter", [PixelRoc, PixelCriterion])
def test_maps_that_are_no_scores(meter, odd):
    with pytest.raises(InputError, match="anomaly map reaches from"):
        meter().update(grid([[0, odd]]), mask([[0, 1]]))


@pytest.mark.parametrize("odd", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), bool)])
def test_masks_that_are_no_masks(odd):
    with pytest.raises(LabelError, match="masks are bool"):
        PixelRoc().update(grid([[0, 1], [0, 1]]), odd)


# --- the criterion of 40 %


def test_a_frame_counts_from_the_threshold_at_which_two_fifths_of_it_are_found():
    """Five abnormal pixels: two must be found, so the frame counts from their second highest score, 8."""
    abnormal = (grid([[9, 8, 1, 1, 1, 99]]), mask([[1, 1, 1, 1, 1, 0]]))
    below, above = [(grid([[0, highest]]), mask([[0, 0]])) for highest in (7.9, 8.1)]
    assert measured(PixelCriterion(), [abnormal, below]).auc() == 1.0
    assert measured(PixelCriterion(), [abnormal, above]).auc() == 0.0
    assert measured(PixelCriterion(), [abnormal, below, above]).auc() == 0.5


def test_the_share_is_rounded_up_and_one_pixel_is_at_least_needed():
    """0.4 of 6 pixels is 2.4: three are needed. 0.4 of 1 is one."""
    normal = (grid([[5]]), mask([[0]]))
    six = (grid([[9, 9, 4, 1, 1, 1]]), mask([[1] * 6]))
    assert measured(PixelCriterion(), [normal, six]).auc() == 0.0
    assert measured(PixelCriterion(), [normal, (grid([[6]]), mask([[1]]))]).auc() == 1.0


def test_lighting_up_beside_the_anomaly_does_not_count():
    """The frame-level criterion would call this found; the pixel-level one does not."""
    beside = (grid([[9, 9, 0, 0]]), mask([[0, 0, 1, 1]]))
    assert measured(PixelCriterion(), [beside, (grid([[1]]), mask([[0]]))]).auc() == 0.0
