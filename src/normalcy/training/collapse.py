"""Watches the two players for the ways in which their game ends early.

A discriminator that is always right tells the generator nothing any more (Arjovsky and Bottou, 2017,
https://arxiv.org/abs/1701.04862), and neither does one that only guesses: its loss is then what the method says it is,
such as ln 2 of a cross-entropy. A generator that answers every clip alike has collapsed to a mode (Goodfellow, 2016,
https://arxiv.org/abs/1701.00160, section 5.1.1).
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

from normalcy.errors import CollapseWarning
from normalcy.training.lightning_import import Callback, LightningModule, Trainer

WON, GUESSES_WITHIN = 0.072, 0.029
"""As shares of the loss of a discriminator that guesses: below the one it has won, that near it still guesses."""


@dataclass(frozen=True)
class Symptom:
    """A logged mean that stays in a range where it should not be.

    Attributes:
        name: Unlike that of the others.
        metric: What is logged.
        low: Lower end of the range, -inf for none.
        high: Upper end.
        epochs: How many in a row make it a symptom.
        what: What it shows, and what lies in the range.
        hint: What follows from it, and what to do.
        grace_epochs: So many epochs at the start do not count, unless the mean has once been out of the range.
    """

    name: str
    metric: str
    low: float
    high: float
    epochs: int
    what: str
    hint: str
    grace_epochs: int = 0

    @property
    def range(self) -> str:
        """The range in words."""
        return (
            f"under {self.high:.2g}"
            if self.low == -math.inf
            else f"between {self.low:.3f} and {self.high:.3f}"
        )


def symptoms(guessing_loss: float) -> tuple[Symptom, ...]:
    """What to watch for, where a discriminator that guesses has this loss."""
    won, near = WON * guessing_loss, GUESSES_WITHIN * guessing_loss
    return (
        Symptom(
            "won",
            "train_discriminator_loss",
            -math.inf,
            won,
            3,
            "the discriminator won: its loss",
            "the generator learns little from it; lower training.discriminator_learning_rate",
        ),
        Symptom(
            "guesses",
            "train_discriminator_loss",
            guessing_loss - near,
            guessing_loss + near,
            5,
            "the discriminator only guesses: its loss",
            "what the generator learns from it teaches little; raise training.discriminator_learning_rate, "
            "or leave it out",
        ),
        Symptom(
            "mode collapse",
            "train_discriminator_diversity",
            -math.inf,
            0.1,
            3,
            "mode collapse: the spread of the generated clips over that of the real ones",
            "the generator answers different clips alike; lower training.learning_rate, or weigh reconstruction more",
            # A network that adds to a good guess starts with nothing to add: that is no collapse yet.
            grace_epochs=5,
        ),
    )


class CollapseWatch(Callback):
    """Warns once of each symptom that lasts, and remembers it over resumptions.

    Args:
        guessing_loss: What the discriminator's loss is where it calls everything as likely real as not.
    """

    def __init__(self, *, guessing_loss: float) -> None:
        self._symptoms = symptoms(guessing_loss)
        self._epochs = {symptom.name: 0 for symptom in self._symptoms}
        self._told: dict[str, str] = {}
        self._seen_well: set[str] = set()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of, in order."""
        return tuple(self._told.values())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the means of the epoch."""
        for symptom in self._symptoms:
            mean = trainer.callback_metrics.get(symptom.metric)
            is_within = mean is not None and symptom.low < float(mean) < symptom.high
            if mean is not None and not is_within:
                self._seen_well.add(symptom.name)
            counts = symptom.name in self._seen_well or trainer.current_epoch >= symptom.grace_epochs
            self._epochs[symptom.name] = self._epochs[symptom.name] + 1 if is_within and counts else 0
            if self._epochs[symptom.name] >= symptom.epochs and symptom.name not in self._told:
                self._warn(symptom, trainer.current_epoch + 1)

    def _warn(self, symptom: Symptom, epoch: int) -> None:
        since = epoch - symptom.epochs + 1
        message = f"{symptom.what} stayed {symptom.range} from epoch {since} to {epoch}. So {symptom.hint}"
        self._told[symptom.name] = message
        warnings.warn(message, CollapseWarning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "epochs": dict(self._epochs),
            "told": dict(self._told),
            "seen_well": sorted(self._seen_well),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._epochs |= state_dict["epochs"]
        self._told = dict(state_dict["told"])
        self._seen_well = set(state_dict.get("seen_well", ()))
