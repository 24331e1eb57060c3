"""The score over time, drawn as a strip that grows or slides with the video.

Letters: T frames in sight, H height, W width, C channels.
"""

import math
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain import drawing
from normalcy.explain.spans import true_runs
from normalcy.explain.ticks import tick_step

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_LONGEST_WHOLE_SECONDS = (
    120.0  # beyond this a whole video is a hedge of needles, and a sliding strip says more
)
_PAD_PX = 10
_AXIS_PX = 20
_TEXT = 0.38
_ROOM_ABOVE = 5.0  # a score further above the threshold than this many times its height is cut off at the top


@dataclass(frozen=True)
class TracePoint:
    """One frame of the trace; `labelled` is None where the truth is unknown."""

    pts_seconds: float
    score: float
    alarmed: bool
    labelled: bool | None


class ScoreTrace:
    """Keeps what is in sight of a video's scores and draws it.

    Args:
        size_px: (height, width) of the strip.
        threshold: Drawn as a dashed line.
        duration_seconds: Length of the video, None when unknown; the axis spans all of it, up to two minutes.
        sliding_seconds: Length of the sliding axis otherwise.
    """

    def __init__(
        self,
        *,
        size_px: tuple[int, int],
        threshold: float,
        duration_seconds: float | None = None,
        sliding_seconds: float = 20.0,
    ) -> None:
        self._height_px, self._width_px = size_px
        self._threshold = threshold
        whole_seconds = duration_seconds or 0.0
        self._whole = 0 < whole_seconds <= _LONGEST_WHOLE_SECONDS
        self._span_seconds = whole_seconds if self._whole else sliding_seconds
        self._points: deque[TracePoint] = deque()
        self._lowest, self._highest = math.inf, -math.inf

    def add(self, point: TracePoint) -> None:
        """Takes the next frame's score and forgets what slid out of sight."""
        self._points.append(point)
        if math.isfinite(point.score):
            self._lowest, self._highest = min(self._lowest, point.score), max(self._highest, point.score)
        while not self._whole and self._points[0].pts_seconds < point.pts_seconds - self._span_seconds:
            self._points.popleft()

    def draw(self) -> UInt8Array:
        """The strip as RGB uint8 (H, W, 3)."""
        canvas_HWC = np.empty((self._height_px, self._width_px, 3), np.uint8)
        drawing.fill(canvas_HWC, (0, 0, self._width_px, self._height_px), colour=drawing.SURFACE)
        x_px_T = self._x_px(np.array([point.pts_seconds for point in self._points]))
        self._draw_truth(canvas_HWC, x_px_T)
        self._draw_time_axis(canvas_HWC)
        self._draw_threshold(canvas_HWC)
        self._draw_score(canvas_HWC, x_px_T)
        return canvas_HWC

    @property
    def _left_seconds(self) -> float:
        if self._whole or not self._points:
            return 0.0
        return max(0.0, self._points[-1].pts_seconds - self._span_seconds)

    @property
    def _bottom_px(self) -> int:
        return self._height_px - _AXIS_PX

    def _x_px(self, pts_seconds_T: FloatArray) -> FloatArray:
        room_px = self._width_px - 2 * _PAD_PX
        share_T = (pts_seconds_T - self._left_seconds) / self._span_seconds
        return _PAD_PX + np.clip(share_T, 0, 1) * room_px

    def _y_px(self, score_T: FloatArray) -> FloatArray:
        low, high = self._score_range()
        share_T = np.clip((score_T - low) / (high - low), 0, 1)
        return self._bottom_px - 4 - np.nan_to_num(share_T) * (self._bottom_px - 4 - _PAD_PX)

    def _score_range(self) -> tuple[float, float]:
        finite = [value for value in (self._lowest, self._highest, self._threshold) if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        above = self._threshold - low
        if math.isfinite(above) and above > 0:
            high = min(max(high, low + 1.25 * above), low + _ROOM_ABOVE * above)
        return low, high if high > low else low + 1.0

    def _draw_truth(self, canvas_HWC: UInt8Array, x_px_T: FloatArray) -> None:
        labelled_T = np.array([bool(point.labelled) for point in self._points])
        for start, end in true_runs(labelled_T):
            box = (int(x_px_T[start]), 0, int(x_px_T[end]) + 1, self._bottom_px)
            drawing.tint(canvas_HWC, box, colour=drawing.TRUTH, share=0.28)

    def _draw_time_axis(self, canvas_HWC: UInt8Array) -> None:
        cv2.line(canvas_HWC, (0, self._bottom_px), (self._width_px, self._bottom_px), drawing.FAINT, 1)
        step = tick_step(self._span_seconds, at_most=8)
        first = math.ceil(self._left_seconds / step) * step
        for seconds in np.arange(first, self._left_seconds + self._span_seconds + 1e-9, step):
            x_px = int(self._x_px(np.array([seconds]))[0])
            cv2.line(canvas_HWC, (x_px, self._bottom_px), (x_px, self._bottom_px + 3), drawing.FAINT, 1)
            text = f"{seconds:g} s"
            x_text = min(max(x_px - drawing.text_width_px(text, scale=_TEXT) // 2, 2), self._width_px - 34)
            drawing.put_text(canvas_HWC, text, (x_text, self._height_px - 5), colour=drawing.DIM, scale=_TEXT)

    def _draw_threshold(self, canvas_HWC: UInt8Array) -> None:
        if not math.isfinite(self._threshold):
            return
        y_px = int(self._y_px(np.array([self._threshold]))[0])
        drawing.dashed_line(canvas_HWC, y_px=y_px, left_px=0, right_px=self._width_px, colour=drawing.DIM)
        drawing.put_text(canvas_HWC, "threshold", (_PAD_PX, y_px - 4), colour=drawing.DIM, scale=_TEXT)

    def _draw_score(self, canvas_HWC: UInt8Array, x_px_T: FloatArray) -> None:
        if not self._points:
            return
        y_px_T = self._y_px(np.array([point.score for point in self._points]))
        drawing.smooth_line(canvas_HWC, x_px_T, y_px_T, colour=drawing.SCORE)
        for start, end in true_runs(np.array([point.alarmed for point in self._points])):
            drawing.smooth_line(
                canvas_HWC, x_px_T[start : end + 1], y_px_T[start : end + 1], colour=drawing.ALARM
            )
            left, right = int(x_px_T[start]), int(x_px_T[end]) + 1
            canvas_HWC[self._bottom_px - 3 : self._bottom_px, left:right] = drawing.ALARM
        head = (int(x_px_T[-1]), int(y_px_T[-1]))
        colour = drawing.ALARM if self._points[-1].alarmed else drawing.SCORE
        cv2.circle(canvas_HWC, head, 3, colour, -1, cv2.LINE_AA)
