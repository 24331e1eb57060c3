"""Training by reconstruction: one network, one loss, one optimiser.

Letters: B clips, T frames, C channels, H height, W width.
"""

import json
import math
import signal
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from normalcy.errors import NonFiniteLoss
from normalcy.methods.base import Method
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder, write_json
from normalcy.training.checkpoints import WholeCheckpointIO
from normalcy.training.clips import ClipDataset, EpochSampler, clip_places
from normalcy.training.config import TrainingConfig
from normalcy.training.data import Footage, NormalFootage
from normalcy.training.lightning_import import (
    Callback,
    CSVLogger,
    EarlyStopping,
    EMAWeightAveraging,
    LightningModule,
    ModelCheckpoint,
    TensorBoardLogger,
    Timer,
    Trainer,
)
from normalcy.training.precision import lightning_precision


@dataclass(frozen=True)
class TrainingSummary:
    """What a training came to.

    Attributes:
        epochs: Epochs, those before a resumption counted.
        steps: Steps of the optimiser.
        clips: Clips seen.
        best_validation_loss: Of the weights that were kept.
        stopped_by: `epochs`, `early stopping` or `minutes`.
        precision: Number format, by Lightning's name.
        train_seconds: Time of training, the sessions before a resumption counted.
    """

    epochs: int
    steps: int
    clips: int
    best_validation_loss: float
    stopped_by: str
    precision: str
    train_seconds: float


class Reconstruct(LightningModule):
    """Trains `method.losses` with Adam."""

    def __init__(self, method: Method, config: TrainingConfig) -> None:
        super().__init__()
        self.method = method
        self.config = config

    def training_step(self, clip_BTCHW: Tensor, batch_index: int) -> Tensor:
        """One batch; a loss that is not finite stops the training before it reaches the weights."""
        losses = self._finite_losses(clip_BTCHW, f"batch {batch_index}")
        self.log_dict(
            {f"train_{name}": value.detach() for name, value in losses.items()}, on_step=False, on_epoch=True
        )
        return losses["loss"]

    def validation_step(self, clip_BTCHW: Tensor, batch_index: int) -> None:
        """Loss on clips that are not fitted on."""
        loss = self._finite_losses(clip_BTCHW, "validation")["loss"]
        self.log("validation_loss", loss, batch_size=len(clip_BTCHW))

    def _finite_losses(self, clip_BTCHW: Tensor, where: str) -> dict[str, Tensor]:
        losses = self.method.losses(_in_range(clip_BTCHW, self.method.clip))
        if not torch.isfinite(losses["loss"]):
            raise NonFiniteLoss(
                f"the loss became {losses['loss'].item()} in epoch {self.current_epoch}, {where}",
                hint="The last good checkpoint is kept. Begin again with --overwrite and a lower "
                "training.learning_rate, or with training.precision=float32",
            )
        return losses

    def configure_optimizers(self) -> Any:
        """Adam, with a cosine decay over the epochs where one is asked for."""
        optimiser = torch.optim.Adam(self.method.parameters(), lr=self.config.learning_rate)
        end, epochs = self.config.learning_rate_end, self.config.epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda epoch: end + (1 - end) * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2
        )
        return {"optimizer": optimiser, "lr_scheduler": schedule}


class ReportProgress(Callback):
    """Tells how many steps of all are done, and the latest validation loss."""

    def __init__(self, progress: Progress, *, total_steps: int) -> None:
        self.progress, self.total_steps = progress, total_steps

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """After each batch."""
        loss = trainer.callback_metrics.get("validation_loss")
        note = "" if loss is None else f", validation loss {float(loss):.4f}"
        done = trainer.current_epoch * int(trainer.num_training_batches) + trainer.fit_loop.batch_idx + 1
        self.progress(f"training, epoch {trainer.current_epoch + 1}{note}", done, self.total_steps)


def train_reconstruct(
    method: Method,
    footage: NormalFootage,
    config: TrainingConfig,
    *,
    run: RunFolder,
    seed: int,
    resume: bool,
    progress: Progress | None = None,
) -> TrainingSummary:
    """Trains in place and leaves the best weights, by validation loss, in `method`.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    finished = run.checkpoints / "finished.json"
    if resume and finished.is_file():
        _load_best(method, run.checkpoints / "best.ckpt")
        return TrainingSummary(**json.loads(finished.read_text(encoding="utf-8")))
    training = _training_loader(footage.fitted, method.clip, config, seed)
    validation = _validation_loader(footage.held_out, method.clip, config)
    if progress:
        progress("training", 0, config.epochs * len(training))
    best = ModelCheckpoint(
        run.checkpoints,
        filename="best",
        monitor="validation_loss",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    # Not `save_last`: that follows the best, and resuming would go back to it.
    newest = ModelCheckpoint(
        run.checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
    )
    # Its count of seconds goes on over resumptions.
    limit = timedelta(minutes=config.minutes) if config.minutes else None
    timer = Timer(limit, interval="epoch", verbose=False)
    trainer = _trainer(config, run, [best, newest, timer, *_callbacks(config, len(training), progress)])
    last = run.checkpoints / "last.ckpt"
    # Convolutions in bf16 are up to ten times slower with weights in the default layout.
    module = Reconstruct(method, config).to(memory_format=torch.channels_last)
    _fit(trainer, module, training, validation, checkpoint=last if resume and last.is_file() else None)
    _load_best(method, run.checkpoints / "best.ckpt")
    summary = TrainingSummary(
        epochs=trainer.current_epoch,
        steps=trainer.global_step,
        clips=trainer.current_epoch * len(training) * (config.batch_size // config.accumulate),
        best_validation_loss=float(best.best_model_score) if best.best_model_score is not None else math.nan,
        stopped_by=_stopped_by(trainer, config),
        precision=str(trainer.precision),
        train_seconds=timer.time_elapsed("train"),
    )
    write_json(finished, asdict(summary))
    return summary


def _trainer(config: TrainingConfig, run: RunFolder, callbacks: list[Callback]) -> Trainer:
    return Trainer(
        max_epochs=config.epochs,
        accelerator="auto",
        devices=1,
        precision=lightning_precision(config.precision),
        gradient_clip_val=config.gradient_clip,
        accumulate_grad_batches=config.accumulate,
        callbacks=callbacks,
        plugins=[WholeCheckpointIO()],
        # Each session logs into a version of its own: resuming would otherwise delete the earlier log.
        logger=[CSVLogger(run.logs / "csv", name=""), TensorBoardLogger(run.logs / "tensorboard", name="")],
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _callbacks(config: TrainingConfig, batches: int, progress: Progress | None) -> list[Callback]:
    callbacks: list[Callback] = [EarlyStopping("validation_loss", patience=config.patience_epochs)]
    if config.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=config.ema_decay))
    if progress:
        callbacks.append(ReportProgress(progress, total_steps=config.epochs * batches))
    return callbacks


def _fit(
    trainer: Trainer,
    module: Reconstruct,
    training: DataLoader[Tensor],
    validation: DataLoader[Tensor],
    *,
    checkpoint: Path | None,
) -> None:
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    with warnings.catch_warnings():
        # Notes between the libraries' own developers.
        warnings.filterwarnings("ignore", category=FutureWarning)
        # Two cores and memory-mapped uint8 clips: workers cost more than they bring.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*logging interval.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        try:
            trainer.fit(module, training, validation, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as error:
            # Lightning turns Ctrl-C into an exit of its own, and ignores the next; the caller decides what it means.
            signal.signal(signal.SIGINT, on_ctrl_c)
            raise KeyboardInterrupt from error
    if trainer.interrupted:
        raise KeyboardInterrupt


def _training_loader(
    footage: Sequence[Footage], spec: ClipSpec, config: TrainingConfig, seed: int
) -> DataLoader[Tensor]:
    places = clip_places(
        [len(span) for span in footage], clip_len_frames=spec.length_frames, strides=config.clip_strides
    )
    sampler = EpochSampler(len(places), clips_per_epoch=config.clips_per_epoch, seed=seed)
    dataset = ClipDataset([span.frames_TCHW for span in footage], places, spec=spec)
    return DataLoader(
        dataset,
        batch_size=min(config.batch_size // config.accumulate, len(sampler)),
        sampler=sampler,
        num_workers=config.workers,
        drop_last=True,
    )


def _validation_loader(
    footage: Sequence[Footage], spec: ClipSpec, config: TrainingConfig
) -> DataLoader[Tensor]:
    places = clip_places(
        [len(span) for span in footage],
        clip_len_frames=spec.length_frames,
        strides=(spec.stride_frames,),
        hop_frames=spec.length_frames,
    )
    dataset = ClipDataset([span.frames_TCHW for span in footage], places, spec=spec)
    return DataLoader(dataset, batch_size=config.batch_size // config.accumulate)


def _load_best(method: Method, path: Path) -> None:
    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    method.load_state_dict({name.removeprefix("method."): tensor for name, tensor in weights.items()})
    method.float().eval()


def _in_range(clip_BTCHW: Tensor, spec: ClipSpec) -> Tensor:
    low, high = spec.value_range
    return clip_BTCHW.float() / 255 * (high - low) + low


def _stopped_by(trainer: Trainer, config: TrainingConfig) -> str:
    if trainer.current_epoch >= config.epochs:
        return "epochs"
    stopping = trainer.early_stopping_callback
    return "early stopping" if stopping is not None and stopping.stopped_epoch else "minutes"
