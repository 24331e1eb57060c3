"""What a training came to, and the file that says that it is over."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from normalcy.run_folder import write_json
from normalcy.training.config import Keep


@dataclass(frozen=True)
class TrainingSummary:
    """What a training came to.

    Attributes:
        epochs: Epochs, those before a resumption counted.
        steps: Steps of each optimiser.
        clips: Clips seen.
        best_validation_loss: The lowest of all epochs.
        stopped_by: `epochs`, `early stopping` or `minutes`.
        precision: Number format, by Lightning's name.
        train_seconds: Time of training, the sessions before a resumption counted.
        kept: Whose weights were kept, the best or the last epoch's.
        warnings: What the user should know of how it went.
        devices: On how many devices of each machine it was trained, in its last session.
        nodes: On how many machines.
    """

    epochs: int
    steps: int
    clips: int
    best_validation_loss: float
    stopped_by: str
    precision: str
    train_seconds: float
    kept: Keep = "best"
    warnings: tuple[str, ...] = ()
    devices: int = 1
    nodes: int = 1

    def record(self) -> dict[str, Any]:
        """The same as plain data, equal to itself after a way through JSON or YAML."""
        return asdict(self) | {"warnings": list(self.warnings)}


def write_summary(path: Path, summary: TrainingSummary) -> None:
    """Writes a summary as JSON, whole or not at all."""
    write_json(path, summary.record())


def read_summary(path: Path) -> TrainingSummary:
    """Reads what `write_summary` wrote."""
    record = json.loads(path.read_text(encoding="utf-8"))
    return TrainingSummary(**record | {"warnings": tuple(record.get("warnings", ()))})
