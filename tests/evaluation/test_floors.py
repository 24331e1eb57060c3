"""The noise floor."""

import numpy as np
import pytest
import scipy.io

from normalcy.evaluation.floors import FLOOR_METHODS, NOISE_METHOD, noise_draw, noise_floor
from normalcy.evaluation.protocols import METRIC_NOTES

LABELS = {
    "mixed": np.arange(200) % 100 >= 50,
    "abnormal": np.ones(50, bool),
    "normal": np.zeros(100, bool),
}


def test_noise_knows_nothing():
    floor = noise_floor(LABELS, smoothing_alpha=0.5, draws=30)
    share = 150 / 350
    assert list(floor) == list(METRIC_NOTES)
    assert floor["micro_auc"] == pytest.approx(0.5, abs=0.03)
    assert floor["macro_auc"] == pytest.approx(0.5, abs=0.03)
    assert floor["equal_error_rate"] == pytest.approx(0.5, abs=0.03)
    assert floor["average_precision"] == pytest.approx(share, abs=0.05)
    assert floor["pixel_auc"] is floor["rbdc"] is floor["paper_protocol_auc"] is None


def test_sentinels_lift_noise():
    """Two of three videos have one class: they come out near 1, the third near one half."""
    floor = noise_floor(LABELS, smoothing_alpha=0.5, draws=10)
    assert floor["macro_auc_sentinels"] == pytest.approx((0.5 + 1 + 1) / 3, abs=0.03)


def test_the_mean_of_its_draws():
    drawn = [noise_draw(LABELS, seed=seed, smoothing_alpha=0.5) for seed in (5, 6)]
    floor = noise_floor(LABELS, smoothing_alpha=0.5, draws=2, seed=5)
    assert drawn[0] == noise_draw(LABELS, seed=5, smoothing_alpha=0.5)
    assert drawn[0] != drawn[1]
    assert floor["micro_auc"] == pytest.approx((drawn[0]["micro_auc"] + drawn[1]["micro_auc"]) / 2)


def test_smoothing_is_that_of_the_methods():
    unsmoothed = noise_draw(LABELS, seed=0, smoothing_alpha=1.0)
    assert unsmoothed["micro_auc_smoothed"] == unsmoothed["micro_auc"]
    assert noise_draw(LABELS, seed=0, smoothing_alpha=0.5)["micro_auc_smoothed"] != unsmoothed["micro_auc"]


def test_under_a_papers_protocol():
    drawn = noise_draw(LABELS, seed=0, smoothing_alpha=0.5, paper_protocol="regularity")
    assert 0.3 < drawn["paper_protocol_auc"] < 0.7


def test_noise_is_the_first_floor():
    assert FLOOR_METHODS[0] == NOISE_METHOD


@pytest.mark.realdata
def test_noise_on_ped2(data_root):
    spans = scipy.io.loadmat(data_root / "ucsd-ped2" / "ped2.mat")["gt"][0]
    frames = (180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180)
    labels = {
        str(i): (np.arange(1, count + 1) >= span.min()) & (np.arange(1, count + 1) <= span.max())
        for i, (span, count) in enumerate(zip(spans, frames, strict=True))
    }
    floor = noise_floor(labels, smoothing_alpha=0.5, draws=10)
    assert floor["micro_auc"] == pytest.approx(0.50, abs=0.02)
    assert floor["macro_auc_sentinels"] == pytest.approx(0.68, abs=0.02)
