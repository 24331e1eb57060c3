import errno
import os
from pathlib import Path

import pytest
import torch

from normalcy.errors import InputError
from normalcy.training.checkpoints import WholeCheckpointIO

CHECKPOINT = {"epoch": 3, "weights": torch.arange(4.0)}


def test_a_checkpoint_comes_back(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpointIO().save_checkpoint(CHECKPOINT, path)
    loaded = WholeCheckpointIO().load_checkpoint(path)
    assert loaded["epoch"] == 3
    assert torch.equal(loaded["weights"], CHECKPOINT["weights"])


def test_a_write_that_fails_keeps_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpointIO().save_checkpoint(CHECKPOINT, path)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        WholeCheckpointIO().save_checkpoint({"epoch": 4}, path)
    assert WholeCheckpointIO().load_checkpoint(path)["epoch"] == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text"]
)
def test_a_damaged_one_is_named(tmp_path, damage):
    path = tmp_path / "last.ckpt"
    WholeCheckpointIO().save_checkpoint(CHECKPOINT, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"last\.ckpt: is damaged, .* Delete it to begin again"):
        WholeCheckpointIO().load_checkpoint(path)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harm-was-done"),)


def test_a_pickle_in_it_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state": Harmful()}, "last.ckpt")
    with pytest.raises(InputError, match="is damaged"):
        WholeCheckpointIO().load_checkpoint("last.ckpt", weights_only=False)
    assert not Path("harm-was-done").exists()
