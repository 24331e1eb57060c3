"""Training by two players, on a method of a few weights.

Letters: B clips, T frames, C channels, H height, W width.
"""

import copy
import math

import pytest
import torch

from fake_gan import tiny_gan
from normalcy.errors import CollapseWarning, NonFiniteLoss
from normalcy.methods.base import AdversarialLosses
from normalcy.run_folder import RunFolder
from normalcy.training import adversarial
from normalcy.training.adversarial import take_gradients, train_adversarial
from normalcy.training.config import TrainingConfig
from normalcy.training.history import read_history
from normalcy.training.loaders import training_loader
from normalcy.training.optimising import seed_batch

CONFIG = TrainingConfig(
    epochs=4,
    clips_per_epoch=16,
    batch_size=4,
    precision="float32",
    learning_rate=5e-3,
    discriminator_learning_rate=2e-3,
    learning_rate_end=0.1,
)


def train(gan, footage, folder, config=CONFIG, **options):
    return train_adversarial(
        gan, footage, config, run=RunFolder(folder), seed=0, **{"resume": False, **options}
    )


def changed(**settings) -> TrainingConfig:
    return CONFIG.model_copy(update=settings)


def clip_of(gan, *, batch=3):
    shape = (batch, gan.clip.length_frames, 1, *gan.clip.size_px)
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def gradients(module):
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


def separate_gradients(gan, clip_BTCHW):
    """By the textbook: each player by a pass of its own, against a detached fake or a frozen discriminator."""
    fake_BTCHW = gan.generator(gan.noisy(clip_BTCHW))
    gan.discriminator_losses(clip_BTCHW, fake_BTCHW.detach())["loss"].backward()
    gan.discriminator.requires_grad_(False)
    gan.generator_losses(clip_BTCHW, fake_BTCHW)["loss"].backward()
    gan.discriminator.requires_grad_(True)
    return gradients(gan)


class Stop:
    """A progress callback that presses Ctrl-C after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, what: str, done: int, total: int) -> None:
        if done >= self.after:
            raise KeyboardInterrupt


def test_one_graph_gives_each_player_the_gradients_of_two_passes():
    together, apart = tiny_gan(), tiny_gan()
    clip = clip_of(together)
    torch.manual_seed(3)
    expected = separate_gradients(apart, clip)
    torch.manual_seed(3)
    take_gradients(together.adversarial_losses(clip), together)
    found = gradients(together)
    assert set(found) == {name for name, _ in together.named_parameters()}
    assert all(gradient.abs().max() > 0 for gradient in found.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-5)


def test_what_the_generator_asks_of_features_leaves_no_trace_in_the_discriminator():
    gan = tiny_gan()
    losses = gan.adversarial_losses(clip_of(gan))
    latent = losses.generator["latent"]
    reaches = torch.autograd.grad(latent, list(gan.discriminator.conv.parameters()), retain_graph=True)
    assert all(gradient.abs().max() > 0 for gradient in reaches)
    still = {"loss": 0 * losses.discriminator["loss"]}
    take_gradients(AdversarialLosses({"loss": latent}, still), gan)
    assert all(not gradient.any() for gradient in gradients(gan.discriminator).values())
    assert gan.generator.second.weight.grad.abs().max() > 0


def test_a_discriminator_without_a_loss_is_not_trained():
    gan = tiny_gan()
    losses = gan.adversarial_losses(clip_of(gan))
    take_gradients(AdversarialLosses(losses.generator, {}), gan)
    assert gradients(gan.generator)
    assert all(weight.grad is None for weight in gan.discriminator.parameters())


def test_parts_of_a_batch_add_up_to_its_mean():
    gan = tiny_gan(noise=0).eval()
    clip = clip_of(gan, batch=4)
    take_gradients(gan.adversarial_losses(clip), gan)
    whole = gradients(gan)
    gan.zero_grad()
    for part in clip.split(2):
        take_gradients(gan.adversarial_losses(part), gan, parts=2)
    for name, gradient in gradients(gan).items():
        torch.testing.assert_close(gradient, whole[name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_epoch_is_the_textbook_by_hand(footage, tmp_path, accumulate):
    config = changed(epochs=2, accumulate=accumulate, gradient_clip=0.05)
    trained, by_hand = tiny_gan(), tiny_gan()
    summary = train(trained, footage, tmp_path, config.model_copy(update={"keep": "last"}))
    assert (summary.epochs, summary.steps, summary.clips) == (2, 8, 32)
    adams = [
        torch.optim.Adam(by_hand.generator.parameters(), betas=(0.5, 0.999)),
        torch.optim.Adam(by_hand.discriminator.parameters(), betas=(0.5, 0.999)),
    ]
    loader = training_loader(footage.fitted, spec=by_hand.clip, config=config, seed=0)
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        decay = 0.1 + 0.9 * (1 + math.cos(math.pi * epoch / 2)) / 2
        for batch, clip in enumerate(loader):
            seed_batch(0, epoch=epoch, batch=batch)
            separate_gradients(by_hand, by_hand.clip.in_range(clip))
            if (batch + 1) % accumulate:
                continue
            for adam, rate in zip(adams, (5e-3, 2e-3), strict=True):
                weights = adam.param_groups[0]["params"]
                for weight in weights:
                    weight.grad /= accumulate
                torch.nn.utils.clip_grad_norm_(weights, 0.05)
                adam.param_groups[0]["lr"] = rate * decay
                adam.step()
            by_hand.zero_grad()
    for name, weight in by_hand.named_parameters():
        torch.testing.assert_close(trained.get_parameter(name), weight, atol=1e-5, rtol=1e-4)


def test_a_rest_of_an_epoch_is_a_step_too(footage, tmp_path):
    config = changed(epochs=1, clips_per_epoch=12, batch_size=8, accumulate=2)
    assert train(tiny_gan(), footage, tmp_path, config).steps == 2


def test_training_lowers_the_error_and_logs_both_players(footage, tmp_path):
    gan = tiny_gan()
    summary = train(gan, footage, tmp_path)
    history = read_history(RunFolder(tmp_path))
    assert set(history) == {
        *(f"train_{term}" for term in ("loss", "adversarial", "reconstruction", "latent")),
        "train_discriminator_loss",
        *("validation_loss", "validation_squared"),
    }
    assert all([epoch for epoch, _ in values] == [0, 1, 2, 3] for values in history.values())
    validation = dict(history["validation_loss"])
    assert validation[3] < validation[0]
    assert summary.best_validation_loss == pytest.approx(min(validation.values()), rel=1e-5)
    assert (summary.steps, summary.stopped_by, summary.kept, summary.warnings) == (16, "epochs", "best", ())
    assert not gan.training


def test_bf16_trains_in_full_weights(footage, tmp_path):
    gan = tiny_gan()
    summary = train(gan, footage, tmp_path, changed(precision="bf16", epochs=2, ema_decay=0.5))
    assert summary.precision == "bf16-mixed"
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in gan.parameters())
    validation = read_history(RunFolder(tmp_path))["validation_loss"]
    assert validation[1][1] < validation[0][1]


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_resuming_after_ctrl_c_repeats_the_uninterrupted_run(footage, tmp_path, ema_decay):
    config = changed(ema_decay=ema_decay)
    whole, parts = tiny_gan(), tiny_gan()
    train(whole, footage, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_gan(), footage, tmp_path / "parts", config, progress=Stop(10))
    torch.manual_seed(99)
    summary = train(parts, footage, tmp_path / "parts", config, resume=True)
    expected, found = (read_history(RunFolder(tmp_path / name)) for name in ("whole", "parts"))
    assert found == expected
    assert all(torch.equal(parts.state_dict()[name], value) for name, value in whole.state_dict().items())
    assert (summary.epochs, summary.steps) == (4, 16)


def test_the_noise_of_a_batch_depends_on_its_place_alone(footage, tmp_path, monkeypatch):
    """However much validation and others draw in between."""
    plain, greedy = tiny_gan(), tiny_gan()
    train(plain, footage, tmp_path / "plain")
    quiet = greedy.validation_losses
    monkeypatch.setattr(greedy, "validation_losses", lambda clip: (torch.rand(7), quiet(clip))[1])
    train(greedy, footage, tmp_path / "greedy")
    assert read_history(RunFolder(tmp_path / "plain")) == read_history(RunFolder(tmp_path / "greedy"))
    places = ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0))
    drawn = []
    for seed, epoch, batch in places:
        seed_batch(seed, epoch=epoch, batch=batch)
        drawn.append(torch.randn(1).item())
    assert drawn[0] == drawn[4]
    assert len(set(drawn)) == 4


def test_averaging_is_of_the_generator_once_a_batch(footage, tmp_path, monkeypatch):
    """The bundle's generator is the mean of what it was after each step; all else is as the last step left it.

    The mean warms up: it keeps 2/11 at the first update, 3/12 at the second, and 0.3 from then on.
    """
    after_steps = []
    step = adversarial.AdversarialTraining._step

    def stepped(self):
        step(self)
        after_steps.append(copy.deepcopy(self.method))

    monkeypatch.setattr(adversarial.AdversarialTraining, "_step", stepped)
    gan = tiny_gan()
    train(gan, footage, tmp_path, changed(epochs=2, ema_decay=0.3, accumulate=2, keep="last"))
    assert len(after_steps) == 8
    averaged, last = after_steps[0].generator.state_dict(), after_steps[-1]
    for kept, each in zip([2 / 11, 3 / 12, *[0.3] * 5], after_steps[1:], strict=True):
        averaged = {
            name: kept * averaged[name] + (1 - kept) * now
            for name, now in each.generator.state_dict().items()
        }
    found = gan.generator.state_dict()
    assert found["norm.num_batches_tracked"] == last.generator.norm.num_batches_tracked == 16
    for name in found.keys() - {"norm.num_batches_tracked"}:
        torch.testing.assert_close(found[name], averaged[name], atol=1e-6, rtol=1e-5)
    assert (found["norm.running_var"] > 0).all()
    assert not torch.allclose(found["first.weight"], last.generator.first.weight, atol=1e-5)
    for name, tensor in last.discriminator.state_dict().items():
        assert torch.equal(gan.discriminator.state_dict()[name], tensor), name
    assert gan.visible_T.tolist() == [0, 3]


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_nan_of_either_player_stops_before_it_reaches_the_weights(footage, tmp_path, monkeypatch, player):
    gan = tiny_gan()
    healthy, calls = gan.adversarial_losses, []

    def poisoned(clip):
        calls.append(clip)
        losses = healthy(clip)
        bad = getattr(losses, player) | {"loss": torch.tensor(math.nan, requires_grad=True)}
        return losses._replace(**{player: bad}) if len(calls) == 6 else losses

    monkeypatch.setattr(gan, "adversarial_losses", poisoned)
    with pytest.raises(NonFiniteLoss, match="epoch 1, batch 1"):
        train(gan, footage, tmp_path)
    assert all(weight.isfinite().all() for weight in gan.parameters())
    assert train(tiny_gan(), footage, tmp_path, resume=True).epochs == 4


def test_a_weight_that_neither_player_owns_is_a_mistake_of_the_method(footage, tmp_path):
    gan = tiny_gan()
    gan.gain = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(AssertionError, match="every weight belongs to a player"):
        train(gan, footage, tmp_path)


def test_a_lost_game_is_told_once_and_remembered_over_resumptions(footage, tmp_path):
    settings = {"discriminator_scale": 1e-3, "diversity": 0.01}
    config = changed(epochs=10)
    with pytest.warns(CollapseWarning) as caught, pytest.raises(KeyboardInterrupt):
        train(tiny_gan(**settings), footage, tmp_path, config, progress=Stop(34))
    messages = [str(one.message) for one in caught]
    assert messages[0].startswith("the discriminator won: its loss stayed under 0.05 from epoch 1 to 3.")
    assert messages[1].startswith("mode collapse: ")
    assert len(messages) == 2
    # Warnings are errors here: none comes again.
    for _ in range(2):
        summary = train(tiny_gan(**settings), footage, tmp_path, config, resume=True)
        assert summary.warnings == tuple(messages)
