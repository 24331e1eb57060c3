"""Checkpoints: written whole or not at all, and read back.

Lightning writes a checkpoint to the system's temporary folder and moves it from there. Where that is another disk, the
move is a copy: cut off by a full disk or a kill, it leaves half a file in the place of the last good checkpoint.
"""

import io
import os
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from normalcy.errors import InputError
from normalcy.run_folder import RunFolder, whole_file
from normalcy.training.lightning_import import TorchCheckpointIO

ONLY_WEIGHTS: Final = object()
"""Storage option: leaves out what only resuming needs, twice the size of the weights."""


def load_weights(method: nn.Module, path: Path) -> None:
    """Puts the weights of a checkpoint into what was trained, which then scores."""
    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    method.load_state_dict({name.removeprefix("method."): tensor for name, tensor in weights.items()})
    method.float().eval()


def snapshots(run: RunFolder) -> dict[int, Path]:
    """Weights that were kept aside, by how many epochs they had been trained for; see `training.snapshot_epochs`."""
    epochs = sorted(int(path.stem.rpartition("-")[2]) for path in run.snapshots.glob("epochs-*.ckpt"))
    return {each: run.snapshot(each) for each in epochs}


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames; reads weights only, and says so when a file is damaged."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Writes a checkpoint; an earlier one of that name stays until this one is on the disk."""
        if storage_options is ONLY_WEIGHTS:
            checkpoint = {"state_dict": checkpoint["state_dict"]}
        # By way of memory: torch reports a full disk as a RuntimeError without a reason.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads a checkpoint.

        Raises:
            InputError: It is damaged.
        """
        try:
            checkpoint: dict[str, Any] = torch.load(
                path, map_location=map_location or "cpu", weights_only=True
            )
        except OSError:
            raise
        except Exception as error:  # damaged bytes lead anywhere
            raise InputError(
                "is damaged, so there is nothing to resume from",
                where=path,
                hint="Delete it to begin again in the same folder",
            ) from error
        return checkpoint
