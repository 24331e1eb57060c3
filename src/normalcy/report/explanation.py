"""Writes `explanation.html`: a page that says why each event was alarmed, readable on a phone.

Letters: H height, W width, T frames, R rows and C columns of places.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.explain.attention.journey import AttentionJourney
from normalcy.explain.attention_strip import AttentionStrip
from normalcy.explain.explained import ExplainedEvent, ExplainedVideo
from normalcy.explain.heatmap import as_rgb, colourise, overlay
from normalcy.explain.nearest import NearestLook, around
from normalcy.explain.reasons import WHOLE_PICTURE, Box, PartReading, Place
from normalcy.report.page import page_template, page_text
from normalcy.report.pictures import jpeg_uri, ramp_uri
from normalcy.report.words import compact, duration
from normalcy.run_folder import write_text, writing_to

UInt8Array = npt.NDArray[np.uint8]

_BOX_RGB = (255, 90, 60)
_MATRIX_PX = 168
_CROP_PX = 160
_STRIP_PX = 960
_METER_FULL = 4.0  # times as far as usual at which a meter is full


def write_explanation_page(path: Path, explained: ExplainedVideo) -> None:
    """Writes the page, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    html = explanation_page(explained)
    with writing_to(path):
        write_text(path, html)


def explanation_page(explained: ExplainedVideo) -> str:
    """The page as HTML, with all pictures in it."""
    events = [_event(number, each, explained) for number, each in enumerate(explained.events, start=1)]
    return page_template("explanation.html.j2").render(
        explained=explained,
        length=duration(explained.seconds),
        events=events,
        strips=[
            (each.name, jpeg_uri(AttentionStrip(each, width_px=_STRIP_PX).draw()))
            for each in explained.attention
        ],
        ramp=ramp_uri(),
        style=page_text("style.css"),
    )


def _event(number: int, each: ExplainedEvent, explained: ExplainedVideo) -> dict[str, Any]:
    low, high = explained.map_range
    image_HWC = as_rgb(each.image_HWC)
    shown_HWC = overlay(image_HWC, each.map_HW, low=low, high=high)
    event, box, look = each.event, each.place.box if each.place else None, each.nearest_look
    return {
        "number": number,
        "sentence": each.sentence,
        "when": f"{_clock(event.start_seconds)} to {_clock(event.end_seconds)}",
        "peak": _clock(each.seconds),
        "frame": jpeg_uri(_boxed(image_HWC, box)),
        "heat": jpeg_uri(_outlined(shown_HWC, each.place)),
        "here": jpeg_uri(_cropped(image_HWC, box)) if box and (each.nearest or look) else None,
        "normal": jpeg_uri(_cropped(as_rgb(each.nearest.image_HWC), box or WHOLE_PICTURE))
        if each.nearest
        else None,
        "normal_from": f"{each.nearest.video}, {_clock(each.nearest.seconds)}" if each.nearest else "",
        "look_from": f"{look.video}, {_clock(look.seconds)}" if look else "",
        "look": _look_picture(look, box),
        "terms": [_term(reading) for reading in each.parts],
        "limits": any(reading.excess is not None for reading in each.parts),
        "attention": [_journey(journey, image_HWC) for journey in each.attention],
    }


def _term(reading: PartReading) -> dict[str, Any]:
    excess = reading.excess or 0.0
    return {
        "name": reading.name.replace("_", " ") + ("" if reading.counts else ", measured beside it"),
        "value": compact(reading.value),
        "usual": "-" if reading.limit is None else compact(reading.limit),
        "times": "-" if reading.times is None else f"{reading.times:.1f}",
        "share": f"{100 * min(max(excess / _METER_FULL, 0), 1):.0f}%",
        "mark": f"{100 / _METER_FULL:.0f}%",
        "high": excess > 1,
    }


def _journey(journey: AttentionJourney, image_HWC: UInt8Array) -> dict[str, Any]:
    made = journey.enhancement
    over_frame = (
        ("how widely each place attends", journey.entropy_RC),
        ("consistency by place", journey.consistency_RC),
        ("smoothness by place", journey.smoothness_RC),
    )
    return {
        "name": journey.name,
        "score": f"{journey.score:.3f}",
        "statistics": [
            (name.replace("_", " "), f"{value:.3f}", [f"{getattr(head, name):.3f}" for head in journey.heads])
            for name, value in journey.overall._asdict().items()
        ],
        "heads": [jpeg_uri(_matrix(head_TT)) for head_TT in journey.head_ATT],
        "mean": jpeg_uri(_matrix(journey.mean_TT)),
        "focus": [
            (
                focus.frame,
                focus.reading,
                ", ".join(f"{other} ({share:.2f})" for other, share in focus.attended),
            )
            for focus in journey.focus
        ],
        "features": [
            (name, f"{before:.3f}", f"{after:.3f}", f"{change:+.3f}")
            for name, before, after, change in zip(
                made.before._fields, made.before, made.after, made.change, strict=True
            )
        ],
        "maps": [
            (
                name,
                f"{quality_RC.min():.3f} to {quality_RC.max():.3f}",
                jpeg_uri(_over(image_HWC, quality_RC)),
            )
            for name, quality_RC in over_frame
            if quality_RC.size > 1
        ],
    }


def _matrix(weights_TT: npt.NDArray[np.floating]) -> UInt8Array:
    """Who attends to whom: a row for each frame, black where nothing goes, pale where most does."""
    coloured = colourise(np.asarray(weights_TT, np.float32), low=0.0, high=float(weights_TT.max()))
    side = max(_MATRIX_PX // len(weights_TT), 1) * len(weights_TT)
    return np.asarray(cv2.resize(coloured, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def _over(image_HWC: UInt8Array, quality_RC: npt.NDArray[np.floating]) -> UInt8Array:
    """A quality of each place over the frame, from its lowest to its highest value; grey below, to tell them apart."""
    low, high = float(quality_RC.min()), float(quality_RC.max())
    grey_HWC = image_HWC.mean(axis=2, keepdims=True).astype(np.uint8)
    return overlay(grey_HWC, np.asarray(quality_RC, np.float32), low=low, high=max(high, low + 1e-6))


def _boxed(image_HWC: UInt8Array, box: Box | None) -> UInt8Array:
    if box is None:
        return image_HWC
    out = image_HWC.copy()
    height, width = out.shape[:2]
    start = (int(box.left * width), int(box.top * height))
    end = (min(width, round(box.right * width)) - 1, min(height, round(box.bottom * height)) - 1)
    cv2.rectangle(out, start, end, _BOX_RGB, 2)
    return out


def _outlined(image_HWC: UInt8Array, place: Place | None) -> UInt8Array:
    if place is None:
        return image_HWC
    out = image_HWC.copy()
    size = np.array([out.shape[1], out.shape[0]])
    corners = np.round(np.array(place.outline) * size).astype(np.int32)
    cv2.polylines(out, [corners], isClosed=True, color=_BOX_RGB, thickness=2, lineType=cv2.LINE_AA)
    return out


def _cropped(image_HWC: UInt8Array, box: Box) -> UInt8Array:
    """What is in and around the box, of one height."""
    part = around(image_HWC, box)
    size = (max(1, round(part.shape[1] * _CROP_PX / part.shape[0])), _CROP_PX)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _look_picture(look: NearestLook | None, box: Box | None) -> str | None:
    if look is None or look.image_HWC is None:
        return None
    return jpeg_uri(_cropped(as_rgb(look.image_HWC), _around(look, box)))


def _around(look: NearestLook, box: Box | None) -> Box:
    """A box of the same size around the look, moved into the picture."""
    box = box or WHOLE_PICTURE
    wide, high = box.right - box.left, box.bottom - box.top
    left = min(max(look.x - wide / 2, 0.0), 1 - wide)
    top = min(max(look.y - high / 2, 0.0), 1 - high)
    return Box(left, top, left + wide, top + high)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:04.1f}"
