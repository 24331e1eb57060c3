"""What every kind of training shares."""

import copy

import pytest
import torch

from fake_gan import tiny_gan
from normalcy.run_folder import RunFolder
from normalcy.training.adversarial import train_adversarial
from normalcy.training.checkpoints import load_weights, snapshots
from normalcy.training.config import TrainingConfig
from normalcy.training.history import read_history
from normalcy.training.reconstruct import train_reconstruct

CONFIG = TrainingConfig(
    epochs=5, clips_per_epoch=8, precision="float32", learning_rate=3e-3, patience_epochs=1
)
ERRORS = {"loss": (3.0, 1.0, 2.0, 4.0, 5.0)}


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_snapshots_are_what_would_have_been_kept_then(tiny_stae, footage, tmp_path, ema_decay):
    method, run = tiny_stae(), RunFolder(tmp_path)
    settings = {"epochs": 4, "snapshot_epochs": 2, "keep": "last", "ema_decay": ema_decay}
    config = CONFIG.model_copy(update=settings)
    train_reconstruct(method, footage, config, run=run, seed=0, resume=False)
    assert list(snapshots(run)) == [2, 4]
    early, late = tiny_stae(), tiny_stae()
    load_weights(early, snapshots(run)[2])
    load_weights(late, snapshots(run)[4])
    assert not any(map(torch.equal, early.parameters(), late.parameters()))
    assert all(map(torch.equal, late.parameters(), method.parameters()))
    assert snapshots(run)[4].stat().st_size < 0.6 * (run.checkpoints / "last.ckpt").stat().st_size


@pytest.fixture(params=["reconstruct", "adversarial"])
def judged(request, tiny_stae, monkeypatch):
    """A method whose validation errors by epoch are made up, how it is trained, and what it was in each epoch."""
    is_gan = request.param == "adversarial"
    method = tiny_gan() if is_gan else tiny_stae()
    name = "validation_losses" if is_gan else "losses"
    own, states = getattr(method, name), []

    def losses(clip):
        if method.training:
            return own(clip)
        states.append(copy.deepcopy(method.state_dict()))
        return {"loss": torch.tensor(ERRORS["loss"][len(states) - 1])}

    monkeypatch.setattr(method, name, losses)
    return method, train_adversarial if is_gan else train_reconstruct, states


@pytest.mark.parametrize(("keep", "epoch"), [("best", 1), ("last", 4)])
def test_the_best_epoch_is_kept_or_the_end_of_the_budget(judged, footage, tmp_path, keep, epoch):
    method, train, states = judged
    config, run = CONFIG.model_copy(update={"keep": keep}), RunFolder(tmp_path)
    summary = train(method, footage, config, run=run, seed=0, resume=False)
    stopped = "early stopping" if keep == "best" else "epochs"
    assert (summary.kept, summary.stopped_by, summary.best_validation_loss) == (keep, stopped, 1.0)
    assert len(read_history(run)["validation_loss"]) == (3 if keep == "best" else 5)
    assert all(torch.equal(method.state_dict()[name], value) for name, value in states[epoch].items())
    assert not all(torch.equal(states[1][name], value) for name, value in states[-1].items())
    assert sorted(path.name for path in run.checkpoints.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]
    for tensor in method.parameters():
        tensor.data.zero_()
    assert train(method, footage, config, run=run, seed=0, resume=True) == summary
    assert all(torch.equal(method.state_dict()[name], value) for name, value in states[epoch].items())
