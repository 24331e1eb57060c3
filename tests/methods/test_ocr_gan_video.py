"""What the generator sees and rebuilds, and that every switch takes its part away. See also `test_ocr_gan_*`."""

import pytest
import torch
from ocr_gan_clips import FRAMES, HIDDEN, VISIBLE, awake, changed_at, random_clip, untrained
from torch import nn

from normalcy.layers.channel_shuffle import ChannelShuffle
from normalcy.layers.conv_lstm import ConvLSTM
from normalcy.layers.dual_stream_unet import LevelMix
from normalcy.layers.temporal_attention import TemporalAttention
from normalcy.layers.temporal_fusion import Conv3dPath, TemporalFusion
from normalcy.methods.ocr_gan_video import OcrGanVideo
from normalcy.methods.ocr_gan_video_settings import RESTORED, OcrGanVideoConfig
from normalcy.training.adversarial import take_gradients

NO_ATTENTION = {"generator_heads": 0, "further_parts": ()}


def influence(method: OcrGanVideo) -> torch.Tensor:
    """How much each frame (first axis) tells of each rebuilt one (second): (T, T)."""
    clip = random_clip(1).requires_grad_()
    video = method.generator(clip).video
    rows = [
        torch.autograd.grad(video[:, t].square().sum(), clip, retain_graph=True)[0] for t in range(FRAMES)
    ]
    return torch.stack([row.abs().sum(dim=(0, 2, 3, 4)) for row in rows], dim=1)


@pytest.mark.parametrize("training", [False, True])
def test_a_hidden_frame_has_no_influence_on_what_is_rebuilt(training):
    method, clip = awake().train(training), random_clip()

    def rebuilt(clip_BTCHW):
        torch.manual_seed(0)
        return method.generator(clip_BTCHW)

    for hidden in HIDDEN:
        for one, other in zip(rebuilt(clip)[:2], rebuilt(changed_at(clip, hidden))[:2], strict=True):
            assert torch.equal(one, other)
    for visible in VISIBLE:
        difference = (rebuilt(clip).video - rebuilt(changed_at(clip, visible)).video).abs()
        assert (difference.amax(dim=(0, 2, 3, 4)) > 1e-4)[list(HIDDEN)].all()


def test_no_gradient_reaches_a_hidden_frame_and_every_visible_one_tells_of_every_hidden_one():
    told = influence(awake())
    assert not told[list(HIDDEN)].any()
    assert (told[list(VISIBLE)][:, list(HIDDEN)] > 0).all()
    assert torch.equal(told[list(VISIBLE)][:, list(VISIBLE)] > 0, torch.eye(len(VISIBLE), dtype=torch.bool))


def test_in_the_task_reconstruct_every_frame_tells_of_every_frame():
    assert (influence(awake(task="reconstruct")) > 0).all()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("split", ["pyramid", "laplacian", "none"])
def test_visible_frames_come_out_as_they_went_in(split, training):
    method, clip = awake(split=split).train(training), random_clip()
    video = method.generator(clip).video
    torch.testing.assert_close(video[:, VISIBLE], clip[:, VISIBLE], atol=1e-6, rtol=0)
    assert (video[:, HIDDEN] - clip[:, HIDDEN]).abs().mean() > 0.01


@pytest.mark.parametrize("split", ["pyramid", "laplacian", "none"])
def test_restoring_starts_from_the_interpolation(split):
    method, clip = untrained(split=split), random_clip()
    rebuilt = method.generator(clip)
    torch.testing.assert_close(rebuilt.video[:, 2], (clip[:, 1] + clip[:, 3]) / 2, atol=1e-6, rtol=0)
    for beyond in (4, 5):
        torch.testing.assert_close(rebuilt.video[:, beyond], clip[:, 3], atol=1e-6, rtol=0)
    high, low = method.generator.split(rebuilt.video)
    torch.testing.assert_close(rebuilt.high, high, atol=1e-5, rtol=0)
    torch.testing.assert_close(rebuilt.low, low, atol=1e-5, rtol=0)


def test_colour_is_rebuilt_in_all_channels():
    method, clip = awake(channels=3), random_clip(channels=3)
    rebuilt = method.generator(clip)
    assert rebuilt.high.shape == rebuilt.low.shape == clip.shape
    torch.testing.assert_close(rebuilt.video[:, VISIBLE], clip[:, VISIBLE], atol=1e-6, rtol=0)
    scores = method(clip)
    assert scores.score_BT.shape == (2, 1)
    for channel in range(3):
        blotted = clip.clone()
        blotted[:, -1, channel] = -clip[:, -1, channel]
        assert (method(blotted).score_BT != scores.score_BT).all()


def one_step(method: OcrGanVideo) -> None:
    """A step of both players: every weight gets a finite gradient, and the networks still score afterwards."""
    method.train()
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-3)
    clip = random_clip(channels=method.config.channels)
    losses = method.adversarial_losses(clip)
    take_gradients(losses, method)
    assert all(torch.isfinite(value) for player in losses for value in player.values())
    for name, weight in method.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
    optimiser.step()
    scores = method.eval()(clip)
    assert torch.isfinite(scores.score_BT).all()
    assert torch.isfinite(scores.map_BTHW).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"task": "reconstruct"},
        {"split": "laplacian"},
        {"split": "none"},
        {"channel_shuffling": False},
        NO_ATTENTION,
        {"discriminator_heads": 0},
        NO_ATTENTION | {"discriminator_heads": 0, "channel_shuffling": False, "fusion_paths": ()},
        {"noise": 0.0},
        {"loss": {"temporal": 0.0}},
        {"loss": {"adversarial": 0.0}},
        {"loss": {"latent": 0.0}},
        {"loss": {"consistency": 0.0, "motion": 0.0}},
        {"loss": {"attention": 0.0}},
        {"consistency": "literal"},
        {"predict_frames": 0},
        {"extrapolate": False},
        {"checkpointed": True},
        {"channels": 3},
    ],
    ids=str,
)
def test_with_every_switch_it_trains_a_step_and_scores(changes):
    one_step(awake(**changes))


@pytest.mark.parametrize("task", ["restore", "reconstruct"])
@pytest.mark.parametrize("frames", [12, 16, 24])
def test_weights_learned_for_eight_frames_serve_longer_clips(frames, task):
    learned = awake(clip_len_frames=8, task=task)
    longer = awake(clip_len_frames=frames, task=task)
    longer.load_state_dict(learned.state_dict())
    clip = torch.rand((1, frames, 1, 16, 24), generator=torch.Generator().manual_seed(1)) * 2 - 1
    scores = longer(clip)
    assert scores.score_BT.shape == (1, 1)
    assert torch.isfinite(scores.score_BT).all()
    assert torch.isfinite(scores.map_BTHW).all()
    first, again = learned.state_dict(), longer.state_dict()
    assert {name for name in first if not torch.equal(first[name], again[name])} == {
        name for name in first if name.endswith("position_TD")
    }


PATHS = {"attention": TemporalAttention, "conv_lstm": ConvLSTM, "conv3d": Conv3dPath}


@pytest.mark.parametrize(
    "chosen", [(), *[(p,) for p in PATHS], ("attention", "conv3d"), ("conv_lstm", "conv3d")]
)
def test_fusion_holds_the_chosen_paths_alone(chosen):
    method = awake(fusion_paths=chosen)
    assert count(method, TemporalFusion) == bool(chosen)
    fusion = method.generator.fusion or nn.Identity()
    for name, kind in PATHS.items():
        assert count(fusion, kind) == (name in chosen)
    one_step(method)


def count(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(each, kind) for each in module.modules())


def size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_fewer_paths_of_fusion_are_fewer_weights():
    sizes = [size(untrained(fusion_paths=tuple(PATHS)[:paths])) for paths in range(4)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("changes", "kind", "player", "other"),
    [
        ({"channel_shuffling": False}, ChannelShuffle, "generator", "discriminator"),
        (NO_ATTENTION | {"fusion_paths": ()}, TemporalAttention, "generator", "discriminator"),
        ({"discriminator_heads": 0}, TemporalAttention, "discriminator", "generator"),
    ],
    ids=str,
)
def test_a_part_that_is_switched_off_is_gone_with_its_weights(changes, kind, player, other):
    full, without = untrained(), untrained(**changes)
    assert count(getattr(full, player), kind) > 0
    assert count(getattr(without, player), kind) == 0
    assert size(getattr(without, player)) < size(getattr(full, player))
    if "fusion_paths" not in changes:
        assert size(getattr(without, other)) == size(getattr(full, other))


def test_without_the_fusion_its_weight_does_not_matter_and_with_it_it_does():
    clip = random_clip()

    def difference(**changes):
        videos = [awake(fusion_weight=weight, **changes).generator(clip).video for weight in (0.1, 10.0)]
        return (videos[0] - videos[1]).abs().max()

    assert difference(fusion_paths=()) == 0
    assert difference() > 1e-3


def test_without_a_loss_on_attention_no_attention_weights_are_computed(monkeypatch):
    called = []
    weights_of = LevelMix.attention_weights
    monkeypatch.setattr(
        LevelMix,
        "attention_weights",
        lambda self, *streams: called.append(self) or weights_of(self, *streams),
    )
    clip = random_clip()
    for weights, calls in (({"temporal": 0.0}, 0), ({"attention": 0.0}, 0), ({"temporal": 0.1}, 1)):
        called.clear()
        awake(loss=weights).train().adversarial_losses(clip)
        assert len(called) == calls
    called.clear()
    awake(further_parts=())(clip)
    assert not called


def test_noise_is_of_training_alone_and_fresh():
    clip = random_clip()
    method = awake(noise=0.5)
    assert torch.equal(method.generator(clip).video, method.generator(clip).video)
    assert torch.equal(method.generator(clip).video, awake(noise=0.0).generator(clip).video)
    method.train()
    assert (method.generator(clip).video - method.generator(clip).video).abs().max() > 1e-3
    quiet = awake(noise=0.0).train()
    assert torch.equal(quiet.generator(clip).video, quiet.generator(clip).video)


def test_noise_has_the_deviation_asked_for_and_differs_between_streams(monkeypatch):
    """What enters the U-Net is what the split gave plus noise: the summary has no weight here."""
    method = untrained(task="reconstruct", noise=0.3, fusion_paths=()).train()
    clip = random_clip(8)
    entered = []
    monkeypatch.setattr(method.generator.unet, "forward", lambda *streams: entered.extend(streams) or streams)
    method.generator(clip)
    high, low = (a - b for a, b in zip(entered, method.generator.split(clip), strict=True))
    for noise in (high, low):
        assert noise.std().item() == pytest.approx(0.3, rel=0.05)
        assert noise.mean().item() == pytest.approx(0.0, abs=0.02)
    assert torch.corrcoef(torch.stack([high.flatten(), low.flatten()]))[0, 1].abs() < 0.05
    assert (high[0] - high[1]).abs().max() > 0.1


def test_scoring_noise_is_the_same_for_every_clip_and_batch():
    clip = random_clip(3)
    quiet, noisy = awake(), awake(scoring_noise=0.5)
    score_BT = noisy(clip).score_BT
    assert ((score_BT - quiet(clip).score_BT).abs() > 1e-4).all()
    assert torch.equal(score_BT, noisy(clip).score_BT)
    for b in range(3):
        torch.testing.assert_close(noisy(clip[b : b + 1]).score_BT[0], score_BT[b], atol=1e-5, rtol=1e-5)
    same = noisy(clip[:1].repeat(3, 1, 1, 1, 1)).score_BT
    torch.testing.assert_close(same, same[:1].expand(3, -1), atol=1e-5, rtol=1e-5)
    torch.manual_seed(99)
    assert torch.equal(score_BT, noisy(clip).score_BT)


def test_each_stream_has_scoring_noise_of_its_own(monkeypatch):
    method, clip = untrained(task="reconstruct", fusion_paths=()), random_clip()
    entered = []
    monkeypatch.setattr(method.generator.unet, "forward", lambda *streams: entered.extend(streams) or streams)
    method.generator(clip, scoring_noise=0.3)
    high, low = (a - b for a, b in zip(entered, method.generator.split(clip), strict=True))
    torch.testing.assert_close(high[0], high[1])
    assert high.std().item() == pytest.approx(0.3, rel=0.05)
    assert torch.corrcoef(torch.stack([high.flatten(), low.flatten()]))[0, 1].abs() < 0.1


def test_scoring_noise_touches_neither_validation_nor_training():
    clip = random_clip()
    quiet, noisy = awake(), awake(scoring_noise=0.5)
    for name, value in quiet.validation_losses(clip).items():
        assert torch.equal(value, noisy.validation_losses(clip)[name])
    losses = []
    for method in (quiet.train(), noisy.train()):
        torch.manual_seed(3)
        losses.append(method.adversarial_losses(clip).generator["loss"])
    assert torch.equal(*losses)
    assert not torch.equal(losses[1], noisy.adversarial_losses(clip).generator["loss"])


def test_displacement_is_measured_on_every_so_many_frames_and_on_the_newest():
    config = OcrGanVideoConfig(**RESTORED, clip_len_frames=16, predict_frames=4)
    assert config.judged == config.measured == (12, 13, 14, 15)
    assert config.model_copy(update={"displacement_every": 2}).measured == (13, 15)
    assert config.model_copy(update={"displacement_every": 9}).measured == (15,)
