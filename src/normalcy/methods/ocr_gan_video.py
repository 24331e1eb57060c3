"""OCR-GAN Video: a GAN that rebuilds normal clips from a high and a low frequency stream, with attention across time.

After Yufei Liang, Jiangning Zhang, Shiwei Zhao, Runze Wu, Yong Liu and Shuwen Pan, "Omni-frequency Channel-selection
Representations for Unsupervised Anomaly Detection", IEEE TIP 2023, https://arxiv.org/abs/2203.00259, which is for still
pictures; attention across time, fusion over time and temporal losses make it one for video.

    clip -> (hide frames) -> split -> high, low -> + noise, + 0.1 x temporal fusion -> dual-stream U-Net -> high + low
                                                                                            |
    clip, rebuilt clip -> discriminator with attention across time -> real or fake, features

Deviations:
- The task `restore` is not the paper's. A network that sees a frame learns to copy it, anomalies included; here only
  every fourth frame is visible (and the first), the newest two or four are hidden as well, and the network adds what is
  missing to a linear interpolation, or to a copy of the last visible frame. The presets `...-reconstruct` keep the
  literal form: the clip goes in with noise and comes out again.
- In `restore`, the content loss and the discriminator see the hidden frames only; the visible ones are copied. Each
  hidden frame comes with the two visible ones it lies between (a predicted one with the last two, or without
  `extrapolate` the last one) and, in place of a mask, with where it lies between or beyond them; noise is on the frame
  itself only.
- In `restore`, the MSE weighs 20 within the content loss, not 0.1, and the noise is 0.01.
- `laplacian` splits off the response of a Laplacian; what is left, x minus that response, is a sharpened picture and
  no low band. The default `pyramid` is the paper's split.
- Errors of the high and the low band are the bands of the error of the sum: only the sum is trained
  (unless `loss.streams`).
- A frame is scored by the latest run of hidden frames, which it ends: by their mean displacement (optical flow from
  predicted to real) and, at half the weight, their error in the high band, as z-scores (`restore`). In `reconstruct` it
  is scored by the clip: 0.9 times the mean error and 0.1 times that of the features, which as they are is nearly the
  features' alone: they differ ten times as much.
- The attention loss is on the bottleneck's attention alone.
- Scoring adds no noise, so that a score depends on its clip alone; `scoring_noise` adds seeded noise, the same for all.
- Both players' gradients come from one pass through both networks, each by its own weights, and both step together.
- The outputs are linear, not tanh: each stream holds a part of the picture that may leave its range.
- Frames are 3:2 (but in `paper`): squeezed into a square, motion across the picture shrinks by a third. The
  discriminator's features are then 100x7x11 at `compact`, 100x7x7 at 64 px square.
- Pixels of 2x2 blocks (4x4 at `standard`) become channels at once, so that no level works at full size.
- The presets read grey frames; `channels: 3` reads colour. Attention has 4 heads but in `paper`, which has 8.

Letters: B clips, T frames, C channels, H height, W width, h and w the size of features, A heads, P places.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.attention_score import attention_score_of
from normalcy.layers.coarse_grid import to_grid
from normalcy.layers.displacement import grey_levels
from normalcy.layers.dual_stream_unet import DualStreamUNet
from normalcy.layers.frame_score import box_blur, build_frame_score
from normalcy.layers.frequency_split import FrequencySplit
from normalcy.layers.hidden_frames import HiddenFrames
from normalcy.layers.score_fusion import ScoreFusion
from normalcy.layers.spread_batch import deviation, normal_like, whole_rows
from normalcy.layers.temporal_fusion import TemporalFusion
from normalcy.layers.temporal_losses import (
    attention_loss,
    consistency_loss,
    motion_loss,
)
from normalcy.layers.video_discriminator import VideoDiscriminator
from normalcy.methods.base import AdversarialLosses, Method, MethodDefinition
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.methods.flow_terms import FlowTerm
from normalcy.methods.graph import GraphScores, fused_later, measured
from normalcy.methods.ocr_gan_video_settings import (
    LADDER,
    PRESETS,
    SCORING_ONLY,
    SWITCHES,
    OcrGanVideoConfig,
    PartName,
)

Streams = tuple[Tensor, Tensor]


class Rebuilt(NamedTuple):
    """What the generator makes of a clip, each (B, T, C, H, W), and how its bottleneck attended, if that was asked for.

    Attributes:
        high: High frequencies, rebuilt.
        low: Low frequencies, rebuilt.
        attention: Weights of each stream: (B, A, P, T, T).
        attended: Features of each stream that came out of it: (B, T, D, h, w).
    """

    high: Tensor
    low: Tensor
    attention: tuple[Tensor, ...] = ()
    attended: tuple[Tensor, ...] = ()

    @property
    def video(self) -> Tensor:
        """The rebuilt clip."""
        return self.high + self.low


class Generator(nn.Module):
    """From a clip to its rebuilt high and low frequencies."""

    def __init__(self, config: OcrGanVideoConfig) -> None:
        super().__init__()
        self.config = config
        frames, channels = config.clip_len_frames, config.channels
        self.hide = (
            HiddenFrames(frames, hidden=config.hidden, extrapolate=config.extrapolate)
            if config.hidden
            else None
        )
        self.split = FrequencySplit(config.split)
        self.fusion = (
            TemporalFusion(
                channels,
                paths=config.fusion_paths,
                width=config.fusion_width,
                heads=config.generator_heads or 1,
                frames=frames,
                grid_stride=config.fusion_grid_stride,
            )
            if config.fusion_paths
            else None
        )
        self.unet = DualStreamUNet(
            3 * channels + 1 if config.hidden else channels,
            channels,
            widths=config.widths,
            stem_stride=config.stem_stride,
            shuffle=config.channel_shuffling,
            heads=config.generator_heads,
            frames=frames,
            grid_strides=config.grid_strides,
            checkpointed=config.checkpointed,
        )
        if config.hidden:
            self.unet.start_at_zero()

    def forward(
        self, clip_BTCHW: Tensor, *, with_attention: bool = False, scoring_noise: float = 0.0
    ) -> Rebuilt:
        """Rebuilds the clip; float32 whatever the precision inside."""
        bands = self.split(clip_BTCHW)
        # Split, then hidden: both are linear in the frames, so the order is free, and this one splits once.
        seen = (self.seen(bands[0]), self.seen(bands[1]))
        high, low = self._with_summary(seen, scoring_noise)
        if self.hide:
            high, low = self._with_neighbours(bands, (high, low))
        (high, low), attention, attended = self._rebuild(high, low, with_attention=with_attention)
        if self.hide:
            mask_T111 = self.hide.mask_T[:, None, None, None]
            high, low = seen[0] + mask_T111 * high, seen[1] + mask_T111 * low
        return Rebuilt(high, low, attention, attended)

    def seen(self, clip_BTCHW: Tensor) -> Tensor:
        """The clip as the network sees it: without the hidden frames."""
        return self.hide(clip_BTCHW) if self.hide else clip_BTCHW

    def _rebuild(
        self, high: Tensor, low: Tensor, *, with_attention: bool
    ) -> tuple[Streams, tuple[Tensor, ...], tuple[Tensor, ...]]:
        (high, low), attention, attended = (
            self.unet.with_weights(high, low) if with_attention else (self.unet(high, low), (), ())
        )
        return (high.float(), low.float()), attention, attended

    def _with_summary(self, seen: Streams, scoring_noise: float) -> Streams:
        """Both streams with noise and the clip's summary over time."""
        high, low = (
            stream + self._noise(stream, scoring_noise, seed=seed) for seed, stream in enumerate(seen)
        )
        if self.fusion is None:
            return high, low
        summary_B1CHW = self.config.fusion_weight * self.fusion(seen[0] + seen[1])[:, None]
        return high + summary_B1CHW, low + summary_B1CHW

    def _with_neighbours(self, bands: Streams, streams: Streams) -> Streams:
        """Both streams with the visible frames that each hidden one lies between, and where between, as channels."""
        assert self.hide is not None
        (before_high, after_high), (before_low, after_low) = map(self.hide.neighbours, bands)
        time = self.hide.time_T[None, :, None, None, None].expand_as(bands[0][:, :, :1])
        high, low = streams
        return (
            torch.cat([high, before_high, after_high, time], dim=2),
            torch.cat([low, before_low, after_low, time], dim=2),
        )

    def _noise(self, like_BTCHW: Tensor, scoring_noise: float, *, seed: int) -> Tensor | float:
        """Fresh noise in training; when scoring none, or the same for every clip."""
        if self.training:
            return self.config.noise * normal_like(like_BTCHW) if self.config.noise else 0.0
        if not scoring_noise:
            return 0.0
        seeded = torch.Generator().manual_seed(seed)
        noise_TCHW = torch.randn(like_BTCHW.shape[1:], generator=seeded).to(like_BTCHW.device)
        return scoring_noise * noise_TCHW


class OcrGanVideo(Method):
    """Generator, discriminator, and the score made of both."""

    guessing_loss = math.log(2)

    def __init__(self, config: OcrGanVideoConfig) -> None:
        super().__init__()
        self.config = config
        self.trained_frames, self.judged_frames = list(config.trained), list(config.judged)
        self.clip = ClipSpec(
            config.clip_len_frames,
            config.size_px,
            channels=config.channels,
            stride_frames=config.stride_frames,
            scored_frames=(config.judged[-1],),
            value_range=(-1.0, 1.0),
        )
        self.generator = Generator(config)
        self.discriminator = VideoDiscriminator(
            config.channels,
            layers=config.discriminator_layers,
            attention=config.discriminator_heads > 0,
            heads=config.discriminator_heads or 1,
            frames=config.clip_len_frames,
        )
        self.error_score = build_frame_score(config.error_score, size_px=config.size_px)
        self.feature_score = build_frame_score(config.feature_score, size_px=config.size_px)
        height = config.size_px[0]
        self.displacement = FlowTerm(
            "displacement",
            box_px=max(1, round(config.displacement_box_fraction * height)),
            enlarge=config.displacement_enlarge,
            preset=config.displacement_preset,
            averaged=True,
        )
        self.map_blur_px = max(1, round(config.map_blur_fraction * height))
        self.fuses_parts = config.score_fusion == "z-scores"
        self.score_terms = tuple(name for name, weight in config.score_weights.items() if weight > 0)
        self.main_attention = f"generator.unet.mix_down.{len(config.widths) - 1}."
        weights = {str(name): weight for name, weight in config.score_weights.items() if weight > 0}
        self.parts: tuple[str, ...] = tuple(dict.fromkeys((*weights, *config.further_parts)))
        self.fuse = ScoreFusion(
            config.score_fusion,
            weights=weights,
            terms=get_args(PartName),
        )

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes the usual size and spread of each term of the score from held-out normal video."""
        self.fuse.observe(parts)

    def adversarial_losses(self, clip_BTCHW: Tensor) -> AdversarialLosses:
        """Losses of both players from one pass."""
        rebuilt = self.generator(clip_BTCHW, with_attention=self._regularises_attention)
        fake, real = rebuilt.video[:, self.trained_frames], clip_BTCHW[:, self.trained_frames]
        of_real, of_fake = self.discriminator(real), self.discriminator(fake)
        temporal = self._temporal_terms(rebuilt, clip_BTCHW)
        terms = {
            "adversarial": _cross_entropy(of_fake.logits_BThw, real=True),
            "content": self._content_loss(rebuilt, clip_BTCHW),
            "latent": _feature_error(of_real.features, of_fake.features),
            # Always a third of the sum, so that leaving one term out does not lift the others.
            "temporal": torch.stack([self._weight(name) * term for name, term in temporal.items()]).sum() / 3,
        }
        loss = torch.stack([self._weight(name) * term for name, term in terms.items()]).sum()
        told_apart = _cross_entropy(of_real.logits_BThw, real=True) + _cross_entropy(
            of_fake.logits_BThw, real=False
        )
        seen = self.generator.seen(clip_BTCHW)[:, self.trained_frames]
        diversity = _diversity(fake - seen, real - seen) if self.config.hidden else _diversity(fake, real)
        return AdversarialLosses(
            {"loss": loss, **terms, **temporal}, {"loss": told_apart / 2, "diversity": diversity}
        )

    @property
    def _regularises_attention(self) -> bool:
        weights = self.config.loss
        return weights.temporal > 0 and weights.attention > 0 and self.config.generator_heads > 0

    def _weight(self, name: str) -> float:
        weight: float = getattr(self.config.loss, name)
        return weight

    def validation_losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Mean squared error of the frames that are trained on, whole and by band."""
        video_BTCHW = self.generator(clip_BTCHW).video
        errors = self._errors(video_BTCHW[:, self.trained_frames], clip_BTCHW[:, self.trained_frames])
        means = {name: error_BTHW.mean() for name, error_BTHW in errors.items()}
        return {"loss": means.pop("reconstruction"), **means}

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores the newest frame of those that are judged.

        The map is the sum of the maps of the score's terms, each in units of what it usually is on normal video.
        """
        scores = measured(self.graph(clip_BTCHW), self.flow_terms())
        return scores._replace(parts={name: scores.parts[name] for name in self.parts})

    def graph(self, clip_BTCHW: Tensor) -> GraphScores:
        """The same without the term `displacement`."""
        rebuilt = self.generator(
            clip_BTCHW,
            with_attention="attention" in self.parts,
            scoring_noise=self.config.scoring_noise,
        )
        maps = self._maps(rebuilt, clip_BTCHW)
        real, fake = self._newest(clip_BTCHW), self._newest(rebuilt.video)
        parts = {name: self._score(name, map_B1HW, real, fake) for name, map_B1HW in maps.items()}
        weighted = [
            self.fuse.weights[name] / self.fuse.level(name) * maps[name]
            for name in self.fuse.weights
            if name in maps
        ]
        map_B1HW = torch.stack([torch.zeros_like(clip_BTCHW[:, :1, 0]), *weighted]).sum(dim=0)
        map_B1HW = box_blur(map_B1HW, box_px=self.map_blur_px)
        score_B1 = self.fuse(parts or {"": map_B1HW[:, :, 0, 0]}, later=("displacement",))
        scores = Scores(score_B1, map_B1HW, parts)
        if "displacement" not in self.parts:
            return GraphScores(scores)
        return GraphScores(
            scores, *(grey_levels(self._measured(each)) for each in (clip_BTCHW, rebuilt.video))
        )

    def flow_terms(self) -> tuple[FlowTerm, ...]:
        """The mean displacement of the measured frames, where it is a part."""
        if "displacement" not in self.parts:
            return ()
        term = fused_later(self.displacement, self.fuse)
        level = float(self.fuse.level(term.name))
        return (replace(term, map_weight=term.weight / level, map_blur_px=self.map_blur_px),)

    def attention_weights(self, clip_BTCHW: Tensor) -> tuple[Tensor, ...]:
        """How each place of the bottleneck attends across time, high stream and low: (B, A, P, T, T) each."""
        rebuilt: Rebuilt = self.generator(clip_BTCHW, with_attention=True)
        return rebuilt.attention

    def _maps(self, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Map of each term of the score, of the size of the frames: (B, 1, H, W)."""
        errors = self._errors(rebuilt.video[:, self.judged_frames], clip_BTCHW[:, self.judged_frames])
        makers: dict[str, Callable[[], Tensor]] = {
            "feature": lambda: self._feature_map(rebuilt, clip_BTCHW),
            "attention": lambda: self._attention_map(rebuilt),
        }
        return {
            name: makers[name]() if name in makers else errors[name].mean(dim=1, keepdim=True)
            for name in self.parts
            if name != "displacement"
        }

    def _score(self, name: str, map_B1HW: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """Term of the score (B, 1) from its map."""
        match name:
            case "feature":
                score_B1: Tensor = self.feature_score(map_B1HW, real, fake)
            case "attention":
                score_B1 = map_B1HW.amax(dim=(2, 3))
            case _:
                score_B1 = self.error_score(map_B1HW, real, fake)
        return score_B1

    def _measured(self, video_BTCHW: Tensor) -> Tensor:
        """The frames whose displacement is measured, in [0, 1]: (B, T, C, H, W)."""
        return (video_BTCHW[:, list(self.config.measured)] + 1) / 2

    def _newest(self, video_BTCHW: Tensor) -> Tensor:
        """The frame that is scored, in [0, 1]: (B, 1, C, H, W)."""
        place = self.judged_frames[-1]
        return (video_BTCHW[:, place : place + 1] + 1) / 2

    def _errors(self, video_BTCHW: Tensor, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Squared error, (B, T, H, W): whole, and of its high and its low frequencies.

        The difference is split, not each stream compared: training looks at the sum of the streams alone, so they may
        drift apart in opposite directions, and what cancels is no error.
        """
        difference_BTCHW = video_BTCHW - clip_BTCHW
        high, low = self.generator.split(difference_BTCHW)
        parts = {"reconstruction": difference_BTCHW, "reconstruction_high": high, "reconstruction_low": low}
        return {name: part_BTCHW.square().mean(dim=2) for name, part_BTCHW in parts.items()}

    def _feature_map(self, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
        """Squared difference of the attended features, mean over features and judged frames: (B, 1, H, W)."""
        real, fake = clip_BTCHW[:, self.trained_frames], rebuilt.video[:, self.trained_frames]
        difference = self.discriminator(real).features[-1] - self.discriminator(fake).features[-1]
        judged = [self.trained_frames.index(place) for place in self.judged_frames]
        error_B1hw = difference[:, judged].square().mean(dim=(1, 2))[:, None]
        return F.interpolate(error_B1hw, size=clip_BTCHW.shape[3:], mode="bilinear")

    def _attention_map(self, rebuilt: Rebuilt) -> Tensor:
        """The attention score of the newest judged frame by place, mean of the streams: (B, 1, H, W)."""
        stride, newest = self.config.grid_strides[-1], self.judged_frames[-1]
        scores = []
        for weights_BAPTT, attended_BTDhw in zip(rebuilt.attention, rebuilt.attended, strict=True):
            grid_BTDhw = to_grid(attended_BTDhw, stride=stride)
            score_BP = attention_score_of(weights_BAPTT, grid_BTDhw.flatten(3), frame=newest)
            scores.append(torch.unflatten(score_BP, 1, grid_BTDhw.shape[3:]))
        score_B1hw = torch.stack(scores).mean(dim=0)[:, None]
        return F.interpolate(score_B1hw, size=self.config.size_px, mode="bilinear")

    def _content_loss(self, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> Tensor:
        """Of the sum of the streams, and of each stream against its own band where that is weighed."""
        loss = self._difference_loss(rebuilt.video - clip_BTCHW)
        if self.config.loss.streams:
            high, low = self.generator.split(clip_BTCHW)
            own = self._difference_loss(rebuilt.high - high) + self._difference_loss(rebuilt.low - low)
            loss = loss + self.config.loss.streams * own
        return loss

    def _difference_loss(self, difference_BTCHW: Tensor) -> Tensor:
        trained = difference_BTCHW[:, self.trained_frames]
        return trained.abs().mean() + self.config.loss.content_square * trained.square().mean()

    def _temporal_terms(self, rebuilt: Rebuilt, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        terms = {
            "consistency": consistency_loss(rebuilt.video, clip_BTCHW, kind=self.config.consistency),
            "motion": motion_loss(rebuilt.video, clip_BTCHW),
        }
        return terms | ({"attention": attention_loss(rebuilt.attention)} if rebuilt.attention else {})


def _cross_entropy(logits_BThw: Tensor, *, real: bool) -> Tensor:
    target = torch.full_like(logits_BThw, float(real), dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(logits_BThw.float(), target)


def _feature_error(real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
    """Mean over layers of the mean squared difference; the real features are a goal, not a means."""
    errors = [(a.detach().float() - b.float()).square().mean() for a, b in zip(real, fake, strict=True)]
    return torch.stack(errors).mean()


def _diversity(fake_BTCHW: Tensor, real_BTCHW: Tensor) -> Tensor:
    """Spread of the fake over the batch by that of the real: near 0 when the generator makes one picture of all."""
    if whole_rows(len(real_BTCHW)) < 2:
        return torch.ones((), device=real_BTCHW.device)
    # Every fourth pixel each way tells as much: 3 ms where all of them take 42 (4 clips of 12 frames, 128 px).
    spread_fake, spread_real = (deviation(each[..., ::4, ::4]).mean() for each in (fake_BTCHW, real_BTCHW))
    return spread_fake / spread_real.clamp_min(1e-6)


METHOD = MethodDefinition(
    name="ocr-gan-video",
    title="OCR-GAN Video",
    paper="After Liang et al., IEEE TIP 2023, https://arxiv.org/abs/2203.00259",
    config=OcrGanVideoConfig,
    build=OcrGanVideo,
    training="adversarial",
    presets=PRESETS,
    scoring_only=SCORING_ONLY,
    switches=SWITCHES,
    ladder=LADDER,
    frames_setting="model.clip_len_frames",
    part_words={
        "displacement": "moves otherwise than predicted",
        "reconstruction": "looks otherwise than predicted",
        "reconstruction_high": "has edges and details that were not predicted",
        "reconstruction_low": "has shapes and shades that were not predicted",
        "feature": "looks wrong to the discriminator",
        "attention": "is attended to in an unusual way",
    },
)
