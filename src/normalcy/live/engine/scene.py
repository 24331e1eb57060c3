"""Tells a changed view, or sudden darkness, from what happens in it: neither is an anomaly, and neither may alarm.

    UNKNOWN --stable--> SETTLED --most of it is another--> CHANGING --stable--> LEARNING --learned--> SETTLED
       |                   ^                                 | |  ^                |
       |                   +------------as it was------------+ |  +--changed again-+
       +--stable, black--> DARK <--------stable, black---------+
       |                   |
       |                   +--light--> CHANGING
       +--another than an earlier engine knew--> CHANGING

A coarse picture is compared with the usual one, block by block. A block is another one when its pattern is, or when its
brightness changed by itself; that the whole picture is lighter says nothing. Somebody who crosses right before the
camera, or a lamp at one side, leaves enough blocks as they were; a camera that is turned, covered, or switched to
infrared leaves few.

Where the limit lies was measured, as the highest share of blocks that differ. On all videos of UCSD Ped2 and on every
anomaly of the generated scenes it is 0.49; where a lamp is switched on at one side, 0.5; with a cart that hides 60 % of
the picture, 0.73. At the other end it is 0.81 or more within a second of a change to infrared, 0.85 with the camera
covered, 0.88 with it turned.

Letters: H height, W width, C channels, B blocks, P pixels of a block.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_COARSE_PX = (48, 64)
_BLOCK_PX = 8
_ANOTHER = 0.78
"""The share of blocks that differ from which on it is another view."""
_SAME = 0.5
"""The share up to which it is the same view."""
_STILL = 0.65
"""The share up to which a new view stands still."""
_LEAST_BLOCKS = 2 / 3
"""A share is of so many of all blocks at least, however few show anything."""
_ALIKE = 0.5
"""The correlation of a block with what it was, above which its pattern is the same."""
_LIGHTER = 1.35
"""A block whose brightness changed by this factor more than the picture's has another light."""
_SWITCHED = 0.45
"""A picture that keeps less than this of its brightness within a moment, or came from less, was switched."""
_BLACK = 16.0
_FLAT = 5.0
"""Brightness and contrast, of 255, below which there is nothing to be seen."""
_LEAST_SECONDS = 0.08
_STABLE_SECONDS = 1.5
_LONGEST_CHANGE_SECONDS = 20.0
_USUAL_SECONDS = 10.0
_LEARNING_SECONDS = 15.0
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
    SceneState.CHANGING: frozenset({SceneState.SETTLED, SceneState.LEARNING, SceneState.DARK}),
    SceneState.DARK: frozenset({SceneState.CHANGING}),
    SceneState.LEARNING: frozenset({SceneState.SETTLED, SceneState.CHANGING}),
}
SCORED = frozenset({SceneState.UNKNOWN, SceneState.SETTLED, SceneState.LEARNING})
"""Where frames are scored; while LEARNING, none alarms."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """A coarse picture in blocks.

    Attributes:
        grey_BP: Brightness, 0 to 255.
    """

    grey_BP: FloatArray

    @property
    def brightness(self) -> float:
        """Of all of it."""
        return float(self.grey_BP.mean())

    @property
    def is_black(self) -> bool:
        """Whether there is nothing to be seen."""
        return self.brightness < _BLACK and float(self.grey_BP.std()) < _FLAT

    def difference(self, usual: "Coarse") -> float:
        """The share of blocks that differ from those of another picture, 0 to 1."""
        now_B, then_B = self.grey_BP.mean(axis=1), usual.grey_BP.mean(axis=1)
        now_BP, then_BP = self.grey_BP - now_B[:, None], usual.grey_BP - then_B[:, None]
        spread_B, spread_then_B = now_BP.std(axis=1), then_BP.std(axis=1)
        alike_B = (now_BP * then_BP).mean(axis=1) > _ALIKE * spread_B * spread_then_B
        shown_B = np.maximum(spread_B, spread_then_B) > _FLAT
        light_B = np.log((now_B + _BLACK / 2) / (then_B + _BLACK / 2))
        lighter_B = np.abs(light_B - np.median(light_B)) > math.log(_LIGHTER)
        differs = int(((shown_B & ~alike_B) | lighter_B).sum())
        return differs / max(int((shown_B | lighter_B).sum()), _LEAST_BLOCKS * len(now_B))

    def is_switched(self, usual: "Coarse") -> bool:
        """Whether so much light went or came that somebody switched it."""
        darker, lighter = sorted((self.brightness, usual.brightness))
        return lighter > 2 * _BLACK and darker < _SWITCHED * lighter

    def to_bytes(self) -> bytes:
        """To be kept; `from_bytes` gives it back in whole grey levels."""
        return self.grey_BP.round().astype(np.uint8).tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Coarse | None":
        """What was kept; None where it was of other blocks."""
        grey = np.frombuffer(content, np.uint8).astype(np.float32)
        is_whole = grey.size == _COARSE_PX[0] * _COARSE_PX[1]
        return cls(grey.reshape(-1, _BLOCK_PX * _BLOCK_PX)) if is_whole else None

    def blended(self, other: "Coarse", weight: float) -> "Coarse":
        """With some of another picture."""
        return Coarse(self.grey_BP + np.float32(weight) * (other.grey_BP - self.grey_BP))


def coarse(image_HWC: UInt8Array) -> Coarse:
    """A picture, grey or RGB, as it is compared."""
    height, width = _COARSE_PX
    small = cv2.resize(image_HWC, (width, height), interpolation=cv2.INTER_AREA)
    grey_HW = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    rows, columns = height // _BLOCK_PX, width // _BLOCK_PX
    grey_BP = grey_HW.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).swapaxes(1, 2).reshape(rows * columns, -1)
    return Coarse(grey_BP.astype(np.float32))


class SceneWatch:
    """The view of one camera. Causal; a quarter of a millisecond a picture, for twelve pictures a second at most.

    Args:
        learning: It begins LEARNING: an engine died while the view was changing.
        usual: What an earlier engine knew the view to be.

    Attributes:
        usual: What the view usually is; None before the first picture.
    """

    def __init__(self, *, learning: bool = False, usual: Coarse | None = None) -> None:
        self.state = SceneState.LEARNING if learning else SceneState.UNKNOWN
        self.usual = None if learning else usual
        self._seconds = -math.inf
        self._since = 0.0
        self._still, self._still_since = Coarse(np.zeros((1, 1), np.float32)), 0.0

    def update(self, image_HWC: UInt8Array, pts_seconds: float) -> SceneState:
        """Takes the next picture, at any rate."""
        elapsed = pts_seconds - self._seconds
        if elapsed < _LEAST_SECONDS:
            return self.state
        now = coarse(image_HWC)
        if self._seconds == -math.inf:
            self._begin(now, pts_seconds)
        assert self.usual is not None
        self._seconds = pts_seconds
        self._advance(now, self.usual, pts_seconds)
        if self.state in SCORED and math.isfinite(elapsed) and not now.is_black:
            # It follows the view slowly, while that is itself.
            self.usual = self.usual.blended(now, 1 - math.exp(-elapsed / _USUAL_SECONDS))
        return self.state

    def _begin(self, now: Coarse, seconds: float) -> None:
        self._stand_still(now, seconds)
        self._since = seconds
        if self.usual is None:
            self.usual = now
        elif not now.is_black and _is_another(now, self.usual):
            self._go(SceneState.CHANGING, seconds)

    def _advance(self, now: Coarse, usual: Coarse, seconds: float) -> None:
        if now.difference(self._still) > _STILL:
            self._stand_still(now, seconds)
        is_stable = seconds - self._still_since >= _STABLE_SECONDS
        is_late = seconds - self._since >= _LONGEST_CHANGE_SECONDS
        match self.state:
            case SceneState.UNKNOWN if is_stable or is_late:
                self._go(SceneState.DARK if now.is_black else SceneState.SETTLED, seconds)
            case SceneState.SETTLED | SceneState.LEARNING if _is_another(now, usual):
                self._go(SceneState.CHANGING, seconds)
                self._stand_still(now, seconds)
            case SceneState.LEARNING if seconds - self._since >= _LEARNING_SECONDS:
                self._go(SceneState.SETTLED, seconds)
            case SceneState.CHANGING if now.difference(usual) <= _SAME and not now.is_switched(usual):
                self._go(SceneState.SETTLED, seconds)
            case SceneState.CHANGING if now.is_black and is_stable:
                self._go(SceneState.DARK, seconds)
            case SceneState.CHANGING if is_stable or is_late:
                self.usual = now
                self._go(SceneState.LEARNING, seconds)
            case SceneState.DARK if not now.is_black:
                self._go(SceneState.CHANGING, seconds)
                self._stand_still(now, seconds)

    def _stand_still(self, now: Coarse, seconds: float) -> None:
        """From here on the view is stable, for all that is known."""
        self._still, self._still_since = now, seconds

    def _go(self, state: SceneState, seconds: float) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} cannot become {state}"
        self.state, self._since = state, seconds


def _is_another(now: Coarse, usual: Coarse) -> bool:
    return now.difference(usual) >= _ANOTHER or now.is_switched(usual)


class LevelShift:
    """How much higher a view scores than the one before it: a detector that never saw it finds all of it odd.

    While a new view is LEARNING its scores are collected; from then on they are divided by what they usually are more
    than before. They are never raised.

    Args:
        factor, usual: As they were when the engine died.

    Attributes:
        factor: By which scores are multiplied.
        usual: What they usually are then; NaN before that is known.
    """

    def __init__(self, *, factor: float = 1.0, usual: float = math.nan) -> None:
        self.factor, self.usual = factor, usual
        self._collected: list[float] = []

    @property
    def is_learning(self) -> bool:
        """Whether scores of a view were collected from which nothing followed yet."""
        return bool(self._collected)

    def forget_view(self) -> None:
        """What was collected is of a view that is changing again: scores of two views say nothing together."""
        self._collected = []

    def follow(self, raw: float, *, learning: bool) -> None:
        """Takes the next score as the method gave it."""
        if learning:
            self._collected.append(raw)
            return
        if self._collected:
            self._settle()
        score = raw * self.factor
        if math.isnan(self.usual):
            self.usual = score
        else:
            # A median that is followed: each score moves it a little, however high it is.
            self.usual += _FOLLOWED * max(abs(self.usual), 1e-9) * float(np.sign(score - self.usual))

    def _settle(self) -> None:
        now = float(np.median(self._collected))
        self._collected = []
        known = not math.isnan(self.usual) and now > 0 < self.usual
        self.factor = min(1.0, self.usual / now) if known else self.factor
