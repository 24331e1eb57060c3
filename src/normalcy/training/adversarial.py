"""Training by two players: a generator and a discriminator, each with its own loss and optimiser.

Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, https://arxiv.org/abs/1406.2661; Adam with the momentum
of Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", ICLR
2016, https://arxiv.org/abs/1511.06434.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from normalcy.layers.spread_batch import as_share
from normalcy.methods.base import Adversarial, AdversarialLosses, Method
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.callbacks import GeneratorAveraging, moving_average
from normalcy.training.collapse import CollapseWatch
from normalcy.training.config import TrainingConfig
from normalcy.training.data import NormalFootage
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.strategy import average_gradients
from normalcy.training.lightning_import import Callback, LightningModule
from normalcy.training.loaders import training_loader, validation_loader
from normalcy.training.means import ClipMeans
from normalcy.training.optimising import adam, rate_decay, require_finite, seed_batch
from normalcy.training.session import run_session
from normalcy.training.summary import TrainingSummary

ADAM_BETA1 = 0.5


def take_gradients(
    losses: AdversarialLosses,
    players: Adversarial,
    *,
    parts: int = 1,
    backward: Callable[..., None] = Tensor.backward,
) -> None:
    """Adds each loss's gradient to its own player's weights, and to no other's.

    Both losses may come from one graph: what would be a detached fake and a frozen discriminator in two passes is here
    the choice of weights that each gradient is taken by. Both are taken at the same weights, before either steps. A
    discriminator without a loss is not trained.

    Args:
        losses: Of one batch, or of one of `parts` equal parts of it.
        players: Whose weights they are taken by.
        parts: What the losses are divided by.
        backward: Takes a loss and what `torch.Tensor.backward` takes.
    """
    if losses.discriminator:
        told_apart = as_share(losses.discriminator["loss"]) / parts
        backward(told_apart, inputs=_weights(players.discriminator), retain_graph=True)
    backward(as_share(losses.generator["loss"]) / parts, inputs=_weights(players.generator))


def _weights(player: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in player.parameters() if weight.requires_grad]


class AdversarialTraining(LightningModule):
    """Trains `method.adversarial_losses` with an Adam for each player."""

    def __init__(self, method: Method, config: TrainingConfig, *, seed: int, group: Group = ALONE) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.method = method
        self.config, self.seed, self.group = config, seed, group
        self.trained_means, self.validation_means = ClipMeans(), ClipMeans()
        trained = {*self.players.generator.parameters(), *self.players.discriminator.parameters()}
        assert trained == set(method.parameters()), "every weight belongs to a player"

    @property
    def players(self) -> Adversarial:
        """The method, as its two players."""
        return cast(Adversarial, self.method)

    def training_step(self, clip_BTCHW: Tensor, batch_index: int) -> None:
        """One batch, or a part of one; a loss that is not finite stops before it reaches the weights."""
        seed_batch(self.seed, epoch=self.current_epoch, batch=batch_index)
        losses = self.players.adversarial_losses(self.method.clip.in_range(clip_BTCHW))
        self.group.fail_together(lambda: self._require_finite(losses, f"batch {batch_index}"))
        take_gradients(losses, self.players, parts=self.config.accumulate, backward=self.manual_backward)
        if (batch_index + 1) % self.config.accumulate == 0 or self.trainer.is_last_batch:
            self._step()
        terms = {f"discriminator_{name}": value for name, value in losses.discriminator.items()}
        self.trained_means.add(losses.generator | terms, clips=len(clip_BTCHW))

    def _require_finite(self, losses: AdversarialLosses, where: str) -> None:
        for player in filter(None, losses):
            require_finite(player["loss"], epoch=self.current_epoch, where=where)

    def _step(self) -> None:
        for optimiser in cast(list[torch.optim.Optimizer], self.optimizers()):
            average_gradients(optimiser, self.group)
            self.clip_gradients(
                optimiser, gradient_clip_val=self.config.gradient_clip, gradient_clip_algorithm="norm"
            )
            optimiser.step()
            optimiser.zero_grad()

    def on_train_epoch_end(self) -> None:
        """Takes both learning rates down."""
        for schedule in cast(list[LambdaLR], self.lr_schedulers()):
            schedule.step()

    def validation_step(self, clip_BTCHW: Tensor, batch_index: int) -> None:
        """Errors on clips that are not fitted on."""
        losses = self.players.validation_losses(self.method.clip.in_range(clip_BTCHW))
        self.validation_means.add(losses, clips=len(clip_BTCHW))

    def configure_optimizers(self) -> Any:
        """The generator's Adam and the discriminator's, with the same decay."""
        rates = {
            self.players.generator: self.config.learning_rate,
            self.players.discriminator: self.config.discriminator_learning_rate or self.config.learning_rate,
        }
        optimisers = [
            adam(_weights(player), rate=rate, config=self.config, beta1=ADAM_BETA1)
            for player, rate in rates.items()
        ]
        return optimisers, [rate_decay(optimiser, config=self.config) for optimiser in optimisers]


def train_adversarial(
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
    """Trains both players in place and leaves the weights that `config.keep` asks for in `method`.

    Raises:
        NonFiniteLoss: A loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    module = AdversarialTraining(method, config, seed=seed, group=group)
    callbacks: list[Callback] = [CollapseWatch(guessing_loss=module.players.guessing_loss)]
    if config.ema_decay:
        callbacks.append(GeneratorAveraging(avg_fn=moving_average(config.ema_decay)))
    return run_session(
        module,
        training_loader(footage.fitted, spec=method.clip, config=config, seed=seed, group=group),
        validation_loader(footage.held_out, spec=method.clip, config=config, group=group),
        config,
        run=run,
        resume=resume,
        callbacks=callbacks,
        progress=progress,
        group=group,
    )
