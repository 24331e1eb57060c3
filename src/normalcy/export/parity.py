"""How far an export says what the method says in torch, on the same clips.

Letters: N scored frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from normalcy.errors import InputError
from normalcy.progress import Progress
from normalcy.scoring.backends.record import Difference
from normalcy.scoring.calibration import Calibration, fit_calibration
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.training.data import Footage

Float64Array = npt.NDArray[np.float64]

MOST_RATIO = 1.5
"""Rates of alarms that differ by less are the same: a few alarms more or less in so much video."""
_PLACES = (7, 15, 31, 63, 127)
_SHARES = (0.5, 0.2, 0.1, 0.05)
_LEEWAY = 3


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of some footage.

    Attributes:
        raw: Of all frames that were scored themselves, (N,).
        smoothed: Of each span, all its frames.
    """

    raw: Float64Array
    smoothed: tuple[Float64Array, ...]


def score_footage(
    model: ScoringModel,
    spans: Sequence[Footage],
    *,
    settings: ScoringSettings,
    what: str = "comparing",
    progress: Progress | None = None,
) -> Scored:
    """Scores spans as a camera would."""
    total, done = sum(len(span) for span in spans), 0
    raw, smoothed = list[float](), list[Float64Array]()
    for span in spans:
        scorer = SourceScorer(model, settings=settings, calibration=None, source_id=span.name)
        found = []
        for verdict in scorer.run(span.frames()):
            found.append(verdict.smoothed)
            if verdict.own:
                raw.append(verdict.raw)
            done += 1
            if progress:
                progress(what, done, total)
        smoothed.append(np.array(found))
    return Scored(np.array(raw), tuple(smoothed))


def difference(own: Scored, other: Scored) -> Difference:
    """From the scores in torch to those of an export.

    Raises:
        InputError: A score is not finite.
    """
    if not np.isfinite(other.raw).all():
        raise InputError("the export gives scores that are not finite")
    away_N = np.abs(own.raw - other.raw)
    spread = max(float(own.raw.std()), 1e-12)
    return Difference(
        clips=len(away_N),
        largest=float(away_N.max() / spread),
        mean=float(away_N.mean() / spread),
        relative=float(away_N.max() / max(float(np.abs(own.raw).max()), 1e-12)),
        rank_correlation=rank_correlation(own.raw, other.raw),
    )


def rank_correlation(own_N: Float64Array, other_N: Float64Array) -> float:
    """Spearman's; 1 where neither ever changes."""
    if np.ptp(own_N) == 0 or np.ptp(other_N) == 0:
        return 1.0 if np.ptp(own_N) == np.ptp(other_N) else 0.0
    return float(spearmanr(own_N, other_N).statistic)


@dataclass(frozen=True, eq=False)
class Rates:
    """Calibrations of the same footage by torch and by an export.

    Attributes:
        own: By torch.
        other: By the export.
        reached: How many times as many frames reach each of some thresholds by one as by the other, at least 1.
    """

    own: Calibration
    other: Calibration
    reached: tuple[float, ...]

    def agree(self, threshold: float) -> bool | None:
        """Whether thresholds mean the same by either; None where footage shows too few alarms to tell.

        As many frames reach them, at thresholds that a half to a twentieth of the frames reach; and there are about as
        many alarms, where there are enough to be compared and at the threshold that is used.

        Args:
            threshold: That.
        """
        if any(ratio > MOST_RATIO for ratio in self.reached):
            return False
        levels = self.own.alarm_levels
        alarms = [levels[place] for place in _PLACES if place < len(levels)]
        if not alarms:
            return None
        return all(self._ratio(each) <= MOST_RATIO for each in (*alarms, threshold))

    def _ratio(self, threshold: float) -> float:
        rates = [each.false_alarms_per_day(threshold) for each in (self.own, self.other)]
        return max(rates) / max(min(rates), 1e-9)


def _reached(own: Scored, other: Scored) -> tuple[float, ...]:
    ours, theirs = np.concatenate(own.smoothed), np.concatenate(other.smoothed)
    found = []
    for share in _SHARES:
        threshold = np.quantile(ours, 1 - share)
        # Frames that a rounding error decides are those of a threshold in the midst of equal scores.
        counts = [int((scores >= threshold).sum()) + _LEEWAY for scores in (ours, theirs)]
        found.append(max(counts) / min(counts))
    return tuple(found)


def rates(own: Scored, other: Scored, *, settings: ScoringSettings, frames_per_second: float) -> Rates:
    """Calibrates each on its own scores.

    Raises:
        CalibrationError: There is too little footage.
    """

    def calibrated(scored: Scored) -> Calibration:
        return fit_calibration(
            scored.smoothed,
            frames_per_second=frames_per_second,
            cluster_gap_seconds=settings.merge_gap_seconds,
        )

    return Rates(calibrated(own), calibrated(other), _reached(own, other))
