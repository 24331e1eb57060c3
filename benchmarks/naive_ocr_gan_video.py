"""OCR-GAN Video computed the plain way: what its speed is measured against.

The same mathematics on the same weights, written straight from the description: float32, torch's own memory layout,
query, key and value projected one by one, the ConvLSTM convolving each frame in turn, and the textbook's alternation,
in which the discriminator steps on a detached fake before everything it said is computed again for the generator. One
pass of the generator serves both steps and all terms of a score; running it again for each would be a straw man.

Functions take the method's modules as holders of weights. Blocks that hold no speed-up are called as they are; so are
activations, which work in place.

Letters: B clips, T frames, N = B*T or sequences, C channels, D features, H height, W width, h and w a coarser grid's,
A heads, K width of a head.
"""

from collections.abc import Callable
from typing import cast

import torch
from speed_work import Optimisers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from normalcy.layers.coarse_grid import to_grid
from normalcy.layers.conv_lstm import ConvLSTM
from normalcy.layers.displacement import DisplacementScore
from normalcy.layers.dual_stream_unet import DualStreamUNet, LevelMix, StreamUNet
from normalcy.layers.temporal_attention import TemporalAttention
from normalcy.layers.temporal_fusion import AttentionPath, TemporalFusion
from normalcy.layers.temporal_losses import attention_loss, consistency_loss
from normalcy.layers.video_discriminator import VideoDiscriminator
from normalcy.methods.contract import Scores
from normalcy.methods.ocr_gan_video import Generator, OcrGanVideo, Rebuilt

Streams = tuple[Tensor, Tensor]


def train_step(method: OcrGanVideo, clip_BTCHW: Tensor, optimisers: Optimisers, *, clip_norm: float) -> None:
    """The discriminator's step, then the generator's against the new discriminator."""
    rebuilt = rebuild(method.generator, clip_BTCHW, with_attention=method.config.loss.attention > 0)
    for player, optimiser, loss in (
        (method.discriminator, optimisers.discriminator, discriminator_loss),
        (method.generator, optimisers.generator, generator_loss),
    ):
        optimiser.zero_grad()
        loss(method, rebuilt, clip_BTCHW).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(player.parameters(), clip_norm)
        optimiser.step()


def discriminator_loss(method: OcrGanVideo, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
    """How badly the discriminator tells real from fake; the fake is detached."""
    real, _ = judge(method.discriminator, clip_BTCHW[:, method.trained_frames])
    fake, _ = judge(method.discriminator, rebuilt.video[:, method.trained_frames].detach())
    return (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)) / 2


def generator_loss(method: OcrGanVideo, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
    """Weighted sum of the generator's losses."""
    real, fake = clip_BTCHW[:, method.trained_frames], rebuilt.video[:, method.trained_frames]
    _, of_real = judge(method.discriminator, real)
    logits_BThw, of_fake = judge(method.discriminator, fake)
    weights = method.config.loss
    content = (fake - real).abs().mean() + weights.content_square * F.mse_loss(fake, real)
    latent = sum(F.mse_loss(a, b.detach()) for a, b in zip(of_fake, of_real, strict=True)) / len(of_real)
    adversarial = _cross_entropy(logits_BThw, 1.0)
    temporal = _temporal_loss(method, rebuilt, clip_BTCHW)
    return (
        weights.adversarial * adversarial
        + weights.content * content
        + weights.latent * latent
        + weights.temporal * temporal
    )


def score(method: OcrGanVideo, clip_BTCHW: Tensor) -> Scores:
    """Scores of the newest judged frame, every term from a map computed on its own."""
    rebuilt = rebuild(method.generator, clip_BTCHW, with_attention=False)
    real, fake = _newest(method, clip_BTCHW), _newest(method, rebuilt.video)
    maps = {name: _map(method, name, rebuilt, clip_BTCHW) for name in method.parts}
    parts = {name: _reduced(method, name, map_B1HW, real, fake) for name, map_B1HW in maps.items()}
    weights = method.fuse.weights
    combined = sum(weight / method.fuse.level(name) * maps[name] for name, weight in weights.items())
    return Scores(method.fuse(parts), blurred(cast(Tensor, combined), box_px=method.map_blur_px), parts)


def rebuild(net: Generator, clip_BTCHW: Tensor, *, with_attention: bool) -> Rebuilt:
    """The generator: hide, split, noise, summary, neighbours, U-Net."""
    seen_BTCHW = net.hide(clip_BTCHW) if net.hide else clip_BTCHW
    seen_high, seen_low = net.split(seen_BTCHW)
    high, low = (
        (x + net.config.noise * torch.randn_like(x) if net.training else x) for x in (seen_high, seen_low)
    )
    if net.fusion is not None:
        summary_B1CHW = net.config.fusion_weight * fuse(net.fusion, seen_BTCHW)[:, None]
        high, low = high + summary_B1CHW, low + summary_B1CHW
    if net.hide is None:
        return Rebuilt(*unet(net.unet, high, low, with_attention=with_attention))
    (high_1, low_1), (high_2, low_2) = (net.split(each) for each in net.hide.neighbours(clip_BTCHW))
    time = net.hide.time_T[None, :, None, None, None].expand_as(clip_BTCHW[:, :, :1])
    high, low = torch.cat([high, high_1, high_2, time], 2), torch.cat([low, low_1, low_2, time], 2)
    high, low, attention = unet(net.unet, high, low, with_attention=with_attention)
    mask_T111 = net.hide.mask_T[:, None, None, None]
    return Rebuilt(seen_high + mask_T111 * high, seen_low + mask_T111 * low, attention)


def unet(
    net: DualStreamUNet, high: Tensor, low: Tensor, *, with_attention: bool
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Both streams down, across and up again, and the bottleneck's attention weights if asked for."""
    deepest = len(net.mix_down) - 1
    skips: list[Streams] = []
    for level in range(deepest):
        high, low = _level(net, _down, net, level, high, low)
        skips.append((high, low))
    high, low = encode(net.high, deepest, high), encode(net.low, deepest, low)
    bottleneck = cast(LevelMix, net.mix_down[deepest])
    high, low, weights = mix(bottleneck, high, low, with_weights=with_attention)
    for level in reversed(range(deepest)):
        high, low = _level(net, _up, net, level, high, low, *skips[level])
    return show(net.high, high), show(net.low, low), weights


def _level(net: DualStreamUNet, step: Callable[..., Streams], *inputs: object) -> Streams:
    """A level, computed again in the backward pass where the preset has no memory to keep it."""
    if net.checkpointed and net.training:
        return cast(Streams, checkpoint(step, *inputs, use_reentrant=False))
    return step(*inputs)


def _down(net: DualStreamUNet, level: int, high: Tensor, low: Tensor) -> Streams:
    high, low = encode(net.high, level, high), encode(net.low, level, low)
    return mix(cast(LevelMix, net.mix_down[level]), high, low)[:2]


def _up(
    net: DualStreamUNet, level: int, high: Tensor, low: Tensor, high_skip: Tensor, low_skip: Tensor
) -> Streams:
    high, low = decode(net.high, level, high, high_skip), decode(net.low, level, low, low_skip)
    return mix(cast(LevelMix, net.mix_up[level]), high, low)[:2]


def encode(net: StreamUNet, level: int, x_BTDHW: Tensor) -> Tensor:
    """One level down."""
    if level == 0:
        x_BTDHW = F.pixel_unshuffle(x_BTDHW, net.stem_stride)
    return frames(net.down[level], x_BTDHW)


def decode(net: StreamUNet, level: int, deep_BTDHW: Tensor, skip_BTDHW: Tensor) -> Tensor:
    """One level up."""
    grown_BTDHW = F.pixel_shuffle(frames(net.up[level], deep_BTDHW), 2)
    return frames(net.join[level], torch.cat([grown_BTDHW, skip_BTDHW], dim=2))


def show(net: StreamUNet, x_BTDHW: Tensor) -> Tensor:
    """From features to pictures."""
    return F.pixel_shuffle(frames(net.head, x_BTDHW), net.stem_stride)


def mix(
    net: LevelMix, high: Tensor, low: Tensor, *, with_weights: bool = False
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Channel shuffling, then attention in each stream."""
    if net.shuffle is not None:
        high, low = net.shuffle(high, low)
    if not net.attention:
        return high, low, ()
    (high, of_high), (low, of_low) = (
        attend(cast(TemporalAttention, layer), x, with_weights=with_weights)
        for layer, x in zip(net.attention, (high, low), strict=True)
    )
    return high, low, (of_high, of_low) if with_weights else ()


def attend(net: TemporalAttention, x_BTCHW: Tensor, *, with_weights: bool) -> tuple[Tensor, Tensor]:
    """Attention across time with its residual, and its weights (empty if not asked for)."""
    batch, frames_, _, height, width = x_BTCHW.shape
    grid_BTChw = to_grid(x_BTCHW, stride=net.grid_stride)
    rows, columns = grid_BTChw.shape[3:]
    tokens_NTD = net.norm(net.embed(grid_BTChw.permute(0, 3, 4, 1, 2).reshape(-1, frames_, x_BTCHW.shape[2])))
    tokens_NTD = tokens_NTD + net.position(frames_)
    thirds = zip(net.query_key_value.weight.chunk(3), net.query_key_value.bias.chunk(3), strict=True)
    query, key, value = (
        torch.unflatten(F.linear(tokens_NTD, weight, bias), 2, (net.heads, -1)).transpose(1, 2)
        for weight, bias in thirds
    )
    weights_NATT = torch.empty(0)
    if with_weights:
        weights_NATT = (query @ key.transpose(2, 3) / query.shape[3] ** 0.5).softmax(dim=3)
        found_NATK = weights_NATT @ value
    else:
        found_NATK = F.scaled_dot_product_attention(query, key, value)
    found_NTC = net.out(found_NATK.transpose(1, 2).flatten(2))
    found_BThwC = torch.unflatten(found_NTC, 0, (batch, rows, columns)).permute(0, 3, 4, 1, 2)
    grown = grown_grid(found_BThwC.flatten(0, 1), stride=net.grid_stride, size_px=(height, width))
    if with_weights:
        weights_NATT = torch.unflatten(weights_NATT, 0, (batch, -1)).transpose(1, 2)
    return x_BTCHW + torch.unflatten(grown, 0, (batch, frames_)), weights_NATT


def fuse(net: TemporalFusion, clip_BTCHW: Tensor) -> Tensor:
    """Summary of the clip along the three paths."""
    grid_BTChw = to_grid(clip_BTCHW, stride=net.grid_stride)
    paths = {"attention": _attention_path, "conv_lstm": _conv_lstm, "conv3d": _conv3d_path}
    found = [paths[name](path, grid_BTChw) for name, path in net.paths.items()]
    height, width = clip_BTCHW.shape[3:]
    return grown_grid(net.fuse(torch.cat(found, dim=1)), stride=net.grid_stride, size_px=(height, width))


def _attention_path(net: nn.Module, clip_BTChw: Tensor) -> Tensor:
    assert isinstance(net, AttentionPath)
    lifted_BTDhw = F.leaky_relu(frames(net.lift, clip_BTChw), 0.2)
    return attend(net.attention, lifted_BTDhw, with_weights=False)[0].mean(dim=1)


def _conv3d_path(net: nn.Module, clip_BTChw: Tensor) -> Tensor:
    return cast(Tensor, net(clip_BTChw)).mean(dim=1)


def _conv_lstm(net: nn.Module, clip_BTChw: Tensor) -> Tensor:
    """The last state; it and the memory start at zero."""
    assert isinstance(net, ConvLSTM)
    hidden_BDhw = cell_BDhw = clip_BTChw.new_zeros(len(clip_BTChw), net.state_channels, *clip_BTChw.shape[3:])
    for x_BChw in clip_BTChw.unbind(1):
        gates = net.from_input(x_BChw) + net.from_state(hidden_BDhw)
        take, keep, show_, candidate = gates.chunk(4, dim=1)
        cell_BDhw = keep.sigmoid() * cell_BDhw + take.sigmoid() * candidate.tanh()
        hidden_BDhw = show_.sigmoid() * cell_BDhw.tanh()
    return hidden_BDhw


def judge(net: VideoDiscriminator, clip_BTCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits and features, the attended ones last."""
    features = []
    for conv in net.convs:
        clip_BTCHW = frames(conv, clip_BTCHW)
        features.append(clip_BTCHW)
    if isinstance(net.attention, TemporalAttention):
        features[-1] = attend(net.attention, clip_BTCHW, with_weights=False)[0]
    return frames(net.head, features[-1]), features


def frames(layer: nn.Module, x_BTCHW: Tensor) -> Tensor:
    """A layer for pictures, on every frame."""
    out: Tensor = layer(x_BTCHW.flatten(0, 1))
    return torch.unflatten(out, 0, x_BTCHW.shape[:2])


def _map(method: OcrGanVideo, name: str, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
    """Map of a term of the score: (B, 1, H, W)."""
    error: Tensor = rebuilt.video - clip_BTCHW
    match name:
        case "feature":
            return _feature_map(method, rebuilt, clip_BTCHW)
        case "displacement":
            term, config = method.displacement, method.config
            places = config.judged[:: -config.displacement_every]
            real, fake = ((x_BTCHW[:, places] + 1) / 2 for x_BTCHW in (clip_BTCHW, rebuilt.video))
            return (
                DisplacementScore(box_px=term.box_px, enlarge=term.enlarge, preset=term.preset)
                .map(real, fake)
                .mean(dim=1, keepdim=True)
            )
        case "reconstruction_high":
            error = method.generator.split(error)[0]
        case "reconstruction_low":
            error = method.generator.split(error)[1]
    return error.square().mean(dim=2)[:, method.judged_frames].mean(dim=1, keepdim=True)


def _feature_map(method: OcrGanVideo, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
    (_, of_real), (_, of_fake) = (
        judge(method.discriminator, video[:, method.trained_frames]) for video in (clip_BTCHW, rebuilt.video)
    )
    judged = [method.trained_frames.index(place) for place in method.judged_frames]
    error_BThw = (of_real[-1] - of_fake[-1]).square().mean(dim=2)[:, judged]
    out: Tensor = F.interpolate(
        error_BThw.mean(dim=1, keepdim=True), size=clip_BTCHW.shape[3:], mode="bilinear"
    )
    return out


def _newest(method: OcrGanVideo, video_BTCHW: Tensor) -> Tensor:
    """The frame that is scored, in [0, 1]: (B, 1, C, H, W)."""
    place = method.judged_frames[-1]
    return (video_BTCHW[:, place : place + 1] + 1) / 2


def _reduced(method: OcrGanVideo, name: str, map_B1HW: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """Term of the score (B, 1) from its map."""
    if name == "displacement":
        return map_B1HW.amax(dim=(2, 3))
    reducer = method.feature_score if name == "feature" else method.error_score
    return cast(Tensor, reducer(map_B1HW, real, fake))


def _temporal_loss(method: OcrGanVideo, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
    weights = method.config.loss
    total = weights.consistency * consistency_loss(rebuilt.video, clip_BTCHW, kind=method.config.consistency)
    total = total + weights.motion * _motion_loss(rebuilt.video, clip_BTCHW)
    if rebuilt.attention:
        total = total + weights.attention * attention_loss(rebuilt.attention)
    return total / 3


def _motion_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor) -> Tensor:
    """Difference of the Sobel gradients of |frame difference|, by convolution."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    kernels_21HW = torch.stack([across, across.T])[:, None]

    def gradients(x_BTCHW: Tensor) -> Tensor:
        change_N1HW = x_BTCHW.diff(dim=1).abs().flatten(0, 2)[:, None]
        return F.conv2d(F.pad(change_N1HW, (1, 1, 1, 1), mode="replicate"), kernels_21HW)

    return (gradients(fake_BTCHW) - gradients(real_BTCHW)).abs().mean()


def grown_grid(cells_NChw: Tensor, *, stride: int, size_px: tuple[int, int]) -> Tensor:
    """A grid spread over its picture by torch's own interpolation."""
    if stride == 1:
        return cells_NChw
    grown = F.interpolate(cells_NChw, scale_factor=stride, mode="bilinear")
    return grown[:, :, : size_px[0], : size_px[1]]


def blurred(x_BTHW: Tensor, *, box_px: int) -> Tensor:
    """Mean over a square box around every pixel, in one pass."""
    side = box_px + 1 - box_px % 2
    return F.avg_pool2d(x_BTHW, side, stride=1, padding=side // 2, count_include_pad=False)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
