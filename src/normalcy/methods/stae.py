"""Spatio-temporal autoencoder: ConvLSTM reconstruction of normal clips.

Yong Shean Chong and Yong Haur Tay, "Abnormal Event Detection in Videos using Spatiotemporal Autoencoder",
ISNN 2017, arXiv 1701.01546, https://arxiv.org/abs/1701.01546

    clip 227 -> conv 11x11 /4 -> 55 -> conv 5x5 /2 -> 26 -> ConvLSTM 64, 32, 64 -> 26 -> deconv -> 55 -> deconv -> 227

Deviations:
- The output layer is linear: the input has unit variance and reaches beyond the range of the paper's tanh.
- "Unit variance" is one number for all pixels, as a deviation per pixel would lift quiet, far places.
- Batches of 8 instead of 64, and 50 epochs of 480 clips each: a budget that a plain CPU can pay, spent on many small
  steps. The learning rate falls along a cosine. `--set training.clips_per_epoch=null` takes every clip in each epoch.
- The forget gates' bias starts at 1.
- The paper scores each frame by its own error, with minimum and maximum of the whole test video; that protocol is
  computed beside ours. Our score is the mean error of the clip that ends at the frame: causal, and steadier.
- The preset `small` is a variant and not the paper's method: it has to restore frames that it does not see.

Letters: B clips, T frames, C channels, D features, H height, W width, h and w the encoded height and width.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor, nn

from normalcy.config import StrictConfig
from normalcy.layers.conv_blocks import ConvBlock, DeconvBlock, leftover, valid_size
from normalcy.layers.conv_lstm import ConvLSTM
from normalcy.layers.displacement import DisplacementScore, grey_levels
from normalcy.layers.frame_score import FrameScoreConfig, build_frame_score
from normalcy.layers.shapes import per_frame
from normalcy.methods.base import Method, MethodDefinition, Preset
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.methods.flow_terms import FlowTerm
from normalcy.methods.graph import GraphScores, measured

# (kernel, stride) of the two convolutions; both valid: 227 -> 55 -> 26.
FIRST, SECOND = (11, 4), (5, 2)


Channels = Annotated[int, Field(ge=1)]


class StaeConfig(StrictConfig):
    """Sizes of the spatio-temporal autoencoder; the defaults are the paper's.

    Attributes:
        size_px: (height, width) of the frames it reads.
        clip_len_frames: Frames in a clip.
        encoder_channels: Channels of the two convolutions.
        lstm_channels: State channels of the ConvLSTMs; the last equals the encoder's last.
        hidden_frames: Frames of the clip that the network does not see (they are replaced by the mean image) but has to
            restore, and on which alone it is trained and scored. None in the paper, which lets it see what it scores.
        map_blur_px: Side of the box over which the map is averaged, odd; 1 leaves each pixel's own error.
        score_span: Whose error is scored: the whole clip's, given to its newest frame, or each frame's own.
        frame_score: From error map to frame score.
        compare_frame_scores: Further choices, reported as parts of the score.
    """

    size_px: tuple[int, int] = (227, 227)
    clip_len_frames: int = Field(10, ge=2)
    encoder_channels: tuple[Channels, Channels] = (128, 64)
    lstm_channels: tuple[Channels, ...] = Field((64, 32, 64), min_length=1)
    hidden_frames: tuple[int, ...] = ()
    map_blur_px: int = Field(1, ge=1)
    score_span: Literal["clip", "frame"] = "clip"
    frame_score: FrameScoreConfig = FrameScoreConfig()
    compare_frame_scores: tuple[FrameScoreConfig, ...] = ()

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        half_px = valid_size(self.size_px, kernel=FIRST[0], stride=FIRST[1])
        if min(valid_size(half_px, kernel=SECOND[0], stride=SECOND[1])) < 1:
            raise ValueError(f"size_px {self.size_px} is too small: 27 px is the least")
        if self.lstm_channels[-1] != self.encoder_channels[-1]:
            raise ValueError(
                f"lstm_channels end in {self.lstm_channels[-1]}, the decoder expects encoder_channels' last, "
                f"{self.encoder_channels[-1]}"
            )
        if self.map_blur_px % 2 == 0:
            raise ValueError(f"map_blur_px is {self.map_blur_px}, it must be odd")
        names = [choice.name for choice in self.compare_frame_scores]
        if len(set(names)) < len(names):
            raise ValueError(f"compare_frame_scores names one choice twice: {', '.join(names)}")
        return self

    @field_validator("hidden_frames")
    @classmethod
    def _within_the_clip(cls, hidden: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        places = range(info.data.get("clip_len_frames", 0))
        if list(hidden) != [place for place in places if place in hidden] or len(hidden) == len(places):
            raise ValueError(f"hidden_frames must be some, not all, of {places}, ascending")
        return hidden


class SpatialEncoder(nn.Module):
    """Two valid convolutions on every frame: (B, T, 1, H, W) -> (B, T, D, h, w)."""

    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        wide, deep = channels
        self.first = ConvBlock(1, wide, kernel=FIRST[0], stride=FIRST[1], activation=nn.Tanh())
        self.second = ConvBlock(wide, deep, kernel=SECOND[0], stride=SECOND[1], activation=nn.Tanh())

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        """Encodes each frame by itself."""
        return per_frame(lambda x_NCHW: self.second(self.first(x_NCHW)), x_BTCHW)


class TemporalCoder(nn.Module):
    """A stack of ConvLSTMs over the encoded frames: (B, T, D, h, w) -> (B, T, D, h, w)."""

    def __init__(self, in_channels: int, state_channels: tuple[int, ...]) -> None:
        super().__init__()
        widths = (in_channels, *state_channels)
        self.layers = nn.Sequential(*(ConvLSTM(a, b) for a, b in pairwise(widths)))

    def forward(self, features_BTDhw: Tensor) -> Tensor:
        """Runs through the clip once per layer."""
        out: Tensor = self.layers(features_BTDhw)
        return out


class SpatialDecoder(nn.Module):
    """Mirror of the encoder: (B, T, D, h, w) -> (B, T, 1, H, W)."""

    def __init__(self, channels: tuple[int, int], *, size_px: tuple[int, int]) -> None:
        super().__init__()
        wide, deep = channels
        half_px = valid_size(size_px, kernel=FIRST[0], stride=FIRST[1])
        self.first = DeconvBlock(
            deep,
            wide,
            kernel=SECOND[0],
            stride=SECOND[1],
            activation=nn.Tanh(),
            output_padding=leftover(half_px, kernel=SECOND[0], stride=SECOND[1]),
        )
        self.second = DeconvBlock(
            wide,
            1,
            kernel=FIRST[0],
            stride=FIRST[1],
            activation=nn.Identity(),
            output_padding=leftover(size_px, kernel=FIRST[0], stride=FIRST[1]),
        )

    def forward(self, features_BTDhw: Tensor) -> Tensor:
        """Decodes each frame by itself."""
        return per_frame(lambda x_NCHW: self.second(self.first(x_NCHW)), features_BTDhw)


class Stae(Method):
    """The spatio-temporal autoencoder with its normalisation and its score."""

    mean_image_CHW: Tensor
    deviation: Tensor

    def __init__(self, config: StaeConfig) -> None:
        super().__init__()
        self.config = config
        self.judged_frames = list(config.hidden_frames or range(config.clip_len_frames))
        scored = self.judged_frames[-1:] if config.score_span == "clip" else self.judged_frames
        self.clip = ClipSpec(config.clip_len_frames, config.size_px, channels=1, scored_frames=tuple(scored))
        self.encoder = SpatialEncoder(config.encoder_channels)
        self.temporal = TemporalCoder(config.encoder_channels[1], config.lstm_channels)
        self.decoder = SpatialDecoder(config.encoder_channels, size_px=config.size_px)
        self.register_buffer("mean_image_CHW", torch.full((1, *config.size_px), 0.5))
        self.register_buffer("deviation", torch.tensor(0.25))
        blur_px = config.map_blur_px
        self.map_blur = nn.AvgPool2d(blur_px, stride=1, padding=blur_px // 2, count_include_pad=False)
        self.score_terms = ("reconstruction",)
        self.frame_score = build_frame_score(config.frame_score, size_px=config.size_px)
        self.compared = nn.ModuleDict(
            {
                choice.name: build_frame_score(choice, size_px=config.size_px)
                for choice in config.compare_frame_scores
            }
        )

    def observe(self, videos: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Learns the mean image and the deviation about it from videos, each uint8 (T, 1, H, W)."""
        mean_CHW, deviation = mean_image_and_deviation(videos)
        self.mean_image_CHW.copy_(torch.from_numpy(mean_CHW))
        self.deviation.fill_(deviation)

    def normalise(self, clip_BTCHW: Tensor) -> Tensor:
        """From [0, 1] to zero mean per pixel and unit variance."""
        return (clip_BTCHW - self.mean_image_CHW) / self.deviation

    def reconstruct(self, normalised_BTCHW: Tensor) -> Tensor:
        """Encoder, ConvLSTMs and decoder, all frames; float32 whatever the precision inside."""
        if self.config.hidden_frames:
            normalised_BTCHW = normalised_BTCHW.clone()
            normalised_BTCHW[:, list(self.config.hidden_frames)] = 0
        out: Tensor = self.decoder(self.temporal(self.encoder(normalised_BTCHW)))
        return out.float()

    def judged_error(self, clip_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error (B, T, H, W) in units of the training variance, and the rebuilt clip in [0, 1].

        T counts the frames that are trained and scored on: the hidden ones, or all.
        """
        real_BTCHW = self.normalise(clip_BTCHW)
        rebuilt_BTCHW = self.reconstruct(real_BTCHW)[:, self.judged_frames]
        error_BTHW = (rebuilt_BTCHW - real_BTCHW[:, self.judged_frames]).square().mean(dim=2)
        return error_BTHW, rebuilt_BTCHW * self.deviation + self.mean_image_CHW

    def losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Mean squared reconstruction error, in units of the training variance."""
        error_BTHW, _ = self.judged_error(clip_BTCHW)
        return {"loss": error_BTHW.mean()}

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores the newest frame by the error of the whole clip, or every frame by its own.

        The map is the squared error that is scored, in units of the training variance.
        """
        return measured(self.graph(clip_BTCHW), self.flow_terms())

    def graph(self, clip_BTCHW: Tensor) -> GraphScores:
        """The same without comparison by optical flow."""
        own_BTHW, predicted_BTCHW = self.judged_error(clip_BTCHW)
        clip_BTCHW, map_BTHW = clip_BTCHW[:, self.judged_frames], own_BTHW
        if self.config.score_span == "clip":
            map_BTHW, own_BTHW = own_BTHW.mean(dim=1, keepdim=True), own_BTHW[:, -1:]
            clip_BTCHW, predicted_BTCHW = clip_BTCHW[:, -1:], predicted_BTCHW[:, -1:]
        score_BT = self.frame_score(map_BTHW, clip_BTCHW, predicted_BTCHW)
        parts = {"reconstruction": map_BTHW.mean(dim=(2, 3)), "frame_error": own_BTHW.mean(dim=(2, 3))}
        for name, choice in self.compared.items():
            if not isinstance(choice, DisplacementScore):
                parts[name] = choice(map_BTHW, clip_BTCHW, predicted_BTCHW)
        scores = Scores(score_BT, self.map_blur(map_BTHW), parts)
        if not self.flow_terms():
            return GraphScores(scores)
        return GraphScores(scores, grey_levels(clip_BTCHW), grey_levels(predicted_BTCHW))

    def flow_terms(self) -> tuple[FlowTerm, ...]:
        """Comparison by optical flow, where that is among the choices."""
        return tuple(
            FlowTerm(name, box_px=choice.box_px, enlarge=choice.enlarge)
            for name, choice in self.compared.items()
            if isinstance(choice, DisplacementScore)
        )


def mean_image_and_deviation(
    videos: Iterable[npt.NDArray[np.uint8]],
) -> tuple[npt.NDArray[np.float32], float]:
    """Mean image (C, H, W) and the standard deviation about it, both for values in [0, 1]; exact sums."""
    count, total, squares = 0, np.zeros(1, np.float64), np.zeros(1, np.float64)
    for video_TCHW in videos:
        for part_TCHW in np.array_split(video_TCHW, max(1, len(video_TCHW) // 64)):
            total = total + part_TCHW.sum(axis=0, dtype=np.uint64)
            squares = squares + np.square(part_TCHW, dtype=np.uint32).sum(axis=0, dtype=np.uint64)
        count += len(video_TCHW)
    mean_CHW = total / count
    variance = float((squares / count - np.square(mean_CHW)).mean())
    # A camera that shows one still picture has no variance; one grey level keeps the scale finite.
    return (mean_CHW / 255).astype(np.float32), max(variance, 1.0) ** 0.5 / 255


COMPARED = tuple({"name": name} for name in ("box-maximum", "gradient-normalised", "displacement"))

METHOD = MethodDefinition(
    name="stae",
    title="Spatio-temporal autoencoder",
    paper="Chong and Tay, ISNN 2017, https://arxiv.org/abs/1701.01546",
    config=StaeConfig,
    build=Stae,
    training="reconstruct",
    paper_protocol="regularity",
    scoring_only=frozenset({"map_blur_px", "score_span", "frame_score", "compare_frame_scores"}),
    switches={"hidden frames": {"model.hidden_frames": []}},
    frames_setting="model.clip_len_frames",
    part_words={
        "reconstruction": "looks unlike normal video for a while",
        "frame_error": "looks unlike normal video",
    },
    presets={
        "paper": Preset(
            model={"compare_frame_scores": COMPARED},
            training={"epochs": 50, "clips_per_epoch": 480, "learning_rate_end": 0.05},
        ),
        # For a laptop and a minute. It must restore four frames it cannot see, and learns ordinary speed alone: a
        # runner is then where it does not expect him.
        "small": Preset(
            variant="restores four hidden frames",
            model={
                "size_px": (67, 99),
                "encoder_channels": (32, 32),
                "lstm_channels": (32, 32),
                "hidden_frames": (6, 7, 8, 9),
                "score_span": "frame",
                "map_blur_px": 7,
                "compare_frame_scores": COMPARED[:2],
            },
            training={
                "epochs": 20,
                "clips_per_epoch": 480,
                "clip_strides": (1,),
                "learning_rate": 3e-3,
                "learning_rate_end": 0.03,
            },
        ),
    },
)
