"""Fitting by memory: no gradients; normal footage is surveyed, then gone through once as a camera would see it.

Held-out video is remembered too, but only after the scores were calibrated on it: the memory then knows more than the
one that was calibrated, never less.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from normalcy.methods.base import Method, Remembering
from normalcy.progress import Progress
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import Clip, ClipScores
from normalcy.scoring.window import ClipWindow
from normalcy.training.data import Footage, NormalFootage

_BATCH_CLIPS = 8


def train_memory(
    method: Method, footage: NormalFootage, *, settings: ScoringSettings, progress: Progress | None = None
) -> None:
    """Fills the method's memory with the footage to fit on; perspective and scenes are taken from all footage."""
    everything = [*footage.fitted, *footage.held_out]
    cast("Remembering", method).survey([(span.frames_TCHW, span.pts_seconds_T) for span in everything])
    remember(method, footage.fitted, settings=settings, progress=progress)


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
        method: Which remembers.
        spans: The footage.
        settings: How clips follow each other.
        kept: What was seen in this footage before.
        progress: Called with what is being done, how much is done and how much there is.
    """
    model = KeepingModel(TorchModel(method), kept or KeptLooks(budget_bytes=0))
    total, done = sum(len(span) for span in spans), 0
    for span in spans:
        camera = method.camera(span.name)
        assert camera is not None
        for batch in _batches(span, model, settings):
            for clip, look in zip(batch, model.infer([clip.clip_TCHW for clip in batch]), strict=True):
                assert not isinstance(look, ClipScores)
                camera.remember(clip.stamps, look)
                done += len(clip.due)
            if progress:
                progress("remembering normal video", done, total)
    cast("Remembering", method).settle()


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
