"""Watches the two players for the ways in which their game ends early.

A discriminator that is always right tells the generator nothing any more (Arjovsky and Bottou, 2017,
https://arxiv.org/abs/1701.04862). A generator that answers every clip alike has collapsed to a mode (Goodfellow,
2016, https://arxiv.org/abs/1701.00160, section 5.1.1).
"""

import warnings
from dataclasses import dataclass
from typing import Any

from normalcy.errors import CollapseWarning
from normalcy.training.lightning_import import Callback, LightningModule, Trainer

PATIENCE_EPOCHS = 3


@dataclass(frozen=True)
class Symptom:
    """A logged mean of an epoch that is too low when it stays under a floor."""

    metric: str
    floor: float
    what: str
    hint: str


SYMPTOMS = (
    Symptom(
        "train_discriminator_loss",
        0.05,
        "the discriminator won: its loss",
        "the generator learns little from it; lower training.discriminator_learning_rate",
    ),
    Symptom(
        "train_discriminator_diversity",
        0.1,
        "mode collapse: the spread of the generated clips over that of the real ones",
        "the generator answers different clips alike; lower training.learning_rate, or weigh reconstruction more",
    ),
)


class CollapseWatch(Callback):
    """Warns once of each symptom that lasts, and remembers it over resumptions."""

    def __init__(self) -> None:
        self._epochs_under = {symptom.metric: 0 for symptom in SYMPTOMS}
        self._told: dict[str, str] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of, in order."""
        return tuple(self._told.values())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the means of the epoch."""
        for symptom in SYMPTOMS:
            mean = trainer.callback_metrics.get(symptom.metric)
            is_under = mean is not None and float(mean) < symptom.floor
            epochs = self._epochs_under[symptom.metric] + 1 if is_under else 0
            self._epochs_under[symptom.metric] = epochs
            if epochs >= PATIENCE_EPOCHS and symptom.metric not in self._told:
                self._warn(symptom, trainer.current_epoch)

    def _warn(self, symptom: Symptom, epoch: int) -> None:
        since = epoch - PATIENCE_EPOCHS + 1
        message = (
            f"{symptom.what} stayed under {symptom.floor} from epoch {since} to {epoch}. So {symptom.hint}"
        )
        self._told[symptom.metric] = message
        warnings.warn(message, CollapseWarning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"epochs_under": dict(self._epochs_under), "told": dict(self._told)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._epochs_under |= state_dict["epochs_under"]
        self._told = dict(state_dict["told"])
