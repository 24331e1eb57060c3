"""What the tests of the promise share: methods, settings that alarm, and thresholds that rounding cannot move."""

from collections.abc import Sequence

import numpy as np

from normalcy.methods import METHODS
from normalcy.scoring.calibration import SECONDS_PER_DAY, Calibration
from normalcy.scoring.settings import ScoringSettings

TOLERANCE = 1e-5
FRAMES = 50
SETTINGS = ScoringSettings(
    hop_frames=2, false_alarms_per_day=1, exit_factor=2, min_event_seconds=0.3, merge_gap_seconds=0.5
)
# Every method, and what a method may be asked to do beside its default.
CASES: dict[str, dict[str, object]] = {
    **{name: {} for name in METHODS},
    "stae, hiding": {"hidden_frames": (2, 3), "frame_score": {"name": "gradient-normalised"}},
    "stae, by frame": {"score_span": "frame"},
}


def calibration_between(scores: Sequence[float]) -> Calibration:
    """Its thresholds lie well between scores, so that rounding cannot decide an alarm: see SETTINGS."""
    levels = (widest_gap(scores, 0.6, 0.9), widest_gap(scores, 0.3, 0.6))
    return Calibration("empirical", SECONDS_PER_DAY, FRAMES, 0.5, levels[0], 1.0, None, None, 0, levels)


def widest_gap(scores: Sequence[float], low: float, high: float) -> float:
    """The middle of the widest gap between neighbouring scores from one quantile to another."""
    ordered = np.sort(scores)
    part = ordered[int(low * len(ordered)) : int(high * len(ordered))]
    place = int(np.diff(part).argmax())
    assert part[place + 1] - part[place] > 10 * TOLERANCE
    return float(part[place] + part[place + 1]) / 2
