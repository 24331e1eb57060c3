"""A bundle for another scene without a fit: calibrated anew on normal video of it, a little of which it may learn."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from normalcy.errors import CalibrationError, ConfigError
from normalcy.methods import method_definition
from normalcy.methods.base import Method
from normalcy.methods.contract import ClipSpec
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.scoring.model import TorchModel
from normalcy.training.amended import amended_bundle
from normalcy.training.calibrate import calibrate, normal_parts
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage, all_normal_footage
from normalcy.training.memory import learn

Spans = Sequence[Footage]


def recalibrated(
    bundle: Bundle,
    data: DataConfig,
    *,
    learn_seconds: float = 0.0,
    kept: KeptLooks | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """The same detector with the calibration, and the usual range of each term, of other normal video.

    Args:
        bundle: What was fitted.
        data: Where the other normal video is.
        learn_seconds: So much of its beginning is taken into the memory first, with as much say as all that was fitted
            on; what remains is calibrated on. Without, all of it is: nothing was fitted on it.
        kept: What the bundle saw in this footage before.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: The bundle tells classes apart, or is to learn and keeps no memory.
        DatasetIncomplete, CalibrationError: There is too little normal video.
    """
    fitted = bundle.header
    if method_definition(fitted.method).training == "classify":
        raise ConfigError(f"{fitted.method} is calibrated on labelled videos", hint="Fit it again")
    method = bundle.method().eval()
    spans = all_normal_footage(data, spec=method.clip, progress=progress)
    split = _split_at(learn_seconds, spans, method.clip)
    if not split.rest:
        raise CalibrationError(f"nothing is left to calibrate on after {learn_seconds:g} s", where=data.root)
    kept = KeptLooks() if kept is None else kept
    where = f"{data.name} {data.root.name}"
    lines = [f"calibrated on {_frames(split.rest):,} frames of {where}"]
    if learn_seconds > 0 and not split.first:
        raise CalibrationError(f"no clip fits into the first {learn_seconds:g} s", where=data.root)
    if split.first:
        _learn(method, split.first, bundle, kept, progress)
        lines.insert(0, f"learned {_frames(split.first):,} frames of {where}")
    return _calibrated(bundle, method, split.rest, lines, kept, progress)


class _Split(NamedTuple):
    first: Spans
    rest: Spans


def _split_at(seconds: float, spans: Spans, spec: ClipSpec) -> _Split:
    """So many seconds from the beginning, and the rest.

    A span is cut in two where they end within it; parts that no clip fits into are left out.
    """
    first, rest, left = list[Footage](), list[Footage](), seconds
    for span in spans:
        taken = int(np.searchsorted(span.pts_seconds_T - span.pts_seconds_T[0], left)) if left > 0 else 0
        first.append(span.part(slice(taken)))
        rest.append(span.part(slice(taken, None)))
        left -= taken / span.frames_per_second
    return _Split(*([part for part in parts if part.holds_clip(spec)] for parts in (first, rest)))


def _learn(method: Method, spans: Spans, bundle: Bundle, kept: KeptLooks, progress: Progress | None) -> None:
    if not isinstance(method, SceneMemory):
        hint = "Go on training it with `normalcy fit --start-from`"
        raise ConfigError(f"{bundle.header.method} keeps no memory that could learn", hint=hint)
    seconds = bundle.header.fit.fitted_frames / bundle.header.frames_per_second
    times = max(1.0, seconds / sum(len(span) / span.frames_per_second for span in spans))
    learn(method, spans, settings=bundle.header.scoring, times=times, kept=kept, progress=progress)


def _calibrated(
    bundle: Bundle,
    method: Method,
    spans: Spans,
    lines: Sequence[str],
    kept: KeptLooks,
    progress: Progress | None,
) -> Bundle:
    header, model = bundle.header, KeepingModel(TorchModel(method), kept)
    if method.fuses_parts:
        parts = normal_parts([(model, spans)], settings=header.scoring, progress=progress)
        seconds = sum(len(span) / span.frames_per_second for span in spans)
        method.observe_parts(parts, seconds=seconds)
    result = calibrate([(model, spans)], settings=header.scoring, progress=progress)
    return amended_bundle(
        bundle,
        method,
        lines,
        header={
            "frames_per_second": result.frames_per_second,
            "map_scale": result.map_scale,
            "usual_parts": result.usual_parts,
        },
        fit={
            "held_out_frames": _frames(spans),
            "held_out_videos": tuple(dict.fromkeys(span.name for span in spans)),
            "held_out_turns": 1,
        },
        calibration=result.calibration,
    )


def _frames(spans: Spans) -> int:
    return sum(len(span) for span in spans)
