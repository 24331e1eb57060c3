"""Fitting by memory: no gradients; normal footage is surveyed, then gone through once as a camera would see it.

Short footage is held out in turns: it is cut in two, and each half is scored by a memory of the other, so that every
frame of it counts in the calibration. Of long footage, a part is enough. In the end everything is remembered: the
memory then knows more than those that were calibrated, never less.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np

from normalcy.methods.base import Camera, Look, Method, Remembering
from normalcy.methods.scene_memory.camera import Camera as SceneCamera
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.progress import Progress
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import Clip, ClipScores
from normalcy.scoring.window import ClipWindow
from normalcy.training.data import Footage, NormalFootage

SHORT_FRAMES = 6_000
"""Ten minutes at ten frames a second. The looks of about half of that are kept; those of the rest are taken again for
each pass, so that turns would cost more the longer the footage is, and be worth less."""

_BATCH_CLIPS = 8


class Unseen(NamedTuple):
    """A method, and normal footage that it has not seen."""

    method: Method
    footage: Sequence[Footage]


def train_memory(
    method: Method,
    footage: NormalFootage,
    *,
    settings: ScoringSettings,
    kept: KeptLooks | None = None,
    progress: Progress | None = None,
) -> list[Unseen]:
    """Fills the method's memory with the footage to fit on; perspective and scenes are taken from all footage.

    Returns what the parts of the score and the calibration are to be measured on: `method` and what is held out, and
    where footage is short, a memory of what is held out and what was fitted on.
    """
    in_turns = held_out_in_turns(footage)
    survey(method, footage)
    turns = [Unseen(method, footage.held_out)]
    if in_turns:
        other = copy.deepcopy(method)
        remember(other, footage.held_out, settings=settings, kept=kept, progress=progress)
        turns.append(Unseen(other, footage.fitted))
    # Without turns, what is fitted on is not looked at again: room is for what is held out.
    seen_again = kept if in_turns else None
    remember(method, footage.fitted, settings=settings, kept=seen_again, progress=progress)
    return turns


def held_out_in_turns(footage: NormalFootage) -> bool:
    """Whether footage is so short that all of it is held out, one part after the other."""
    return sum(len(span) for span in (*footage.fitted, *footage.held_out)) <= SHORT_FRAMES


def survey(method: Method, footage: NormalFootage) -> None:
    """Takes what everything else rests on from all footage."""
    everything = [*footage.fitted, *footage.held_out]
    cast("Remembering", method).survey([(span.frames_TCHW, span.pts_seconds_T) for span in everything])


def remember(
    method: Method,
    spans: Sequence[Footage],
    *,
    settings: ScoringSettings,
    kept: KeptLooks | None = None,
    progress: Progress | None = None,
) -> None:
    """Adds footage to what is remembered.

    Args:
        method: Which remembers, and is being fitted: what comes from a bundle is amended (`workflows.memory`).
        spans: The footage.
        settings: How clips follow each other.
        kept: What was seen in this footage before.
        progress: Called with what is being done, how much is done and how much there is.
    """
    model = _keeping(method, kept)
    for camera, clip, look in _seen(method, spans, model, settings, progress):
        camera.remember(clip.stamps, look)
    cast("Remembering", method).settle()


def learn(
    method: SceneMemory,
    spans: Sequence[Footage],
    *,
    settings: ScoringSettings,
    times: float,
    kept: KeptLooks | None = None,
    progress: Progress | None = None,
) -> None:
    """Takes footage of another scene into a memory that is fitted.

    Args:
        method: From a bundle.
        spans: The footage.
        settings: How clips follow each other.
        times: As if it had been seen so many times.
        kept: As in `remember`.
        progress: As in `remember`.
    """
    method.memory.open_scenes([(span.frames_TCHW, span.pts_seconds_T) for span in spans])
    times_RC = np.full(method.config.grid_RC, times, np.float32)
    model = _keeping(method, kept)
    for camera, clip, look in _seen(method, spans, model, settings, progress):
        cast("SceneCamera", camera).amend(clip.stamps, look, times_RC=times_RC)
    method.settle()


def _keeping(method: Method, kept: KeptLooks | None) -> ScoringModel:
    return KeepingModel(TorchModel(method), KeptLooks(budget_bytes=0) if kept is None else kept)


def _seen(
    method: Method,
    spans: Sequence[Footage],
    model: ScoringModel,
    settings: ScoringSettings,
    progress: Progress | None,
) -> Iterator[tuple[Camera, Clip, Look]]:
    """Each clip with its look, and the camera that shows it."""
    total, done = sum(len(span) for span in spans), 0
    for span in spans:
        camera = method.camera(span.name)
        assert camera is not None
        for batch in looked_at(span, model, settings):
            for clip, look in batch:
                yield camera, clip, look
                done += len(clip.due)
            if progress:
                progress("remembering normal video", done, total)


def looked_at(
    span: Footage, model: ScoringModel, settings: ScoringSettings
) -> Iterator[list[tuple[Clip, Look]]]:
    """The clips of a span, each with its look, a few at a time."""
    for batch in _batches(span, model, settings):
        looks = model.infer([clip.clip_TCHW for clip in batch])
        assert not any(isinstance(look, ClipScores) for look in looks)
        yield list(zip(batch, cast("Sequence[Look]", looks), strict=True))


def _batches(span: Footage, model: ScoringModel, settings: ScoringSettings) -> Iterator[Sequence[Clip]]:
    window = ClipWindow(model.spec, hop_frames=settings.hop_frames)
    batch: list[Clip] = []
    for frame in span.frames():
        if clip := window.push(frame):
            batch.append(clip)
        if len(batch) == _BATCH_CLIPS:
            yield batch
            batch = []
    if clip := window.flush():
        batch.append(clip)
    if batch:
        yield batch
