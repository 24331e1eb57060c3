"""Calibration: the fitted method scores the held-out normal video, on the path that everything else takes.

What is held out may take turns: each model here comes with normal video that it has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from normalcy.errors import CalibrationError
from normalcy.progress import Progress
from normalcy.scoring.calibration import Calibration, fit_calibration
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.usual import UsualPart, usual_parts
from normalcy.training.data import Footage

HeldOut: TypeAlias = "Sequence[tuple[ScoringModel, Sequence[Footage]]]"
"""Models, each with normal video that it has not seen."""


@dataclass(frozen=True)
class CalibrationResult:
    """What held-out normal video says.

    Attributes:
        calibration: From score to false alarms per day.
        frames_per_second: Mean rate of that video.
        map_scale: (low, high) such that normal maps lie between low and the middle.
        usual_parts: What each term of the score is there.
    """

    calibration: Calibration
    frames_per_second: float
    map_scale: tuple[float, float]
    usual_parts: dict[str, UsualPart] = field(default_factory=dict)


def calibrate(
    held_out: HeldOut,
    *,
    settings: ScoringSettings,
    progress: Progress | None = None,
) -> CalibrationResult:
    """Scores held-out normal footage and fits the calibration to it.

    Raises:
        CalibrationError: Too little footage.
        InputError: A score is not finite.
    """
    pairs = long_enough(held_out)
    total, done = sum(len(span) for _, span in pairs), 0
    scores, samples, parts = [], [], dict[str, list[float]]()
    for model, span in pairs:
        smoothed = []
        scorer = SourceScorer(model, settings=settings, calibration=None, source_id=span.name)
        for frame_score in scorer.run(span.frames()):
            smoothed.append(frame_score.smoothed)
            assert frame_score.map_HW is not None
            samples.append(np.quantile(frame_score.map_HW, (0.9, 0.999)))
            for name, value in frame_score.parts.items() if frame_score.own else ():
                parts.setdefault(name, []).append(value)
            done += 1
            if progress:
                progress("calibrating on held-out normal video", done, total)
        scores.append(np.array(smoothed))
    fps = total / sum(len(span) / span.frames_per_second for _, span in pairs)
    calibration = fit_calibration(
        scores, frames_per_second=fps, cluster_gap_seconds=settings.merge_gap_seconds
    )
    return CalibrationResult(calibration, fps, map_scale(np.array(samples)), usual_parts(parts))


def normal_parts(
    held_out: HeldOut,
    *,
    settings: ScoringSettings,
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.float64]]:
    """Parts of the scores of held-out normal footage, each of all frames that were scored themselves.

    Raises:
        CalibrationError: Too little footage.
    """
    pairs = long_enough(held_out)
    total, done = sum(len(span) for _, span in pairs), 0
    values: dict[str, list[float]] = {}
    for model, span in pairs:
        scorer = SourceScorer(model, settings=settings, calibration=None, source_id=span.name)
        for frame_score in scorer.run(span.frames()):
            for name, value in frame_score.parts.items() if frame_score.own else ():
                values.setdefault(name, []).append(value)
            done += 1
            if progress:
                progress("measuring the parts of the score on held-out normal video", done, total)
    return {name: np.array(each) for name, each in values.items()}


def long_enough(held_out: HeldOut) -> list[tuple[ScoringModel, Footage]]:
    """The spans that hold at least one clip, each with its model.

    Raises:
        CalibrationError: There is none.
    """
    pairs = [(model, span) for model, spans in held_out for span in spans if span.holds_clip(model.spec)]
    if not pairs:
        raise CalibrationError(f"no held-out video reaches {held_out[0][0].spec.span_frames} frames")
    return pairs


def map_scale(high_and_peak_N2: npt.NDArray[np.floating]) -> tuple[float, float]:
    """From what nine in ten pixels of normal maps stay below to twice the height of their usual peaks.

    Args:
        high_and_peak_N2: 90th and 99.9th percentile of each of N maps.
    """
    low = float(np.median(high_and_peak_N2[:, 0]))
    peak = float(np.median(high_and_peak_N2[:, 1]))
    return low, low + 2 * max(peak - low, 1e-6)
