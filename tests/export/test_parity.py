"""When an export says the same: differences of scores, and whether thresholds still mean the same."""

import numpy as np
import pytest

from normalcy.errors import CalibrationError, InputError
from normalcy.export.parity import Scored, difference, rank_correlation, rates
from normalcy.scoring.settings import ScoringSettings

SETTINGS = ScoringSettings(merge_gap_seconds=0.5)
FPS = 10.0


def scored(smoothed) -> Scored:
    return Scored(np.asarray(smoothed), (np.asarray(smoothed),))


def noise(frames: int = 6000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(frames).cumsum() % 7 + np.random.default_rng(1).random(
        frames
    )


def agree(own, other, threshold=6.5):
    both = rates(scored(own), scored(other), settings=SETTINGS, frames_per_second=FPS)
    return both.agree(threshold)


def test_differences_are_in_the_spread_of_the_scores():
    own, other = scored([0.0, 1.0, 2.0, 3.0]), scored([0.0, 1.0, 2.0, 3.5])
    found = difference(own, other)
    spread = np.std([0, 1, 2, 3])
    assert found.largest == pytest.approx(0.5 / spread)
    assert found.mean == pytest.approx(0.125 / spread)
    assert found.relative == pytest.approx(0.5 / 3)
    assert found.rank_correlation == 1
    assert found.clips == 4


def test_scores_that_are_not_finite_are_named():
    with pytest.raises(InputError, match="not finite"):
        difference(scored([0.0, 1.0]), scored([0.0, np.nan]))


def test_rank_correlation_of_what_never_changes():
    flat, rising = np.zeros(5), np.arange(5.0)
    assert rank_correlation(flat, flat) == 1
    assert rank_correlation(flat, rising) == 0
    assert rank_correlation(rising, -rising) == pytest.approx(-1)


def test_the_same_scores_agree():
    scores = noise()
    assert agree(scores, scores) is True
    assert agree(scores, scores + 1e-4 * np.random.default_rng(2).random(len(scores))) is True


def test_a_shift_is_found_although_ranks_are_the_same():
    scores = noise()
    assert agree(scores, scores + 1.0) is False


def test_a_tail_that_is_stretched_is_found_although_most_frames_agree():
    scores = noise()
    high = scores > np.quantile(scores, 0.97)
    assert agree(scores, np.where(high, scores * 1.5, scores), threshold=float(scores.max()) + 0.5) is False


def test_too_few_alarms_tell_nothing():
    scores = np.sin(np.linspace(0, 12, 120))
    assert agree(scores, scores, threshold=0.99) is None
    assert agree(scores, scores + 1.0, threshold=0.99) is False
    with pytest.raises(CalibrationError):
        agree(scores[:5], scores[:5])
