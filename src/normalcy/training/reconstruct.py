"""Training by reconstruction: one network, one loss, one optimiser.

Letters: B clips, T frames, C channels, H height, W width.
"""

from typing import Any

from torch import Tensor

from normalcy.layers.spread_batch import as_share
from normalcy.methods.base import Method
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.callbacks import moving_average
from normalcy.training.config import TrainingConfig
from normalcy.training.data import NormalFootage
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.lightning_import import LightningModule, WeightAveraging
from normalcy.training.loaders import training_loader, validation_loader
from normalcy.training.means import ClipMeans
from normalcy.training.optimising import adam, rate_decay, require_finite
from normalcy.training.session import run_session
from normalcy.training.summary import TrainingSummary

ADAM_BETA1 = 0.9


class Reconstruct(LightningModule):
    """Trains `method.losses` with Adam."""

    def __init__(self, method: Method, config: TrainingConfig, *, group: Group = ALONE) -> None:
        super().__init__()
        self.method = method
        self.config, self.group = config, group
        self.trained_means, self.validation_means = ClipMeans(), ClipMeans()

    def training_step(self, clip_BTCHW: Tensor, batch_index: int) -> Tensor:
        """One batch; a loss that is not finite stops the training before it reaches the weights."""
        losses = self._losses(clip_BTCHW)
        where = f"batch {batch_index}"
        self.group.fail_together(
            lambda: require_finite(losses["loss"], epoch=self.current_epoch, where=where)
        )
        self.trained_means.add(losses, clips=len(clip_BTCHW))
        return as_share(losses["loss"])

    def validation_step(self, clip_BTCHW: Tensor, batch_index: int) -> None:
        """Loss on clips that are not fitted on."""
        loss = self._losses(clip_BTCHW)["loss"]
        self.validation_means.add({"loss": loss}, clips=len(clip_BTCHW))

    def _losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        return self.method.losses(self.method.clip.in_range(clip_BTCHW))

    def configure_optimizers(self) -> Any:
        """Adam, with a rate that falls over the epochs where that is asked for."""
        optimiser = adam(
            self.method.parameters(), rate=self.config.learning_rate, config=self.config, beta1=ADAM_BETA1
        )
        return {"optimizer": optimiser, "lr_scheduler": rate_decay(optimiser, config=self.config)}


def train_reconstruct(
    method: Method,
    footage: NormalFootage,
    config: TrainingConfig,
    *,
    run: RunFolder,
    seed: int,
    resume: bool,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> TrainingSummary:
    """Trains in place and leaves the weights that `config.keep` asks for in `method`.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    return run_session(
        Reconstruct(method, config, group=group),
        training_loader(footage.fitted, spec=method.clip, config=config, seed=seed, group=group),
        validation_loader(footage.held_out, spec=method.clip, config=config, group=group),
        config,
        run=run,
        resume=resume,
        callbacks=[WeightAveraging(avg_fn=moving_average(config.ema_decay))] if config.ema_decay else [],
        progress=progress,
        group=group,
    )
