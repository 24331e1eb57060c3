import csv
import math

import pytest
import torch

from normalcy.errors import NonFiniteLoss
from normalcy.run_folder import RunFolder
from normalcy.training.config import TrainingConfig
from normalcy.training.reconstruct import train_reconstruct

CONFIG = TrainingConfig(
    epochs=4, clips_per_epoch=24, precision="float32", learning_rate=3e-3, learning_rate_end=0.1
)


def logged(run: RunFolder, column: str) -> dict[int, float]:
    """Values by epoch over all sessions of a run."""
    rows = [
        row
        for path in sorted(run.logs.glob("csv/*/metrics.csv"))
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    return {int(row["epoch"]): float(row[column]) for row in rows if row[column]}


class Stop:
    """A progress callback that presses Ctrl-C after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, what: str, done: int, total: int) -> None:
        if done >= self.after:
            raise KeyboardInterrupt


def train(stae, footage, folder, config=CONFIG, **options):
    return train_reconstruct(
        stae, footage, config, run=RunFolder(folder), seed=0, **{"resume": False, **options}
    )


def test_training_lowers_the_loss_and_leaves_the_best_weights(tiny_stae, footage, tmp_path):
    stae = tiny_stae()
    summary = train(stae, footage, tmp_path)
    losses = logged(RunFolder(tmp_path), "validation_loss")
    assert losses[3] < losses[0]
    assert summary.best_validation_loss == pytest.approx(min(losses.values()), rel=1e-4)
    assert (summary.epochs, summary.steps, summary.clips, summary.stopped_by) == (4, 12, 96, "epochs")
    assert not stae.training


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_resuming_after_ctrl_c_repeats_the_uninterrupted_run(tiny_stae, footage, tmp_path, ema_decay):
    config = CONFIG.model_copy(update={"ema_decay": ema_decay})
    whole, parts = tiny_stae(), tiny_stae()
    train(whole, footage, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_stae(), footage, tmp_path / "parts", config, progress=Stop(8))
    summary = train(parts, footage, tmp_path / "parts", config, resume=True)
    for column in ("train_loss", "validation_loss"):
        expected = logged(RunFolder(tmp_path / "whole"), column)
        found = logged(RunFolder(tmp_path / "parts"), column)
        assert sorted(found) == sorted(expected) == [0, 1, 2, 3]
        assert found == pytest.approx(expected, rel=1e-6)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, atol=1e-6, rtol=1e-5)
    assert summary.epochs == 4


def test_a_nan_stops_with_an_error_and_keeps_the_last_good_checkpoint(tiny_stae, footage, tmp_path):
    stae = tiny_stae()

    def poison(what: str, done: int, total: int) -> None:
        if done == 5:
            with torch.no_grad():
                stae.decoder.second.deconv.bias.fill_(math.nan)

    with pytest.raises(NonFiniteLoss, match="epoch 1, batch 2"):
        train(stae, footage, tmp_path, progress=poison)
    kept = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["epoch"] == 0
    assert all(torch.isfinite(tensor).all() for tensor in kept["state_dict"].values())
    assert train(tiny_stae(), footage, tmp_path, resume=True).epochs == 4


def test_early_stopping_and_the_limit_of_time_are_named(tiny_stae, footage, tmp_path):
    still = CONFIG.model_copy(update={"learning_rate": 1e-12, "patience_epochs": 1, "epochs": 9})
    summary = train(tiny_stae(), footage, tmp_path / "early", still)
    assert summary.stopped_by == "early stopping"
    assert summary.epochs < 9
    short = CONFIG.model_copy(update={"minutes": 0.5 / 60, "epochs": 5000, "patience_epochs": 5000})
    summary = train(tiny_stae(), footage, tmp_path / "short", short)
    assert summary.stopped_by == "minutes"
    assert 1 <= summary.epochs < 5000


def test_accumulation_changes_memory_not_the_result(tiny_stae, footage, tmp_path):
    whole, parts = tiny_stae(), tiny_stae()
    train(whole, footage, tmp_path / "whole")
    train(parts, footage, tmp_path / "parts", CONFIG.model_copy(update={"accumulate": 4}))
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, atol=1e-4, rtol=1e-3)
