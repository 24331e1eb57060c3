"""Training on labelled sequences: the classifier of a frozen backbone's features.

Letters: B sequences, L frames of a sequence, D values of a feature vector.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from normalcy.layers.spread_batch import as_share
from normalcy.methods.base import Classifying
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.callbacks import moving_average
from normalcy.training.config import TrainingConfig
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.sampling import own_rows
from normalcy.training.lightning_import import LightningModule, WeightAveraging
from normalcy.training.means import ClipMeans
from normalcy.training.optimising import rate_decay, require_finite, seed_batch
from normalcy.training.sequences import (
    ClassAwareSampler,
    LabelledFeatures,
    SequenceBatch,
    TrainingSequences,
    ValidationSequences,
    batch_of,
    class_counts,
    longer,
)
from normalcy.training.session import run_session
from normalcy.training.summary import TrainingSummary

ADAM_BETA1 = 0.9


class Classify(LightningModule):
    """Trains a method's classifier with AdamW; the backbone before it is not even held here."""

    def __init__(
        self,
        method: Classifying,
        config: TrainingConfig,
        *,
        counts: Sequence[int],
        steps_per_epoch: int,
        seed: int,
        group: Group = ALONE,
    ) -> None:
        super().__init__()
        self.group = group
        self.trained_means, self.validation_means = ClipMeans(), ClipMeans()
        self.method = cast("nn.Module", method.classifier)
        self.config, self.counts = config, tuple(counts)
        self.steps_per_epoch, self.seed = steps_per_epoch, seed
        # In a tuple it is no part of this module, and of no checkpoint.
        self._whole = (method,)

    def training_step(self, batch: SequenceBatch, batch_index: int) -> Tensor:
        """One batch; a loss that is not finite stops the training before it reaches the weights."""
        seed_batch(self.seed, epoch=self.current_epoch, batch=batch_index)
        losses = self._losses(self._of_one_length(batch))
        where = f"batch {batch_index}"
        self.group.fail_together(
            lambda: require_finite(losses["loss"], epoch=self.current_epoch, where=where)
        )
        self.trained_means.add(losses, clips=len(batch.target_B))
        return as_share(losses["loss"])

    def validation_step(self, batch: SequenceBatch, batch_index: int) -> None:
        """Loss, and the share that is right, on videos that are not fitted on."""
        loss = self._losses(batch)["loss"]
        found_B = self._whole[0].probabilities(batch.features_BLD, batch.there_BL).argmax(dim=-1)
        right = (found_B == batch.target_B).float().mean()
        self.validation_means.add({"loss": loss, "accuracy": right}, clips=len(batch.target_B))

    def _losses(self, batch: SequenceBatch) -> dict[str, Tensor]:
        return self._whole[0].class_losses(
            batch.features_BLD, batch.there_BL, batch.target_B, counts=self.counts
        )

    def _of_one_length(self, batch: SequenceBatch) -> SequenceBatch:
        """Filled up as the whole batch is: what is drawn for it depends on its shape."""
        (length,) = self.group.largest([batch.there_BL.shape[1]])
        return SequenceBatch(
            longer(batch.features_BLD, length), longer(batch.there_BL, length), batch.target_B
        )

    def configure_optimizers(self) -> Any:
        """AdamW, with a rate that changes with every step."""
        beta1 = ADAM_BETA1 if self.config.adam_beta1 is None else self.config.adam_beta1
        optimiser = torch.optim.AdamW(
            self.method.parameters(),
            lr=self.config.learning_rate,
            betas=(beta1, 0.999),
            weight_decay=self.config.weight_decay,
        )
        schedule = rate_decay(optimiser, config=self.config, steps_per_epoch=self.steps_per_epoch)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_classify(
    method: Classifying,
    fitted: Sequence[LabelledFeatures],
    held_out: Sequence[LabelledFeatures],
    config: TrainingConfig,
    *,
    run: RunFolder,
    seed: int,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> TrainingSummary:
    """Trains in place and leaves the weights that `config.keep` asks for in the method's classifier.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    length = method.sequence_frames
    method.classifier.observe(torch.from_numpy(video.features_VTD[0].astype(np.float32)) for video in fitted)
    targets, batch_size = [video.target for video in fitted], config.batch_size // config.accumulate
    order = ClassAwareSampler(targets, seed=seed, balanced=config.class_aware)
    sampler, own_batch_size = own_rows(order, batch_size=batch_size, group=group)
    training = DataLoader(
        TrainingSequences(fitted, length=length, settings=config.augmentation, seed=seed),
        batch_size=own_batch_size,
        sampler=sampler,
        num_workers=config.workers,
        collate_fn=batch_of,
    )
    windows_held_out = ValidationSequences(held_out, length=length)
    places, own_batch_size = own_rows(range(len(windows_held_out)), batch_size=batch_size, group=group)
    validation = DataLoader(windows_held_out, batch_size=own_batch_size, sampler=places, collate_fn=batch_of)
    module = Classify(
        method,
        config,
        counts=class_counts(targets, len(method.classes)),
        steps_per_epoch=-(-len(training) // config.accumulate),
        seed=seed,
        group=group,
    )
    return run_session(
        module,
        training,
        validation,
        config,
        run=run,
        resume=resume,
        callbacks=[WeightAveraging(avg_fn=moving_average(config.ema_decay))] if config.ema_decay else [],
        progress=progress,
        group=group,
    )
