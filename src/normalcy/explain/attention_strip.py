"""Attention over time as a strip under a video: a row for each head, a column for each moment, and the attention score.

Letters: A heads, F frames, H height, W width.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain import drawing
from normalcy.explain.attention.over_time import AttentionOverTime
from normalcy.explain.heatmap import colourise
from normalcy.explain.ticks import tick_step

UInt8Array = npt.NDArray[np.uint8]

MOST_RECEIVED = 2.0
"""Even shares at which a frame has the last colour."""

_ROW_PX, _LINE_PX, _AXIS_PX, _NAME_PX, _PAD_PX = 9, 34, 18, 18, 10
_TEXT = 0.38


class AttentionStrip:
    """The strip of one attention; drawn once, then shown with a mark at the present.

    Args:
        attention: Over the whole video.
        width_px: Of the strip.
    """

    def __init__(self, attention: AttentionOverTime, *, width_px: int) -> None:
        self._seconds_F = attention.seconds_F
        self._width_px = width_px
        heads = len(attention.received_AF)
        self._line_top_px = _NAME_PX + heads * _ROW_PX + 4
        self.height_px = 2 * math.ceil((self._line_top_px + _LINE_PX + _AXIS_PX) / 2)
        self._picture_HWC = self._drawn(attention)

    def draw(self, *, seconds: float | None = None) -> UInt8Array:
        """The strip as RGB uint8 (H, W, 3), with a mark at a time of the video."""
        if seconds is None:
            return self._picture_HWC
        out_HWC = self._picture_HWC.copy()
        x_px = int(self._x_px(np.array([seconds]))[0])
        cv2.line(out_HWC, (x_px, _NAME_PX), (x_px, self.height_px - _AXIS_PX), drawing.INK, 1)
        return out_HWC

    @property
    def _span_seconds(self) -> tuple[float, float]:
        """From the first frame to the end of the last."""
        first, last = float(self._seconds_F[0]), float(self._seconds_F[-1])
        return first, last + max((last - first) / max(len(self._seconds_F) - 1, 1), 1e-3)

    def _x_px(self, seconds_N: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        start, end = self._span_seconds
        share_N = (np.asarray(seconds_N, np.float64) - start) / (end - start)
        return _PAD_PX + np.clip(share_N, 0, 1) * (self._width_px - 2 * _PAD_PX)

    def _drawn(self, attention: AttentionOverTime) -> UInt8Array:
        canvas_HWC = np.empty((self.height_px, self._width_px, 3), np.uint8)
        drawing.fill(canvas_HWC, (0, 0, self._width_px, self.height_px), colour=drawing.SURFACE)
        words = f"{attention.name}: what each frame receives, by head; attention score"
        words = drawing.fit_text(words, width_px=self._width_px - 2 * _PAD_PX, scale=_TEXT)
        drawing.put_text(canvas_HWC, words, (_PAD_PX, 13), colour=drawing.DIM, scale=_TEXT)
        self._draw_heads(canvas_HWC, attention)
        self._draw_score(canvas_HWC, attention)
        self._draw_axis(canvas_HWC)
        return canvas_HWC

    def _draw_heads(self, canvas_HWC: UInt8Array, attention: AttentionOverTime) -> None:
        shown_AW = self._by_column(attention.received_AF)
        coloured_AW3 = colourise(shown_AW, low=0.0, high=MOST_RECEIVED)
        coloured_AW3[np.isnan(shown_AW)] = drawing.FAINT
        tall_HW3 = coloured_AW3.repeat(_ROW_PX, axis=0)
        tall_HW3[_ROW_PX - 1 :: _ROW_PX] = drawing.SURFACE
        canvas_HWC[_NAME_PX : _NAME_PX + len(tall_HW3), _PAD_PX : _PAD_PX + shown_AW.shape[1]] = tall_HW3

    def _by_column(self, value_AF: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """For each column of pixels, the mean over the frames that are shown in its time; NaN where none is known."""
        start, end = self._span_seconds
        edges_E = np.linspace(start, end, self._width_px - 2 * _PAD_PX + 1)
        first_W = np.maximum(np.searchsorted(self._seconds_F, edges_E[:-1], side="right") - 1, 0)
        end_W = np.maximum(np.searchsorted(self._seconds_F, edges_E[1:], side="left"), first_W + 1)
        known_AF = np.isfinite(value_AF)
        sums_AF = np.cumsum(np.where(known_AF, value_AF, 0.0), axis=1)
        counts_AF = np.cumsum(known_AF, axis=1)
        sum_AW, count_AW = (
            each[:, end_W - 1] - np.where(first_W > 0, each[:, first_W - 1], 0)
            for each in (sums_AF, counts_AF)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(count_AW > 0, sum_AW / count_AW, np.nan), np.float32)

    def _draw_score(self, canvas_HWC: UInt8Array, attention: AttentionOverTime) -> None:
        known_F = np.isfinite(attention.score_F)
        score_N = attention.score_F[known_F]
        low, high = float(score_N.min()), float(score_N.max())
        share_N = np.asarray((score_N - low) / (high - low) if high > low else score_N * 0 + 0.5, np.float64)
        y_N = self._line_top_px + (1 - share_N) * (_LINE_PX - 6) + 3
        drawing.smooth_line(canvas_HWC, self._x_px(self._seconds_F[known_F]), y_N, colour=drawing.SCORE)

    def _draw_axis(self, canvas_HWC: UInt8Array) -> None:
        start, end = self._span_seconds
        step = tick_step(end - start, at_most=8)
        for seconds in np.arange(math.ceil(start / step) * step, end + 1e-9, step):
            x_px, text = int(self._x_px(np.array([seconds]))[0]), f"{seconds:g} s"
            x_text = min(max(x_px - drawing.text_width_px(text, scale=_TEXT) // 2, 2), self._width_px - 34)
            drawing.put_text(canvas_HWC, text, (x_text, self.height_px - 5), colour=drawing.DIM, scale=_TEXT)


class StripsBelow:
    """Puts the strips of a video's attentions below its annotated pictures, with a mark at the present."""

    def __init__(self, attentions: Sequence[AttentionOverTime]) -> None:
        self._attentions = attentions
        self._strips: list[AttentionStrip] = []

    def __call__(self, picture_HWC: UInt8Array, seconds: float) -> UInt8Array:
        """The picture of that time with the strips below it; pictures are of one width."""
        if not self._strips:
            width_px = picture_HWC.shape[1]
            self._strips = [AttentionStrip(each, width_px=width_px) for each in self._attentions]
        return np.concatenate([picture_HWC, *(strip.draw(seconds=seconds) for strip in self._strips)])
