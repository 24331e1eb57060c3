"""One session of training, of any kind: Lightning's loop, checkpoints, time, Ctrl-C, and what it came to."""

import math
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from torch import nn
from torch.utils.data import DataLoader

from normalcy.layers.shapes import use_channels_last
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.callbacks import KeepSnapshots, ReportProgress, Warns
from normalcy.training.checkpoints import WholeCheckpointIO, load_weights
from normalcy.training.config import TrainingConfig
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.sampling import OwnRows
from normalcy.training.distributed.spreading import SpreadBatches
from normalcy.training.distributed.strategy import AveragedGradients, SyncedNorms
from normalcy.training.lightning_import import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LightningModule,
    ModelCheckpoint,
    TensorBoardLogger,
    Timer,
    Trainer,
)
from normalcy.training.means import LogMeans
from normalcy.training.precision import lightning_precision
from normalcy.training.summary import TrainingSummary, read_summary, write_summary


def run_session(
    module: LightningModule,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    config: TrainingConfig,
    *,
    run: RunFolder,
    resume: bool,
    callbacks: Sequence[Callback] = (),
    progress: Progress | None = None,
    group: Group = ALONE,
) -> TrainingSummary:
    """Trains in place and leaves the weights that `config.keep` asks for in what is trained.

    Args:
        module: How a kind of training takes a step; holds what is trained as `method`, and adds what is logged to
            its `trained_means` and `validation_means`, of these `loss` for each batch.
        training: Batches to fit on; their sampler settles which an epoch holds. Of several processes, what is here.
        validation: Batches to validate on, likewise.
        config: How long, how often and with which precision.
        run: Where checkpoints and logs go.
        resume: Go on after the last full epoch of an earlier session.
        callbacks: What else the kind needs called back.
        progress: Told the steps.
        group: Of the processes that train together; the first alone reads and writes the run folder.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    trained = cast(nn.Module, module.method)
    if group.share(resume and run.finished.is_file()):
        return _finished(trained, config, run, group)
    group.align(module)
    # Its count of seconds goes on over resumptions.
    timer = Timer(_limit(config), interval="epoch", verbose=False)
    best, last = _checkpoints(run)
    others = _callbacks(config, callbacks, run, len(training), progress)
    means = [LogMeans(group), *_spread(training, validation, group)]
    trainer = _trainer(
        config,
        run,
        [*means, best, last, timer, *others],
        is_manual=not module.automatic_optimization,
        group=group,
    )
    use_channels_last(module)
    checkpoint = group.share(_last_epoch(run) if resume else None)
    _fit(trainer, module, training, validation, checkpoint=checkpoint)
    summary = TrainingSummary(
        epochs=trainer.current_epoch,
        steps=trainer.global_step // len(trainer.optimizers),
        clips=trainer.current_epoch * len(training) * (config.batch_size // config.accumulate),
        best_validation_loss=float(best.best_model_score) if best.best_model_score is not None else math.nan,
        stopped_by=_stopped_by(trainer, config),
        precision=str(trainer.precision),
        train_seconds=timer.time_elapsed("train"),
        kept=config.keep,
        warnings=tuple(each for one in callbacks if isinstance(one, Warns) for each in one.warnings),
        devices=group.place.local_size,
        nodes=group.place.nodes,
    )
    if group.is_first:
        write_summary(run.finished, summary)
    return _finished(trained, config, run, group)


def _finished(trained: nn.Module, config: TrainingConfig, run: RunFolder, group: Group) -> TrainingSummary:
    """What a training came to; all processes are left with the weights that it kept."""
    if group.is_first:
        load_weights(trained, run.checkpoints / f"{config.keep}.ckpt")
    group.align(trained)
    trained.eval()
    return group.share(read_summary(run.finished) if group.is_first else None)


def _spread(training: DataLoader[Any], validation: DataLoader[Any], group: Group) -> list[Callback]:
    if group.is_alone:
        return []
    fitted, held_out = training.sampler, validation.sampler
    assert isinstance(fitted, OwnRows)
    assert isinstance(held_out, OwnRows)
    return [SpreadBatches(fitted, held_out, group)]


def _last_epoch(run: RunFolder) -> Path | None:
    """Checkpoint of the last full epoch; None where there was none."""
    path = run.checkpoints / "last.ckpt"
    return path if path.is_file() else None


def _limit(config: TrainingConfig) -> timedelta | None:
    return timedelta(minutes=config.minutes) if config.minutes else None


def _checkpoints(run: RunFolder) -> tuple[ModelCheckpoint, ModelCheckpoint]:
    best = ModelCheckpoint(
        run.checkpoints,
        filename="best",
        monitor="validation_loss",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    # Not `save_last`: that follows the best, and resuming would go back to it.
    last = ModelCheckpoint(
        run.checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
    )
    return best, last


def _callbacks(
    config: TrainingConfig,
    of_kind: Sequence[Callback],
    run: RunFolder,
    batches: int,
    progress: Progress | None,
) -> list[Callback]:
    callbacks = list(of_kind)
    if config.snapshot_epochs:
        callbacks.append(KeepSnapshots(run, every_epochs=config.snapshot_epochs))
    if config.keep == "best":
        callbacks.insert(0, EarlyStopping("validation_loss", patience=config.patience_epochs))
    if progress:
        total_steps = config.epochs * batches
        progress("training", 0, total_steps)
        callbacks.append(ReportProgress(progress, total_steps=total_steps))
    return callbacks


def _trainer(
    config: TrainingConfig, run: RunFolder, callbacks: list[Callback], *, is_manual: bool, group: Group
) -> Trainer:
    return Trainer(
        max_epochs=config.epochs,
        accelerator="auto",
        devices=group.place.local_size,
        num_nodes=group.place.nodes,
        strategy="auto" if group.is_alone else AveragedGradients(group),
        # Which clips are whose is settled, and none is repeated to make the parts equal.
        use_distributed_sampler=False,
        precision=lightning_precision(config.precision),
        # A kind that steps by hand clips and accumulates by hand as well.
        gradient_clip_val=None if is_manual else config.gradient_clip,
        accumulate_grad_batches=1 if is_manual else config.accumulate,
        callbacks=callbacks,
        plugins=[WholeCheckpointIO(), *([] if group.is_alone else [SyncedNorms()])],
        logger=_loggers(run) if group.is_first else False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _loggers(run: RunFolder) -> list[CSVLogger | TensorBoardLogger]:
    # Each session logs into a version of its own: resuming would otherwise delete the earlier log.
    return [CSVLogger(run.logs / "csv", name=""), TensorBoardLogger(run.logs / "tensorboard", name="")]


def _fit(
    trainer: Trainer,
    module: LightningModule,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    *,
    checkpoint: Path | None,
) -> None:
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    with _without_notes():
        try:
            trainer.fit(module, training, validation, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as error:
            # Lightning turns Ctrl-C into an exit of its own, and ignores the next; the caller decides what it means.
            signal.signal(signal.SIGINT, on_ctrl_c)
            raise KeyboardInterrupt from error
    if trainer.interrupted:
        raise KeyboardInterrupt


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keeps Lightning's notes from the user."""
    with warnings.catch_warnings():
        # Notes between the libraries' own developers.
        warnings.filterwarnings("ignore", category=FutureWarning)
        # Two cores and memory-mapped uint8 clips: workers cost more than they bring.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*logging interval.*")
        # A frozen backbone stays in evaluation mode on purpose.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        # What is logged is put together already.
        warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
        yield


def _stopped_by(trainer: Trainer, config: TrainingConfig) -> str:
    if trainer.current_epoch >= config.epochs:
        return "epochs"
    stopping = trainer.early_stopping_callback
    return "early stopping" if stopping is not None and stopping.stopped_epoch else "minutes"
