"""One annotated picture: frame | heat map | frame x heat map, the verdict in words, the score trace.

Letters: T frames of the video, H height, W width, C channels.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain import drawing
from normalcy.explain.heatmap import MapScale, as_rgb, colour_ramp, colourise, overlay, resize_map
from normalcy.explain.layout import BORDER_PX, HEADER_PX, TRACE_PX, Layout
from normalcy.explain.trace import ScoreTrace, TracePoint
from normalcy.scoring.types import FrameScore

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

_CAPTIONS = ("frame", "heat map", "frame x heat map")


class FramePainter:
    """Turns frames and their verdicts into annotated pictures; causal, so it serves live streams too.

    Args:
        image_HWC: A picture of the video, for its proportions.
        threshold: Threshold on the smoothed score.
        title: Shown at the top left.
        scale: Range of the map's colours; by default it follows the video.
        labels_T: Truth for each frame of the source, looked up by `FrameScore.index`; None when unknown.
        duration_seconds: Length of the video, for a trace over all of it; None for a sliding trace.
    """

    def __init__(
        self,
        image_HWC: UInt8Array,
        *,
        threshold: float,
        title: str = "",
        scale: MapScale | None = None,
        labels_T: BoolArray | None = None,
        duration_seconds: float | None = None,
    ) -> None:
        self.layout = Layout.for_image(image_HWC)
        self._threshold = threshold
        self._decimals = _decimals(threshold)
        self._scale = scale or MapScale()
        self._labels_T = labels_T
        self._trace = ScoreTrace(
            size_px=(TRACE_PX, self.layout.width_px), threshold=threshold, duration_seconds=duration_seconds
        )
        self._base_HWC = self._draw_base(title)

    def paint(self, image_HWC: UInt8Array, frame_score: FrameScore) -> UInt8Array:
        """The annotated picture, RGB uint8; frames must come in order."""
        canvas_HWC = self._base_HWC.copy()
        self._draw_border(canvas_HWC, drawing.ALARM if frame_score.alarmed else drawing.FAINT)
        self._draw_panels(canvas_HWC, image_HWC, frame_score)
        self._draw_verdict(canvas_HWC, frame_score)
        self._trace.add(
            TracePoint(
                frame_score.pts_seconds,
                frame_score.smoothed,
                frame_score.alarmed,
                self._label(frame_score.index),
            )
        )
        canvas_HWC[self.layout.trace_top_px :] = self._trace.draw()
        return canvas_HWC

    def _label(self, index: int) -> bool | None:
        if self._labels_T is None or not 0 <= index < len(self._labels_T):
            return None
        return bool(self._labels_T[index])

    def _draw_base(self, title: str) -> UInt8Array:
        layout = self.layout
        canvas_HWC = np.empty((layout.height_px, layout.width_px, 3), np.uint8)
        canvas_HWC[:] = drawing.BACKGROUND
        shown = drawing.fit_text(title, width_px=layout.width_px - 130, scale=0.55)
        drawing.put_text(canvas_HWC, shown, (10, 23), colour=drawing.INK, scale=0.55)
        if self._labels_T is not None:
            self._draw_truth_key(canvas_HWC)
        return canvas_HWC

    def _draw_truth_key(self, canvas_HWC: UInt8Array) -> None:
        top = self.layout.status_top_px + 14
        left = self.layout.width_px - 24 - drawing.text_width_px("true event", scale=0.42)
        drawing.tint(canvas_HWC, (left - 8, top, left + 6, top + 13), colour=drawing.TRUTH, share=0.5)
        drawing.put_text(canvas_HWC, "true event", (left + 13, top + 11), colour=drawing.DIM, scale=0.42)

    def _draw_border(self, canvas_HWC: UInt8Array, colour: drawing.Colour) -> None:
        width, top, bottom = self.layout.width_px, HEADER_PX, self.layout.status_top_px
        inside = (BORDER_PX, top + BORDER_PX, width - BORDER_PX, bottom - BORDER_PX)
        drawing.fill(canvas_HWC, (0, top, width, bottom), colour=colour)
        drawing.fill(canvas_HWC, inside, colour=drawing.BACKGROUND)

    def _draw_panels(self, canvas_HWC: UInt8Array, image_HWC: UInt8Array, frame_score: FrameScore) -> None:
        panels = self._panels(image_HWC, frame_score)
        height, width = self.layout.panel_size_px
        for place, (panel_HWC, caption) in enumerate(zip(panels, _CAPTIONS, strict=True)):
            left, top = self.layout.panel_corner_px(place)
            canvas_HWC[top : top + height, left : left + width] = panel_HWC
            right = min(left + drawing.text_width_px(caption, scale=0.42) + 14, left + width)
            drawing.tint(canvas_HWC, (left, top, right, top + 21), colour=drawing.BACKGROUND, share=0.7)
            drawing.put_text(canvas_HWC, caption, (left + 7, top + 15), colour=drawing.INK, scale=0.42)

    def _panels(self, image_HWC: UInt8Array, frame_score: FrameScore) -> list[UInt8Array]:
        size_px = self.layout.panel_size_px
        frame_HWC = _resize_picture(as_rgb(image_HWC), size_px)
        if frame_score.map_HW is None:
            return [frame_HWC, np.full_like(frame_HWC, drawing.SURFACE), frame_HWC]
        low, high = self._scale.range_for(frame_score.map_HW)
        map_HW = resize_map(frame_score.map_HW, size_px)
        heat_HWC = colourise(map_HW, low=low, high=high)
        heat_HWC[-6:] = colour_ramp(size_px[1], 6)
        return [frame_HWC, heat_HWC, overlay(frame_HWC, map_HW, low=low, high=high)]

    def _draw_verdict(self, canvas_HWC: UInt8Array, frame_score: FrameScore) -> None:
        layout, alarmed = self.layout, frame_score.alarmed
        clock = _clock(frame_score.pts_seconds)
        x_clock = layout.width_px - 10 - drawing.text_width_px(clock, scale=0.55)
        drawing.put_text(canvas_HWC, clock, (x_clock, 23), colour=drawing.INK, scale=0.55)
        top = layout.status_top_px
        state, state_colour = ("ALARM", drawing.ALARM) if alarmed else ("normal", drawing.CALM)
        drawing.pill(canvas_HWC, state, (10, top + 8, 92, top + 32), colour=state_colour, filled=alarmed)
        self._draw_numbers(canvas_HWC, frame_score)

    def _draw_numbers(self, canvas_HWC: UInt8Array, frame_score: FrameScore) -> None:
        baseline = self.layout.status_top_px + 25
        pairs = (
            ("score", self._score_text(frame_score.smoothed), 146),
            ("threshold", self._score_text(self._threshold), 176),
            ("false alarms/day", _rate(frame_score.false_alarms_per_day), 0),
        )
        x_px = 108
        for name, value, column_px in pairs:
            end_px = drawing.put_text(canvas_HWC, name, (x_px, baseline), colour=drawing.DIM, scale=0.45)
            drawing.put_text(canvas_HWC, value, (end_px + 6, baseline), colour=drawing.INK, scale=0.5)
            x_px += column_px

    def _score_text(self, score: float) -> str:
        return f"{score:.{self._decimals}f}" if math.isfinite(score) else "none"


def _resize_picture(image_HWC: UInt8Array, size_px: tuple[int, int]) -> UInt8Array:
    height, width = size_px
    if image_HWC.shape[:2] == size_px:
        return image_HWC
    how = cv2.INTER_AREA if height < image_HWC.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_HWC, (width, height), interpolation=how), dtype=np.uint8)


def _decimals(threshold: float) -> int:
    """Decimals that show three digits of the threshold, the same for every score beside it."""
    if not math.isfinite(threshold) or threshold == 0:
        return 3
    return min(max(2 - math.floor(math.log10(abs(threshold))), 0), 8)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0.0), 1), 60)
    return f"{int(minutes):02d}:{rest:04.1f}"


def _rate(per_day: float) -> str:
    if math.isnan(per_day):
        return "not calibrated"
    return "under 0.01" if per_day < 0.01 else f"{per_day:,.0f}" if per_day >= 100 else f"{per_day:.3g}"
