"""Tells a changed view, or sudden darkness, from what happens in it: neither is an anomaly, and neither may alarm.

    UNKNOWN --stable--> SETTLED --most of the picture changed--> CHANGING --stable--> LEARNING --learned--> SETTLED
                           ^                                        ^  |                  |
                           |                                        |  +--stable, black--> DARK --light--> CHANGING
                           +----------------------------------------+--changed again------+

Pictures are compared as coarse, normalised patterns: a lamp that is switched on changes them little, a camera that is
turned, covered, or switched to infrared changes them much. How much a pattern changes by itself, where many people
pass close to the camera, is learned from the camera and raises the limit.

Letters: H height, W width, C channels, N values of a coarse pattern.
"""

import math
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_COARSE_PX = (24, 32)
_CHANGED = 0.5
"""A pattern whose correlation with the usual one fell by this much is another view."""
_MOST_CHANGED = 0.85
_OWN_CHANGES = 2.5
"""The limit is at least so many times the largest change that the view usually shows."""
_DIMMED = 0.45
"""A picture that keeps less than this of its brightness within a moment was switched."""
_BLACK = 16.0
_FLAT = 4.0
"""Brightness and contrast, of 255, below which there is nothing to be seen."""
_STABLE = 0.08
_STABLE_SECONDS = 1.5
_LONGEST_CHANGE_SECONDS = 20.0
_USUAL_SECONDS = 10.0
_LEARNING_SECONDS = 15.0
_HABIT_SECONDS = 600.0
_FOLLOWED = 0.002


class SceneState(IntEnum):
    """What the view is doing; the numbers are what shared memory holds."""

    UNKNOWN = 0
    SETTLED = 1
    CHANGING = 2
    DARK = 3
    LEARNING = 4


TRANSITIONS: dict[SceneState, frozenset[SceneState]] = {
    SceneState.UNKNOWN: frozenset({SceneState.SETTLED, SceneState.DARK, SceneState.CHANGING}),
    SceneState.SETTLED: frozenset({SceneState.CHANGING}),
    SceneState.CHANGING: frozenset({SceneState.LEARNING, SceneState.DARK}),
    SceneState.DARK: frozenset({SceneState.CHANGING}),
    SceneState.LEARNING: frozenset({SceneState.SETTLED, SceneState.CHANGING}),
}
SCORED = frozenset({SceneState.UNKNOWN, SceneState.SETTLED, SceneState.LEARNING})
"""Where frames are scored; while LEARNING, none alarms."""


class SceneWatch:
    """The view of one camera. Causal; a few microseconds a frame."""

    def __init__(self) -> None:
        self.state = SceneState.UNKNOWN
        self._usual_N: FloatArray | None = None
        self._before_N: FloatArray | None = None
        self._brightness = math.nan
        self._own_change = 0.0
        self._seconds = math.nan
        self._since = self._stable_since = math.nan

    @property
    def limit(self) -> float:
        """The change of the pattern, 0 to 2, beyond which it is another view."""
        return min(_MOST_CHANGED, max(_CHANGED, _OWN_CHANGES * self._own_change))

    def update(self, image_HWC: UInt8Array, pts_seconds: float) -> SceneState:
        """Takes the next picture, at any rate."""
        coarse_HW = _coarse(image_HWC)
        brightness, pattern_N = float(coarse_HW.mean()), _pattern(coarse_HW)
        elapsed = 0.0 if math.isnan(self._seconds) else max(0.0, pts_seconds - self._seconds)
        self._seconds = pts_seconds
        if self._usual_N is None or self._before_N is None:
            self._begin(pattern_N, brightness, pts_seconds)
        is_black = brightness < _BLACK and float(coarse_HW.std()) < _FLAT
        self._advance(pattern_N, brightness, is_black=is_black, seconds=pts_seconds)
        self._learn(pattern_N, brightness, elapsed)
        return self.state

    def _begin(self, pattern_N: FloatArray, brightness: float, seconds: float) -> None:
        self._usual_N = self._before_N = pattern_N
        self._brightness = brightness
        self._since = self._stable_since = seconds

    def _advance(self, pattern_N: FloatArray, brightness: float, *, is_black: bool, seconds: float) -> None:
        assert self._usual_N is not None
        assert self._before_N is not None
        changed = change_of(pattern_N, self._usual_N)
        if change_of(pattern_N, self._before_N) > _STABLE:
            self._stable_since = seconds
        stable = seconds - self._stable_since >= _STABLE_SECONDS
        match self.state:
            case SceneState.SETTLED | SceneState.LEARNING if self._is_another(changed, brightness):
                self._go(SceneState.CHANGING, seconds)
                self._stable_since = seconds
            case SceneState.LEARNING if seconds - self._since >= _LEARNING_SECONDS:
                self._go(SceneState.SETTLED, seconds)
            case SceneState.UNKNOWN if stable:
                self._go(SceneState.DARK if is_black else SceneState.SETTLED, seconds)
            case SceneState.CHANGING if stable or seconds - self._since >= _LONGEST_CHANGE_SECONDS:
                self._begin(pattern_N, brightness, seconds)
                self._go(SceneState.DARK if is_black else SceneState.LEARNING, seconds)
            case SceneState.DARK if not is_black:
                self._go(SceneState.CHANGING, seconds)
                self._stable_since = seconds
        self._before_N = pattern_N

    def _is_another(self, changed: float, brightness: float) -> bool:
        dimmed = brightness < _DIMMED * self._brightness and self._brightness > 2 * _BLACK
        return changed > self.limit or dimmed

    def _learn(self, pattern_N: FloatArray, brightness: float, elapsed: float) -> None:
        """Follows the view slowly while it is itself."""
        if self.state not in SCORED or self._usual_N is None:
            return
        self._own_change *= math.exp(-elapsed / _HABIT_SECONDS)
        self._own_change = max(self._own_change, min(change_of(pattern_N, self._usual_N), _CHANGED))
        weight = 1 - math.exp(-elapsed / _USUAL_SECONDS)
        self._usual_N = self._usual_N + np.float32(weight) * (pattern_N - self._usual_N)
        self._brightness += weight * (brightness - self._brightness)

    def _go(self, state: SceneState, seconds: float) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} cannot become {state}"
        self.state, self._since = state, seconds


class LevelShift:
    """How much higher a view scores than the one before it: a detector that never saw it finds all of it odd.

    While a new view is LEARNING its scores are collected; from then on they are divided by what they usually are more
    than before. They are never raised.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._usual = math.nan
        self._collected: list[float] = []

    def follow(self, raw: float, *, learning: bool) -> None:
        """Takes the next score as the method gave it."""
        if learning:
            self._collected.append(raw)
            return
        if self._collected:
            self._settle()
        score = raw * self.factor
        if math.isnan(self._usual):
            self._usual = score
        else:
            # A median that is followed: each score moves it a little, however high it is.
            self._usual += _FOLLOWED * max(abs(self._usual), 1e-9) * float(np.sign(score - self._usual))

    def _settle(self) -> None:
        now = float(np.median(self._collected))
        self._collected = []
        known = not math.isnan(self._usual) and now > 0 < self._usual
        self.factor = min(1.0, self._usual / now) if known else self.factor


def change_of(pattern_N: FloatArray, usual_N: FloatArray) -> float:
    """How far a pattern is from another: 0 the same, 1 nothing in common, 2 the opposite."""
    length = float(np.linalg.norm(pattern_N) * np.linalg.norm(usual_N))
    return 1.0 - float(pattern_N @ usual_N) / length if length > 0 else 0.0


def _coarse(image_HWC: UInt8Array) -> FloatArray:
    height, width = _COARSE_PX
    small = cv2.resize(image_HWC, (width, height), interpolation=cv2.INTER_AREA)
    grey_HW = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return grey_HW.astype(np.float32)


def _pattern(coarse_HW: FloatArray) -> FloatArray:
    """Without brightness and contrast; a flat picture, which is all noise then, as zero."""
    centred_N = (coarse_HW - coarse_HW.mean()).ravel()
    spread = float(centred_N.std())
    return np.asarray(centred_N / spread if spread > _FLAT / 4 else np.zeros_like(centred_N), np.float32)
