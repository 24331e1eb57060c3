import math
import warnings
from types import SimpleNamespace

import pytest
import torch

from normalcy.errors import CollapseWarning
from normalcy.training.callbacks import Warns
from normalcy.training.collapse import CollapseWatch

GUESSING = math.log(2)
LOSS, DIVERSITY = "train_discriminator_loss", "train_discriminator_diversity"


def watch_of(guessing_loss: float = GUESSING) -> CollapseWatch:
    return CollapseWatch(guessing_loss=guessing_loss)


def watched(watch: CollapseWatch, *means: dict[str, float], first_epoch: int = 0) -> list[str]:
    """What is told of epochs with these means."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for epoch, mean in enumerate(means, first_epoch):
            metrics = {name: torch.tensor(value) for name, value in mean.items()}
            watch.on_train_epoch_end(SimpleNamespace(callback_metrics=metrics, current_epoch=epoch), None)
    assert all(one.category is CollapseWarning for one in caught)
    return [str(one.message) for one in caught]


def test_a_loss_under_the_floor_for_three_epochs_running_is_told():
    assert watched(watch_of(), *[{LOSS: 0.04}] * 2) == []
    assert watched(watch_of(), *[{LOSS: 0.04}, {LOSS: 0.04}, {LOSS: 0.06}] * 2) == []
    (message,) = watched(watch_of(), {LOSS: 0.9}, *[{LOSS: 0.04}] * 9)
    assert message.startswith("the discriminator won: its loss stayed under 0.05 from epoch 2 to 4. So ")


def test_fakes_that_are_all_alike_are_told():
    well, alike = {LOSS: 1.3, DIVERSITY: 0.2}, {LOSS: 1.3, DIVERSITY: 0.09}
    (message,) = watched(watch_of(), well, *[alike] * 3)
    assert "from epoch 2 to 4" in message
    assert message.startswith("mode collapse: the spread of the generated clips over that of the real ones ")
    assert watched(watch_of(), *[{LOSS: 1.3, DIVERSITY: 0.11}] * 9) == []


def test_fakes_that_are_alike_from_the_start_have_five_epochs_of_grace():
    well, alike = {LOSS: 1.3, DIVERSITY: 0.2}, {LOSS: 1.3, DIVERSITY: 0.09}
    assert watched(watch_of(), *[alike] * 7, well) == []
    (message,) = watched(watch_of(), *[alike] * 8)
    assert "from epoch 6 to 8" in message


def test_the_grace_does_not_begin_again_with_a_checkpoint():
    well, alike = {LOSS: 1.3, DIVERSITY: 0.2}, {LOSS: 1.3, DIVERSITY: 0.09}
    first, second = watch_of(), watch_of()
    watched(first, well, alike)
    second.load_state_dict(first.state_dict())
    (message,) = watched(second, alike, alike, first_epoch=2)
    assert "from epoch 2 to 4" in message


@pytest.mark.parametrize("loss", [0.674, 0.693, 0.712])
def test_a_loss_near_that_of_guessing_for_five_epochs_running_is_told(loss):
    assert watched(watch_of(), *[*[{LOSS: loss}] * 4, {LOSS: 0.66}] * 2) == []
    (message,) = watched(watch_of(), *[{LOSS: loss}] * 9)
    assert message == (
        "the discriminator only guesses: its loss stayed between 0.673 and 0.713 from epoch 1 to 5. So what the "
        "generator learns from it teaches little; raise training.discriminator_learning_rate, or leave it out"
    )


@pytest.mark.parametrize("loss", [0.67, 0.716])
def test_a_loss_off_that_of_guessing_is_none(loss):
    assert watched(watch_of(), *[{LOSS: loss}] * 9) == []


def test_a_game_of_least_squares_has_a_scale_of_its_own():
    (message,) = watched(watch_of(0.25), *[{LOSS: 0.251}] * 5)
    assert "only guesses: its loss stayed between 0.243 and 0.257 from epoch 1 to 5" in message
    assert watched(watch_of(0.25), *[{LOSS: 0.04}] * 9) == []
    (message,) = watched(watch_of(0.25), *[{LOSS: 0.017}] * 3)
    assert "won: its loss stayed under 0.018 from epoch 1 to 3" in message


def test_two_symptoms_of_one_metric_are_both_told():
    watch = watch_of()
    guesses, won = watched(watch, *[{LOSS: 0.69}] * 5, *[{LOSS: 0.01}] * 3)
    assert "only guesses" in guesses
    assert won.startswith("the discriminator won: its loss stayed under 0.05 from epoch 6 to 8.")
    assert isinstance(watch, Warns)
    assert watch.warnings == (guesses, won)


@pytest.mark.parametrize("means", [{}, {LOSS: float("nan")}])
def test_what_is_not_measured_is_no_collapse(means):
    assert watched(watch_of(), *[means] * 9) == []


def test_it_goes_on_from_a_checkpoint():
    first, second, third = watch_of(), watch_of(), watch_of()
    watched(first, *[{LOSS: 0.04}] * 2)
    second.load_state_dict(first.state_dict())
    (message,) = watched(second, {LOSS: 0.04}, first_epoch=2)
    assert "from epoch 1 to 3" in message
    third.load_state_dict(second.state_dict())
    assert watched(third, *[{LOSS: 0.04}] * 5, first_epoch=3) == []
    assert third.warnings == (message,)
