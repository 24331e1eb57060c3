"""Future frame prediction computed the plain way: what its speed is measured against.

Written straight from Liu et al. (CVPR 2018, arXiv 1712.09867) and, for optical flow, Ranjan & Black (CVPR 2017, arXiv
1611.00850): torch's own memory layout, flow at full resolution, and the textbook's alternation, in which the
discriminator steps on a detached prediction before it judges that prediction again for the generator, whose backward
pass goes through all of it. One pass of the generator serves both steps, activations work in place, flow to the real
frame is computed without a graph, and what is only there to be compared with is never computed: all else would be a
straw man.

Weights are copies of ours; names are ours, so that they can be. Terms of the score that the paper does not have are
called as they are.

Letters: B clips, T frames, N pictures, C channels, H height, W width, h and w the discriminator's patches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from speed_work import Context, Optimisers
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.displacement import DisplacementScore
from normalcy.layers.frame_score import box_blur
from normalcy.layers.shapes import use_channels_last
from normalcy.methods.contract import Scores
from normalcy.methods.future_frame import FutureFrame, FutureFrameConfig

LEAST_SQUARED_ERROR = 1e-10
Pictures = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class NaiveFutureFrame:
    """The networks, and what the score needs besides.

    Attributes:
        config: Of the method.
        generator: U-Net.
        discriminator: PatchGAN.
        flow: SPyNet; None for scoring.
        layout: Memory layout of pictures; weights have it as well.
        extras: The method, without its networks, for the terms of the score that the paper does not have.
    """

    config: FutureFrameConfig
    generator: nn.Module
    discriminator: nn.Module
    flow: nn.Module | None
    layout: torch.memory_format
    extras: FutureFrame

    def predict(self, clip_BTCHW: Tensor) -> Tensor:
        """The last frame, drawn from those before it: (B, C, H, W)."""
        past_NCHW = clip_BTCHW[:, :-1].flatten(1, 2).contiguous(memory_format=self.layout)
        drawn_BCHW = cast(Tensor, self.generator(past_NCHW)).float()
        return clip_BTCHW[:, -2] + drawn_BCHW if self.config.residual else drawn_BCHW

    def judge(self, x_NCHW: Tensor) -> Tensor:
        """How likely each patch is real: (N, 1, h, w)."""
        logits: Tensor = self.discriminator(x_NCHW.contiguous(memory_format=self.layout))
        return logits.float().sigmoid()


def plain(
    method: FutureFrame, *, flow: nn.Module | None = None, is_channels_last: bool = False
) -> NaiveFutureFrame:
    """The same with the weights of `method`, which loses its networks, and of SPyNet, if flow is trained with."""
    config = method.config
    generator = NaiveUNet(config.input_frames * config.channels, config.channels, config)
    discriminator = NaiveDiscriminator(config.channels, config)
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (generator, method.generator),
        (discriminator, method.discriminator),
    ]
    spynet = None if flow is None else NaiveSpyNet()
    if flow is not None and spynet is not None:
        pairs.append((spynet.requires_grad_(False), flow))
    for own, given in pairs:
        own.load_state_dict(given.state_dict())
        if is_channels_last:
            use_channels_last(own)
    del method.generator, method.discriminator
    layout = torch.channels_last if is_channels_last else torch.contiguous_format
    return NaiveFutureFrame(config, generator, discriminator, spynet, layout, method)


def train_step(
    net: NaiveFutureFrame, clip_BTCHW: Tensor, both: Optimisers, precision: Context, *, clip_norm: float
) -> None:
    """The discriminator's step, then the generator's against the new discriminator."""
    with precision():
        prediction = net.predict(clip_BTCHW)
    for player, optimiser, losses in (
        (net.discriminator, both.discriminator, discriminator_losses),
        (net.generator, both.generator, generator_losses),
    ):
        optimiser.zero_grad()
        # Autocast keeps the weights it has cast until it is left: the new discriminator's have to be cast anew.
        with precision():
            loss = losses(net, prediction, clip_BTCHW)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(player.parameters(), clip_norm)
        optimiser.step()


def discriminator_losses(
    net: NaiveFutureFrame, prediction_BCHW: Tensor, clip_BTCHW: Tensor
) -> dict[str, Tensor]:
    """Least squares; the prediction is detached."""
    real, fake = net.judge(clip_BTCHW[:, -1]), net.judge(prediction_BCHW.detach())
    return {"loss": ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2}


def generator_losses(net: NaiveFutureFrame, prediction_BCHW: Tensor, clip_BTCHW: Tensor) -> dict[str, Tensor]:
    """Each of the paper's four terms, and their weighted sum."""
    truth, weights = clip_BTCHW[:, -1], net.config.loss
    terms = {
        "intensity": F.mse_loss(prediction_BCHW, truth),
        "gradient": gradient_difference(prediction_BCHW, truth).mean(),
        "adversarial": ((net.judge(prediction_BCHW) - 1) ** 2).mean() / 2,
    }
    if weights.flow:
        assert net.flow is not None
        terms["flow"] = flow_difference(net.flow, clip_BTCHW[:, -2], prediction_BCHW, truth)
    total = sum(weights.model_dump()[name] * term for name, term in terms.items())
    return {"loss": cast(Tensor, total), **terms}


def gradient_difference(fake_BCHW: Tensor, real_BCHW: Tensor) -> Tensor:
    """Difference of |pixel - neighbour|, across plus down, of each picture: (B,)."""

    def across(x: Tensor) -> Tensor:
        return (x[..., 1:] - x[..., :-1]).abs()

    def down(x: Tensor) -> Tensor:
        return (x[..., 1:, :] - x[..., :-1, :]).abs()

    differences = [(of(fake_BCHW) - of(real_BCHW)).abs().mean(dim=(1, 2, 3)) for of in (across, down)]
    return differences[0] + differences[1]


def flow_difference(
    flow: nn.Module, last_BCHW: Tensor, prediction_BCHW: Tensor, truth_BCHW: Tensor
) -> Tensor:
    """Mean difference of the flows from the last frame to the predicted and to the real one."""
    last, fake, real = (
        ((x.float() + 1) / 2).expand(-1, 3, -1, -1) for x in (last_BCHW, prediction_BCHW, truth_BCHW)
    )
    with torch.no_grad():
        real_B2HW = flow(last, real)
    error_B2HW: Tensor = (flow(last, fake) - real_B2HW).abs()
    return error_B2HW.mean()


def score(net: NaiveFutureFrame, clip_BTCHW: Tensor) -> Scores:
    """-PSNR of the predicted frame, the map of its squared error, and the terms."""
    prediction, truth, extras = net.predict(clip_BTCHW), clip_BTCHW[:, -1], net.extras
    fake_B1CHW, real_B1CHW = ((x[:, None] + 1) / 2 for x in (prediction, truth))
    error_B1HW = ((fake_B1CHW - real_B1CHW) ** 2).mean(dim=2)
    intensity_B1 = error_B1HW.mean(dim=(2, 3))
    parts = {
        "intensity": intensity_B1,
        "gradient": gradient_difference(fake_B1CHW[:, 0], real_B1CHW[:, 0])[:, None],
        "motion": DisplacementScore(box_px=extras.motion.box_px, enlarge=extras.motion.enlarge)(
            error_B1HW, real_B1CHW, fake_B1CHW
        ),
        "intensity_box": cast(Tensor, extras.box_score(error_B1HW, real_B1CHW, fake_B1CHW)),
    }
    score_B1 = (
        cast(Tensor, extras.fuse(parts))
        if extras.fuse
        else 10 * intensity_B1.clamp_min(LEAST_SQUARED_ERROR).log10()
    )
    return Scores(score_B1, box_blur(error_B1HW, box_px=extras.map_blur_px), parts)


class NaiveUNet(nn.Module):
    """Two convolutions a level, pooling down, transposed convolutions up, skips across."""

    def __init__(self, channels_in: int, channels_out: int, config: FutureFrameConfig) -> None:
        super().__init__()
        widths = config.widths
        self.down = nn.ModuleList(_two_convs(a, b) for a, b in pairwise((channels_in, *widths)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.join = nn.ModuleList(_two_convs(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], channels_out, 3, padding=1)
        self.residual = config.residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H, W)."""
        skips: list[Tensor] = []
        for level in self.down[:-1]:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for up, join in zip(reversed(self.up), reversed(self.join), strict=True):
            x = join(torch.cat([skips.pop(), up(x)], dim=1))
        x = self.head(x)
        return x if self.residual else x.tanh()


class NaiveDiscriminator(nn.Module):
    """4x4 convolutions with LeakyReLU, and one to logits of patches."""

    def __init__(self, channels: int, config: FutureFrameConfig) -> None:
        super().__init__()
        widths, strides = config.discriminator_widths, config.discriminator_strides
        layers = zip(pairwise((channels, *widths)), strides, strict=True)
        self.convs = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 4, stride, padding=1), nn.LeakyReLU(0.2, inplace=True))
                for (a, b), stride in layers
            )
        )
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, 1, h, w)."""
        out: Tensor = self.head(self.convs(x))
        return out


class NaiveSpyNet(nn.Module):
    """From the coarsest level up: enlarge the flow, warp the second picture by it, add what a small network finds."""

    def __init__(self) -> None:
        super().__init__()
        self.basic = nn.ModuleList(_flow_level() for _ in range(6))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], sides multiples of 32, to the flow (B, 2, H, W)."""
        mean, deviation = (
            first.new_tensor(values)[:, None, None]
            for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        pyramid = [((first - mean) / deviation, (second - mean) / deviation)]
        for _ in range(5):
            pyramid.append((F.avg_pool2d(pyramid[-1][0], 2), F.avg_pool2d(pyramid[-1][1], 2)))
        flow = torch.zeros_like(pyramid[-1][0][:, :2])
        for level, network in enumerate(self.basic):
            first, second = pyramid[5 - level]
            if level:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear")
            flow = flow + network(torch.cat([first, _warped(second, flow), flow], dim=1))
        return flow


def _warped(x: Tensor, flow: Tensor) -> Tensor:
    """out(p) = x(p + flow(p)); beyond the border the nearest pixel."""
    height, width = x.shape[2:]
    y, x_ = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    across = 2 * (x_ + flow[:, 0] + 0.5) / width - 1
    down = 2 * (y + flow[:, 1] + 0.5) / height - 1
    grid = torch.stack([across, down], dim=3)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _two_convs(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.ReLU(inplace=True),
    )


def _flow_level() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise((8, 32, 64, 32, 16, 2)):
        layers += [nn.Conv2d(before, after, 7, padding=3), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])
