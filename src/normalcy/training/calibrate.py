"""Calibration: the fitted method scores the held-out normal video, on the path that everything else takes.

What is held out may take turns: each model here comes with normal video that it has not seen.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from normalcy.errors import CalibrationError
from normalcy.methods.contract import ClipSpec
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


@dataclass(frozen=True, eq=False)
class SpanScores:
    """What scoring a span of held-out normal video gave.

    Attributes:
        frames: Of the span, N.
        seconds: How long it is, at its mean rate.
        smoothed_N: Score of each frame.
        map_samples_N2: 90th and 99.9th percentile of each frame's map.
        parts: Terms of the score, of each frame that was scored itself.
    """

    frames: int
    seconds: float
    smoothed_N: npt.NDArray[np.float64]
    map_samples_N2: npt.NDArray[np.float64]
    parts: dict[str, list[float]]


def score_span(
    model: ScoringModel,
    span: Footage,
    *,
    settings: ScoringSettings,
    start_seconds: float = -math.inf,
    on_frame: Callable[[], None] = lambda: None,
) -> SpanScores:
    """Scores a span by a model that has not seen it.

    Args:
        model: Which scores.
        span: The footage.
        settings: Of scoring.
        start_seconds: Earlier frames are scored, and left out.
        on_frame: Called after each frame.

    Raises:
        InputError: A score is not finite.
    """
    smoothed, samples, parts = list[float](), list[Any](), dict[str, list[float]]()
    scorer = SourceScorer(model, settings=settings, calibration=None, source_id=span.name)
    for frame_score in scorer.run(span.frames()):
        if frame_score.pts_seconds < start_seconds:
            continue
        smoothed.append(frame_score.smoothed)
        assert frame_score.map_HW is not None
        samples.append(np.quantile(frame_score.map_HW, (0.9, 0.999)))
        for name, value in frame_score.parts.items() if frame_score.own else ():
            parts.setdefault(name, []).append(value)
        on_frame()
    counted = span.part(slice(int(np.searchsorted(span.pts_seconds_T, start_seconds)), None))
    seconds = len(counted) / counted.frames_per_second
    return SpanScores(len(counted), seconds, np.array(smoothed), np.array(samples), parts)


def calibration_of(found: Sequence[SpanScores], *, settings: ScoringSettings) -> CalibrationResult:
    """Fits the calibration to what spans of held-out video scored.

    Raises:
        CalibrationError: Too little footage.
    """
    fps = sum(each.frames for each in found) / sum(each.seconds for each in found)
    calibration = fit_calibration(
        [each.smoothed_N for each in found],
        frames_per_second=fps,
        cluster_gap_seconds=settings.merge_gap_seconds,
    )
    samples_N2 = np.concatenate([each.map_samples_N2 for each in found])
    return CalibrationResult(calibration, fps, map_scale(samples_N2), usual_parts(joined_parts(found)))


def joined_parts(found: Sequence[SpanScores]) -> dict[str, list[float]]:
    """Terms of the score over all spans."""
    parts: dict[str, list[float]] = {}
    for each in found:
        for name, values in each.parts.items():
            parts.setdefault(name, []).extend(values)
    return parts


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

    def count() -> None:
        nonlocal done
        done += 1
        if progress:
            progress("calibrating on held-out normal video", done, total)

    found = [score_span(model, span, settings=settings, on_frame=count) for model, span in pairs]
    return calibration_of(found, settings=settings)


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
        raise no_clip_fits(held_out[0][0].spec)
    return pairs


def no_clip_fits(spec: ClipSpec) -> CalibrationError:
    """What is wrong where no held-out video holds a clip."""
    return CalibrationError(f"no held-out video reaches {spec.span_frames} frames")


def map_scale(high_and_peak_N2: npt.NDArray[np.floating]) -> tuple[float, float]:
    """From what nine in ten pixels of normal maps stay below to twice the height of their usual peaks.

    Args:
        high_and_peak_N2: 90th and 99.9th percentile of each of N maps.
    """
    low = float(np.median(high_and_peak_N2[:, 0]))
    peak = float(np.median(high_and_peak_N2[:, 1]))
    return low, low + 2 * max(peak - low, 1e-6)
