"""What may stand in the state that a chunk hands on: classes, and what each of their fields holds."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shared:
    """Something that both ends hold already, by its name."""

    name: str


@dataclass(frozen=True)
class Each:
    """A container, and what each of its values is; keys are strings."""

    container: type
    of: tuple[Any, ...]


Kind = type | str | None | Shared | Each
"""A class of Python's or numpy's, the name of one of those below, None, a shared object, a container."""

NUMBER = (int, float, np.generic)
_ARRAY = (np.ndarray,)
_PARTS = (Each(dict, NUMBER),)
_LOOKS = (Each(dict, (None, "LastLook", "Presence", "Rest", Each(dict, _ARRAY))),)
_MEMORY = "normalcy.methods.scene_memory"

FIELDS: dict[str, dict[str, tuple[Kind, ...]]] = {
    "normalcy.archive.handover.Handover": {
        "track": ("ScoreTrack",),
        "camera": ("Camera", "WatchedSource", None),
        "witness": (str,),
    },
    "normalcy.methods.contract.FrameStamp": {"index": NUMBER, "pts_seconds": NUMBER},
    f"{_MEMORY}.camera.Camera": {
        "memory": (Shared("camera.memory"),),
        "source": (str,),
        "trusts_first": (bool,),
        "_background": ("Background", None),
        "_states": _LOOKS,
        "_smoothers": (Each(dict, ("Average", "TrimmedMean")),),
        "_seen": ("FrameStamp", None),
        "_last": ("_Verdict", None),
    },
    f"{_MEMORY}.camera._Verdict": {"score": NUMBER, "map_RC": _ARRAY, "parts": _PARTS},
    f"{_MEMORY}.scenes.Background": {
        "scene": NUMBER,
        "_scenes": (Shared("camera.memory.scenes"),),
        "_trusts_first": (bool,),
        "_unchecked_seconds": NUMBER,
        "_elsewhere": NUMBER,
        "_seconds": NUMBER,
        "_background_HW3": _ARRAY,
        "deviation_HW": _ARRAY,
        "_found": ("_Found", None),
    },
    f"{_MEMORY}.scenes._Found": {"image_HW3": _ARRAY, "held_HW": _ARRAY},
    f"{_MEMORY}.smoothing.Average": {"_constant_seconds": NUMBER, "_mean": (*NUMBER, None)},
    f"{_MEMORY}.smoothing.TrimmedMean": {"_last": (Each(deque, NUMBER),)},
    f"{_MEMORY}.streams.appearance.LastLook": {"map_RC": _ARRAY},
    f"{_MEMORY}.streams.dwell.Presence": {"mean_RC": _ARRAY, "seconds_seen": NUMBER},
    f"{_MEMORY}.streams.stillness.Rest": {
        "image_HW3": (*_ARRAY, None),
        "seconds_HW": (*_ARRAY, None),
        "seconds_seen": NUMBER,
    },
    "normalcy.methods.sequence_runner.WatchedSource": {
        "settings": (Shared("camera.settings"),),
        "probabilities": (Shared("camera.probabilities"),),
        "_features": (Each(deque, _ARRAY),),
        "_seen": ("FrameStamp", None),
    },
    "normalcy.scoring.events.EventDetector": {
        "rule": (Shared("track.rule"),),
        "_source_id": (str,),
        "_state": ("AlarmState",),
        "_span": ("_Span", None),
        "_event": ("_Span", None),
    },
    "normalcy.scoring.events._Span": {
        "start": ("FrameStamp",),
        "end": ("FrameStamp",),
        "peak": ("FrameStamp",),
        "peak_score": NUMBER,
        "parts": _PARTS,
    },
    "normalcy.scoring.smoothing.CausalSmoother": {"_alpha": NUMBER, "_smoothed": (*NUMBER, None)},
    "normalcy.scoring.track.ScoreTrack": {
        "_spec": (Shared("track._spec"),),
        "_source_id": (str,),
        "_calibration": (Shared("track._calibration"), None),
        "_settings": (Shared("track._settings"),),
        "_smoother": ("CausalSmoother",),
        "_last": ("_Score", None),
        "rule": (Shared("track.rule"),),
        "_detector": ("EventDetector",),
    },
    "normalcy.scoring.track._Score": {"raw": NUMBER, "parts": _PARTS, "map_HW": _ARRAY},
}


def fits(value: Any, kinds: tuple[Kind, ...]) -> bool:
    """Whether a value, none of them shared, is of one of these kinds."""
    return any(_is(value, kind) for kind in kinds)


def _is(value: Any, kind: Kind) -> bool:
    if isinstance(kind, Each):
        if not isinstance(value, dict | deque) or type(value) is not kind.container:
            return False
        if isinstance(value, dict):
            named = all(isinstance(key, str) for key in value)
            return named and all(fits(each, kind.of) for each in value.values())
        return all(fits(each, kind.of) for each in value)
    if isinstance(kind, str):
        return type(value).__name__ == kind
    return value is None if kind is None else isinstance(kind, type) and isinstance(value, kind)
