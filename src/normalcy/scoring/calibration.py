r"""From a raw score to "how many false alarms a day would this threshold give", learnt on held-out normal video.

An alarm is a run of frames at or above the threshold; runs closer than a gap are one. How many alarms the
video would have raised is counted at every threshold (`declustering`): the c-th *alarm level* is the highest
threshold that raises c of them, the c-th highest cluster peak where no alarm splits. Then:

    alarms a day
        |______          below the lowest level: as many as there ever were
        |      \__       observed: counted, straight lines between the levels
        |         \__u
        |            \____  beyond u: a generalised Pareto tail fitted to the highest quarter of the levels,
        |                   or with fewer than 31 levels the rate at which seeing none is an even bet
        +-------------------- score

Letters: T frames of a video.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError, CalibrationError, ConfigError, InputError, ShortCalibrationWarning
from normalcy.scoring.declustering import alarm_levels
from normalcy.scoring.pareto import SHAPE_LIMIT, Float64Array, ParetoTail, fit_pareto

SECONDS_PER_DAY = 86_400.0
MIN_FRAMES = 20
"""Fewer frames than this are no calibration."""
MIN_PEAKS = 30
"""A tail is fitted to at least so many alarm levels above a threshold; with fewer there is none."""
TRUSTED_EXTRAPOLATION = 10.0
"""A fitted tail is followed so many observed times beyond what was observed before a warning."""

_TAIL_SHARE = 4
"""The tail is the highest quarter of the alarm levels."""
_SPLICE_ALARMS = 3
"""What the video raised at least this often is counted, not modelled."""
_EVEN_BET = math.log(2.0)
"""Alarms per observed time at which seeing none is an even bet."""
_STEP_ABOVE = 2e-5
"""Relative step above the highest score: more than the 1e-5 by which backends may differ."""

Kind = Literal["generalised-pareto", "empirical"]


@dataclass(frozen=True)
class Calibration:
    """False alarms per day as a function of the score.

    Attributes:
        kind: What is believed beyond u.
        observed_seconds: How much normal video there was.
        frames: The same in frames.
        cluster_gap_seconds: Frames at or above the threshold that are closer than this are one alarm.
        u: Score above which the tail takes over; the highest score seen where kind is `empirical`.
        rate_per_day: Alarms per day at u.
        shape: Shape of the generalised Pareto tail above u; None where empirical.
        scale: Its scale in score units; None where empirical.
        fitted_peaks: To how many alarm levels the tail was fitted; 0 where empirical.
        alarm_levels: The c-th is the highest threshold at which the video raises c alarms; descending.
    """

    kind: Kind
    observed_seconds: float
    frames: int
    cluster_gap_seconds: float
    u: float
    rate_per_day: float
    shape: float | None
    scale: float | None
    fitted_peaks: int
    alarm_levels: tuple[float, ...]

    def false_alarms_per_day(self, score: float) -> float:
        """How many alarms a day normal video would raise at this threshold.

        Never rises with the score. Continuous, except that an empirical calibration drops at the highest score
        seen, from one alarm per observed time to 0.69.

        Raises:
            InputError: When the score is NaN.
        """
        if math.isnan(score):
            raise InputError("a score of nan has no false-alarm rate", hint="look for a NaN in the model")
        if score <= self.u:
            level, rate = self._curve
            return float(np.interp(score, level, rate))
        if self._tail is None:
            return _EVEN_BET * self.resolution_per_day
        return self.rate_per_day * self._tail.survival(score - self.u)

    def threshold(self, false_alarms_per_day: float) -> float:
        """The score at which normal video raises this many alarms a day: the inverse of `false_alarms_per_day`.

        Where empirical, a rate that the video is too short to resolve gives a score just above the highest seen.
        Warns with ShortCalibrationWarning then, and where a fitted tail is followed further than ten times beyond
        what was observed.

        Raises:
            ConfigError: When the rate is not a finite number above 0.
        """
        factor = self.extrapolation(false_alarms_per_day)
        if factor > (1.0 if self._tail is None else TRUSTED_EXTRAPOLATION):
            text = self.describe(false_alarms_per_day=false_alarms_per_day)
            warnings.warn(text, ShortCalibrationWarning, stacklevel=2)
        if false_alarms_per_day >= self.rate_per_day:
            level, rate = self._curve
            return float(np.interp(false_alarms_per_day, rate[::-1], level[::-1]))
        if self._tail is None:
            return self.u + max(_STEP_ABOVE * abs(self.u), float(np.finfo(np.float32).tiny))
        return self.u + self._tail.excess(false_alarms_per_day / self.rate_per_day)

    def with_false_alarms(self, peaks: Sequence[float]) -> "Calibration":
        """With alarms that somebody called false: normal video reached these scores as well.

        No time is added to what was observed. At each of these scores normal video alarms at least as often as was
        counted by then: the highest of them once in the observed time. The tail is moved up as it is until that holds.
        So one false alarm lifts the threshold above it where the asked rate is rarer than one alarm in the observed
        time, which is usual; where it is not, as many false alarms do as the rate allows in that time, and one more.
        No rate falls at any score, and no threshold either, whatever else was called false; but for peaks that are
        equal to the last digit, between which and the next nothing is known.

        Args:
            peaks: Highest smoothed score of each.

        Raises:
            CalibrationError: A peak is not finite.
        """
        if not peaks:
            return self
        if odd := [peak for peak in peaks if not math.isfinite(peak)]:
            raise CalibrationError(
                f"a false alarm has the score {odd[0]}", hint="look for a NaN in the model"
            )
        levels = sorted((*self.alarm_levels, *peaks), reverse=True)
        beyond = sum(level >= self.u for level in self.alarm_levels) if self._tail else 1
        u = self._moved_splice(levels, peaks, beyond)
        levels[:beyond] = [max(level, u) for level in levels[:beyond]]
        rate_per_day = sum(level >= u for level in levels) * self.resolution_per_day
        return replace(self, u=u, rate_per_day=rate_per_day, alarm_levels=tuple(levels))

    def _moved_splice(self, levels: Sequence[float], peaks: Sequence[float], beyond: int) -> float:
        """Where the tail begins, so many levels from the top, that each marked peak is as frequent as was counted."""
        u = levels[beyond - 1]
        if self._tail is None:
            return u
        beyond_it = [(peak, sum(level >= peak for level in levels)) for peak in peaks if peak > u]
        return max([u, *(peak - self._tail.excess(count / beyond) for peak, count in beyond_it)])

    @property
    def resolution_per_day(self) -> float:
        """One alarm per observed time: the lowest rate that was observed rather than extrapolated."""
        return SECONDS_PER_DAY / self.observed_seconds

    def extrapolation(self, false_alarms_per_day: float) -> float:
        """How many observed times one alarm at this rate takes; up to 1 the rate lies within what was observed.

        Raises:
            ConfigError: When the rate is not a finite number above 0.
        """
        if not (false_alarms_per_day > 0.0 and math.isfinite(false_alarms_per_day)):
            raise ConfigError(
                f"{false_alarms_per_day} false alarms per day cannot be asked for",
                where="false_alarms_per_day",
                hint="take a number above 0, such as 1 for one a day",
            )
        return self.resolution_per_day / false_alarms_per_day

    def describe(self, *, false_alarms_per_day: float | None = None) -> str:
        """One sentence: which method, from how much video, and how far beyond it the asked rate lies."""
        head = f"{self._method}, from {_duration(self.observed_seconds)} of normal video"
        once = f"one alarm in that time is {_plain(self.resolution_per_day)} a day"
        rarer = "rarer ones are extrapolated" if self._tail else "rarer ones cannot be told apart"
        if false_alarms_per_day is None:
            return f"{head}: {once}, {rarer}."
        factor = self.extrapolation(false_alarms_per_day)
        if factor <= 1.0:
            return f"{head}: {_plain(false_alarms_per_day)} a day is within what was observed."
        reach = f"{_plain(false_alarms_per_day)} a day reaches {_plain(factor)} times beyond it"
        end = "" if self._tail else ", so the threshold is just above the highest score seen"
        return f"{head}: {once}, and {reach}{end}."

    def to_json(self) -> dict[str, Any]:
        """Plain values for `calibration.json`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"alarm_levels": list(self.alarm_levels)}

    @classmethod
    def from_json(cls, data: object) -> "Calibration":
        """Reads what `to_json` wrote.

        Raises:
            BundleError: When something is missing, unknown, of the wrong type or contradicts the rest.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(data, dict) or set(data) != names:
            odd = sorted(set(data) ^ names) if isinstance(data, dict) else type(data).__name__
            raise _damaged(f"missing or unknown: {odd}")
        if not isinstance(data["alarm_levels"], list):
            raise _damaged(f"alarm_levels is {data['alarm_levels']!r}")
        calibration = cls(**{**data, "alarm_levels": tuple(data["alarm_levels"])})
        _check(calibration)
        return calibration

    @cached_property
    def _curve(self) -> tuple[Float64Array, Float64Array]:
        """Distinct alarm levels, ascending, and the alarms per day at each."""
        level, count = np.unique(np.asarray(self.alarm_levels, dtype=np.float64), return_counts=True)
        rate = np.cumsum(count[::-1])[::-1].astype(np.float64) * self.resolution_per_day
        return level, rate

    @cached_property
    def _tail(self) -> ParetoTail | None:
        return None if self.shape is None or self.scale is None else ParetoTail(self.shape, self.scale)

    @property
    def _method(self) -> str:
        if self._tail is None:
            needed = f"a fitted tail needs {MIN_PEAKS + 1}"
            return f"Empirical quantiles of {len(self.alarm_levels)} alarm levels ({needed})"
        share = f"{self.fitted_peaks} highest of {len(self.alarm_levels)} alarm levels"
        return f"Generalised Pareto tail of shape {self._tail.shape:.2f} on the {share}"


def fit_calibration(
    scores_by_video: Sequence[npt.NDArray[np.floating]],
    *,
    frames_per_second: float,
    cluster_gap_seconds: float = 2.0,
) -> Calibration:
    """Fits a calibration to the smoothed frame scores of normal videos that were held out from training.

    Args:
        scores_by_video: Scores of each video, (T,); alarms never span two of them.
        frames_per_second: Of the scores.
        cluster_gap_seconds: Frames at or above a threshold that are closer than this are one alarm.

    Raises:
        CalibrationError: When a score is not finite, or there are fewer than MIN_FRAMES of them.
    """
    score_T_by_video = [np.asarray(score_T, dtype=np.float64) for score_T in scores_by_video]
    frames = _checked_frames(score_T_by_video)
    observed_seconds = frames / frames_per_second
    gap_frames = math.ceil(round(cluster_gap_seconds * frames_per_second, 6))
    levels = alarm_levels(score_T_by_video, gap_frames=gap_frames)
    tail, u, fitted = _tail_above_splice(levels)
    return Calibration(
        kind="empirical" if tail is None else "generalised-pareto",
        observed_seconds=observed_seconds,
        frames=frames,
        cluster_gap_seconds=cluster_gap_seconds,
        u=u,
        rate_per_day=int((levels >= u).sum()) * SECONDS_PER_DAY / observed_seconds,
        shape=tail.shape if tail else None,
        scale=tail.scale if tail else None,
        fitted_peaks=fitted,
        alarm_levels=tuple(levels.tolist()),
    )


def _tail_above_splice(levels: Float64Array) -> tuple[ParetoTail | None, float, int]:
    """The tail above the splice, the splice itself, and how many levels the tail was fitted to."""
    fitted = max(MIN_PEAKS, len(levels) // _TAIL_SHARE)
    if len(levels) <= fitted:
        return None, float(levels[0]), 0
    base, splice = float(levels[fitted]), float(levels[_SPLICE_ALARMS - 1])
    tail = fit_pareto(levels[:fitted] - base)
    if tail is None:
        return None, float(levels[0]), 0
    return tail.above(splice - base), splice, fitted


def _checked_frames(score_T_by_video: Sequence[Float64Array]) -> int:
    """How many scores there are, all of them finite and enough."""
    for place, score_T in enumerate(score_T_by_video):
        odd = int((~np.isfinite(score_T)).sum())
        if odd:
            raise CalibrationError(
                f"{odd} of {score_T.size} frame scores are NaN or infinite",
                where=f"calibration video {place + 1}",
                hint="fit the model again, or leave that video out",
            )
    frames = sum(score_T.size for score_T in score_T_by_video)
    if frames < MIN_FRAMES:
        raise CalibrationError(
            f"{frames} frames of held-out normal video are too few to calibrate on",
            hint=f"hold out at least {MIN_FRAMES} frames; a few minutes make a usable calibration",
        )
    return frames


def _check(calibration: Calibration) -> None:
    """Refuses a calibration whose values are of the wrong type or contradict each other."""
    c = calibration
    numbers = (c.observed_seconds, c.frames, c.cluster_gap_seconds, c.u, c.rate_per_day, *c.alarm_levels)
    pareto = c.kind == "generalised-pareto"
    if c.kind not in ("generalised-pareto", "empirical"):
        raise _damaged(f"unknown kind {c.kind!r}")
    if not all(map(_is_number, numbers)) or not c.alarm_levels or c.observed_seconds <= 0.0:
        raise _damaged("a value is not a finite number, or nothing was observed")
    if list(c.alarm_levels) != sorted(c.alarm_levels, reverse=True):
        raise _damaged("the alarm levels do not descend")
    if [_is_number(c.shape), _is_number(c.scale)] != [pareto, pareto]:
        raise _damaged(f"shape {c.shape!r} and scale {c.scale!r} do not fit kind {c.kind!r}")
    if pareto and not (abs(c.shape or 0.0) <= SHAPE_LIMIT and (c.scale or 0.0) > 0.0):
        raise _damaged(f"shape {c.shape} or scale {c.scale} is out of range")
    rate = sum(level >= c.u for level in c.alarm_levels) * c.resolution_per_day
    if not math.isclose(rate, c.rate_per_day, rel_tol=1e-9):
        raise _damaged(f"rate_per_day is {c.rate_per_day}, its alarm levels give {rate}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _damaged(what: str) -> BundleError:
    return BundleError(what, where="calibration.json", hint="fit or calibrate again")


def _duration(seconds: float) -> str:
    """A time span in the unit that a person would say it in."""
    for unit, length in (("days", SECONDS_PER_DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _plain(value: float) -> str:
    """Three significant digits, without an exponent for large numbers."""
    return f"{value:,.0f}" if value >= 1000.0 else f"{value:.3g}"
