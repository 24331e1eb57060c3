"""Future frame prediction: its losses, its score, and what only training needs."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from normalcy.config import build_config
from normalcy.errors import ConfigError
from normalcy.layers.spynet import SpyNet
from normalcy.methods import method_definition
from normalcy.methods.future_frame import FutureFrame, FutureFrameConfig
from normalcy.training.adversarial import take_gradients
from normalcy.training.config import TrainingConfig
from small_methods import small


def untrained(**changes: object) -> FutureFrame:
    method = small("future-frame", **changes)
    assert isinstance(method, FutureFrame)
    return method


def random_clip(method: FutureFrame, *, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (batch, method.clip.length_frames, method.clip.channels, *method.clip.size_px)
    return torch.rand(shape, generator=generator) * 2 - 1


@pytest.fixture(scope="module")
def flow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SPyNet's weights, random."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("flow") / "spynet.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in SpyNet().state_dict().items()}, path)
    return path


def with_flow(weights: Path, **changes: object) -> FutureFrame:
    method = untrained(loss={"flow": 2.0}, flow={"weights": weights}, **changes)
    method.begin_training()
    return method


def test_the_score_is_the_psnr_of_a_known_error_with_its_sign_turned(monkeypatch):
    method = untrained()
    clip = random_clip(method)
    # An error of 0.2 everywhere, in a span of 2: PSNR is 10 log10(4 / 0.04) = 20 dB.
    monkeypatch.setattr(method, "predict", lambda past_BTCHW: clip[:, -1] + 0.2)
    scores = method(clip)
    torch.testing.assert_close(scores.score_BT, torch.full((2, 1), -20.0))
    # Of pixels in [0, 1], the same error is 0.1.
    torch.testing.assert_close(scores.map_BTHW, torch.full((2, 1, 32, 48), 0.01))
    torch.testing.assert_close(scores.parts["intensity"], torch.full((2, 1), 0.01))
    torch.testing.assert_close(scores.parts["gradient"], torch.zeros(2, 1), atol=1e-6, rtol=0)


def test_only_the_newest_frame_is_predicted_and_only_from_those_before():
    method = untrained()
    clip = random_clip(method)
    changed = clip.clone()
    changed[:, -1] = 0
    assert torch.equal(method.predict(clip[:, :-1]), method.predict(changed[:, :-1]))
    assert method.clip.scored == (4,)
    assert not torch.equal(method(clip).score_BT, method(changed).score_BT)


def test_a_shifted_prediction_is_seen_as_motion(monkeypatch):
    method = untrained(displacement_enlarge=2)
    rows = torch.linspace(0, 12, 32)[:, None].sin() * torch.linspace(0, 17, 48).cos()
    clip = rows.expand(1, 5, 1, 32, 48).contiguous()
    parts = {}
    for shift in (0, 2):
        monkeypatch.setattr(method, "predict", lambda past_BTCHW, s=shift: clip[:, -1].roll(s, dims=-1))
        parts[shift] = method(clip).parts
    assert parts[0]["motion"] < 0.2
    assert parts[2]["motion"] > 1.0
    assert parts[2]["intensity_box"] > parts[0]["intensity_box"]


def test_the_loss_is_the_weighted_sum_of_its_terms(flow_weights):
    weights = {"intensity": 0.5, "gradient": 3.0, "flow": 2.0, "adversarial": 0.25}
    method = untrained(size_px=(64, 64), loss=weights, flow={"weights": flow_weights})
    method.begin_training()
    losses = method.adversarial_losses(random_clip(method)).generator
    assert list(losses) == ["loss", *weights]
    expected = sum(weight * losses[name] for name, weight in weights.items())
    torch.testing.assert_close(losses["loss"], expected)


def test_a_term_without_weight_is_not_computed():
    method = untrained(loss={"flow": 0.0, "adversarial": 0.0})
    method.begin_training()
    losses = method.adversarial_losses(random_clip(method))
    assert list(losses.generator) == ["loss", "intensity", "gradient"]
    assert not losses.discriminator


def test_the_flow_loss_teaches_the_generator_and_nobody_else(flow_weights):
    method = with_flow(flow_weights, size_px=(64, 64))
    losses = method.adversarial_losses(random_clip(method))
    gradients = torch.autograd.grad(losses.generator["flow"], list(method.generator.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0
    assert not [weight for weight in method._flow[0].parameters() if weight.requires_grad]


def test_the_flow_network_is_no_part_of_what_is_trained_and_saved(flow_weights):
    method, without = with_flow(flow_weights), untrained()
    assert method.state_dict().keys() == without.state_dict().keys()
    assert len(list(method.parameters())) == len(list(without.parameters()))


def test_each_player_learns_from_its_own_loss():
    method = untrained().train()
    losses = method.adversarial_losses(random_clip(method))
    expected = torch.autograd.grad(
        losses.discriminator["loss"], list(method.discriminator.parameters()), retain_graph=True
    )
    take_gradients(losses, method)
    for weight, gradient in zip(method.discriminator.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)
    assert all(weight.grad is not None for weight in method.generator.parameters())


def test_missing_weights_of_the_flow_network_are_told_before_training():
    with pytest.raises(ConfigError, match=r"flownet2-sd: needs a file of weights\. Get .*flow weight of 0"):
        untrained(loss={"flow": 2.0}, flow={"network": "flownet2-sd"}).begin_training()


def test_a_residual_starts_from_the_last_frame():
    method = untrained(residual=True, input_frames=1)
    clip = random_clip(method)
    assert clip.shape[1] == 2
    assert torch.equal(method.predict(clip[:, :-1]), clip[:, 0])


def test_terms_are_fused_by_what_they_are_on_normal_video():
    method = untrained(score_weights={"motion": 1.0, "intensity_box": 0.5})
    clip = random_clip(method, batch=3)
    parts = method(clip).parts
    assert method.fuses_parts
    method.observe_parts({name: part_BT.detach().numpy() for name, part_BT in parts.items()}, seconds=10)
    fused = method(clip).score_BT.detach()
    torch.testing.assert_close(fused.mean(), torch.zeros(()), atol=1e-5, rtol=0)
    assert not untrained().fuses_parts


def test_validation_watches_the_psnr():
    method = untrained(residual=True)
    clip = random_clip(method)
    clip[:, -1] = clip[:, -2] + 0.2
    assert method.validation_losses(clip)["loss"].item() == pytest.approx(-20.0, abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size_px": (30, 48)}, "size_px (30, 48) must be multiples of 8 with 4 widths"),
        ({"discriminator_strides": (2,)}, "discriminator_strides (2,) must have one entry"),
        (
            {"loss": dict.fromkeys(("intensity", "gradient", "flow", "adversarial"), 0)},
            "loss weighs every term",
        ),
        ({"score_weights": {"motion": 0.0}}, "weighs every term of the score with 0"),
    ],
)
def test_settings_that_cannot_be_built_are_told(settings, message):
    with pytest.raises(ConfigError) as caught:
        build_config(FutureFrameConfig, settings, where="model")
    assert message in str(caught.value)


def test_the_paper_has_its_own_preset_and_protocol():
    definition = method_definition("future-frame")
    config = build_config(definition.config, dict(definition.presets["paper"].model))
    assert definition.paper_protocol == "psnr"
    assert not definition.presets["paper"].variant
    assert (config.size_px, config.channels, config.input_frames, config.residual) == (
        (256, 256),
        3,
        4,
        False,
    )
    assert config.loss.model_dump() == {"intensity": 1.0, "gradient": 1.0, "flow": 2.0, "adversarial": 0.05}
    assert not config.score_weights
    training = TrainingConfig(**definition.presets["paper"].training)
    assert training.epochs * training.clips_per_epoch // training.batch_size == 16_000
    assert (training.batch_size, training.clip_strides, training.adam_beta1) == (4, (1,), 0.9)
    assert (training.learning_rate, training.discriminator_learning_rate) == (1e-4, 1e-5)
    assert (training.learning_rate_decay, training.learning_rate_end, training.keep) == ("step", 0.1, "best")
