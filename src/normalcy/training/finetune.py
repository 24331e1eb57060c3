"""End-to-end fine-tuning: the backbone and the classifier learn together from frames, slowly.

It follows training on kept features and starts from its weights. The backbone's activations are computed again in the
backward pass instead of being kept; its batch statistics stay those of its public weights.

Letters: B sequences, L frames of a sequence, C channels, H height, W width.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from normalcy.layers.recompute import recomputed
from normalcy.layers.spread_batch import as_share
from normalcy.methods.base import Classifying, Method
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.config import FineTuning, TrainingConfig
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.sampling import own_rows
from normalcy.training.lightning_import import LightningModule
from normalcy.training.means import ClipMeans
from normalcy.training.optimising import require_finite, seed_batch
from normalcy.training.sequences import ClassAwareSampler, class_counts, filled_up, longer
from normalcy.training.session import run_session
from normalcy.training.summary import TrainingSummary

_TOGETHER = 8  # pictures that the backbone looks at together


class LabelledFrames(NamedTuple):
    """A video as it is decoded, every so many frames.

    Attributes:
        frames_TCHW: uint8, memory-mapped.
        target: Place of its class.
    """

    frames_TCHW: npt.NDArray[np.uint8]
    target: int


class FrameBatch(NamedTuple):
    """Sequences of frames, filled up to one length.

    Attributes:
        frames_BLCHW: uint8.
        there_BL: Bool; False for what only fills up, which comes last.
        target_B: Place of the class of each.
    """

    frames_BLCHW: Tensor
    there_BL: Tensor
    target_B: Tensor


class FrameSequences(Dataset[tuple[Tensor, int]]):
    """Item (i, n) is a sequence of video i that begins where the n-th draw says, flipped or not."""

    def __init__(self, videos: Sequence[LabelledFrames], *, length: int, seed: int) -> None:
        self._videos, self._length, self._seed = videos, length, seed

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, drawn: tuple[int, int]) -> tuple[Tensor, int]:
        place, number = drawn
        video, random = self._videos[place], np.random.default_rng((self._seed, place, number))
        start = int(random.integers(max(1, len(video.frames_TCHW) - self._length + 1)))
        frames_LCHW = np.array(video.frames_TCHW[start : start + self._length])
        if random.uniform() < 0.5:
            frames_LCHW = np.ascontiguousarray(frames_LCHW[..., ::-1])
        return torch.from_numpy(frames_LCHW), video.target


class FrameWindows(Dataset[tuple[Tensor, int]]):
    """The first window of each video, as it is."""

    def __init__(self, videos: Sequence[LabelledFrames], *, length: int) -> None:
        self._videos, self._length = videos, length

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        video = self._videos[place]
        return torch.from_numpy(np.array(video.frames_TCHW[: self._length])), video.target


class FineTune(LightningModule):
    """Trains backbone and classifier with one AdamW at a small rate."""

    def __init__(
        self,
        method: Method,
        config: TrainingConfig,
        *,
        counts: Sequence[int],
        seed: int,
        group: Group = ALONE,
    ) -> None:
        super().__init__()
        self.method, self.config, self.counts, self.seed = method, config, tuple(counts), seed
        self.group = group
        self.trained_means, self.validation_means = ClipMeans(), ClipMeans()

    def training_step(self, batch: FrameBatch, batch_index: int) -> Tensor:
        """One batch; a loss that is not finite stops the training before it reaches the weights."""
        seed_batch(self.seed, epoch=self.current_epoch, batch=batch_index)
        loss, where = self._loss(self._of_one_length(batch)), f"batch {batch_index}"
        self.group.fail_together(lambda: require_finite(loss, epoch=self.current_epoch, where=where))
        self.trained_means.add({"loss": loss}, clips=len(batch.target_B))
        return as_share(loss)

    def validation_step(self, batch: FrameBatch, batch_index: int) -> None:
        """Loss on videos that are not fitted on."""
        self.validation_means.add({"loss": self._loss(batch)}, clips=len(batch.target_B))

    def _of_one_length(self, batch: FrameBatch) -> FrameBatch:
        """Filled up as the whole batch is: what is drawn for it depends on its shape."""
        (length,) = self.group.largest([batch.there_BL.shape[1]])
        return FrameBatch(longer(batch.frames_BLCHW, length), longer(batch.there_BL, length), batch.target_B)

    def _loss(self, batch: FrameBatch) -> Tensor:
        method = cast("Classifying", self.method)
        images_NCHW = self.method.clip.in_range(batch.frames_BLCHW.flatten(0, 1))
        # Each part is computed again by itself: memory holds the activations of one at a time.
        parts = torch.split(images_NCHW, _TOGETHER)
        # In bf16, how features change from frame to frame would be mostly rounding.
        with torch.autocast(images_NCHW.device.type, enabled=False):
            features_ND = torch.cat(
                [recomputed(method.backbone, part.float(), module=method.backbone) for part in parts]
            )
        features_BLD = torch.unflatten(features_ND, 0, batch.there_BL.shape)
        return method.class_losses(features_BLD, batch.there_BL, batch.target_B, counts=self.counts)["loss"]

    def configure_optimizers(self) -> Any:
        """AdamW over all weights."""
        return torch.optim.AdamW(
            [weight for weight in self.method.parameters() if weight.requires_grad],
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
        )


def finetune(
    method: Method,
    fitted: Sequence[LabelledFrames],
    held_out: Sequence[LabelledFrames],
    settings: FineTuning,
    config: TrainingConfig,
    *,
    run: RunFolder,
    seed: int,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> TrainingSummary:
    """Trains in place and leaves the weights with the lowest validation loss in the method.

    Args:
        method: Trained on kept features before.
        fitted: Videos to learn from.
        held_out: Videos to choose the epoch by.
        settings: How long, how fast.
        config: Of the training before: precision, decay of weights, length of training sessions.
        run: Where checkpoints and logs go; not that of the training before.
        seed: Of the order of videos.
        resume: Go on after the last full epoch of an earlier session.
        progress: Told the steps.
        group: Of the processes that train together.
    """
    own = config.model_copy(
        update={
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "accumulate": 1,
            "learning_rate": settings.learning_rate,
            "snapshot_epochs": None,
        }
    )
    backbone, length = cast("Classifying", method).backbone, settings.frames
    targets = [video.target for video in fitted]
    order = ClassAwareSampler(targets, seed=seed, balanced=config.class_aware)
    sampler, own_batch_size = own_rows(order, batch_size=settings.batch_size, group=group)
    training = DataLoader(
        FrameSequences(fitted, length=length, seed=seed),
        batch_size=own_batch_size,
        sampler=sampler,
        collate_fn=frames_of,
    )
    places, own_batch_size = own_rows(range(len(held_out)), batch_size=settings.batch_size, group=group)
    validation = DataLoader(
        FrameWindows(held_out, length=length),
        batch_size=own_batch_size,
        sampler=places,
        collate_fn=frames_of,
    )
    counts = class_counts(targets, len(cast("Classifying", method).classes))
    module = FineTune(method, own, counts=counts, seed=seed, group=group)
    method.train()
    backbone.requires_grad_(True)
    try:
        return run_session(
            module, training, validation, own, run=run, resume=resume, progress=progress, group=group
        )
    finally:
        backbone.requires_grad_(False)


def frames_of(items: Sequence[tuple[Tensor, int]]) -> FrameBatch:
    """Fills sequences of frames up to the longest."""
    return FrameBatch(*filled_up(items))
