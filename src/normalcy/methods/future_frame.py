"""Future frame prediction: the next frame is predicted from those before it; what cannot be predicted is abnormal.

Wen Liu, Weixin Luo, Dongze Lian and Shenghua Gao, "Future Frame Prediction for Anomaly Detection - A New Baseline",
CVPR 2018, https://arxiv.org/abs/1712.09867

    4 frames -> U-Net -> predicted frame -> PSNR against the real one
                               |
              intensity, gradients, optical flow (frozen network), PatchGAN: what training compares

Deviations:
- Optical flow is SPyNet's or RAFT-small's, by default at half the resolution, not FlowNet2-SD's, whose weights are for
  research only (`flow.network=flownet2-sd` takes them). `loss.flow=0` trains without any.
- What the paper leaves open: convolutions pad with zeros, the discriminator has no normalisation, and flow is compared
  in pixels of the frames that the network reads. So the weight of the flow loss depends on their size.
- PSNR takes the span of pixel values for its peak, not the largest value of each predicted frame.
- The raw score is -PSNR, which a live camera can have; the paper scales it by the smallest and largest of the whole
  test video (`paper_protocol_auc`).
- Means over pixels take the place of the paper's sums, so that the other weights hold for every size.
- Both players' gradients come from one pass, each by its own weights, and both step together. Gradients are clipped.
  The weights with the highest PSNR on held-out normal video are kept.
- An epoch draws every clip equally often, not every video: the clips of a short video are no more telling.
- Presets: `paper` is the paper's at its size. `paper-128` is its network for 128x128 grey pixels, `small` has half its
  features as well; both weigh the flow loss with 0.01, for budgets that a CPU can pay. `residual` and `one-frame` are
  variants of ours, with a score of ours.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from torch import Tensor

from normalcy.config import StrictConfig
from normalcy.errors import ConfigError
from normalcy.layers.displacement import grey_levels
from normalcy.layers.flow_networks import FrozenFlow, flow_network
from normalcy.layers.frame_score import FrameScoreConfig, box_blur, build_frame_score
from normalcy.layers.patch_discriminator import PatchDiscriminator
from normalcy.layers.prediction_losses import (
    GUESSING_LOSS,
    discriminator_loss,
    flow_loss,
    generator_loss,
    gradient_difference,
    gradient_loss,
    intensity_loss,
    psnr,
)
from normalcy.layers.score_fusion import ScoreFusion
from normalcy.layers.unet import UNet
from normalcy.methods.base import AdversarialLosses, Method, MethodDefinition, Preset
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.methods.flow_terms import FlowTerm
from normalcy.methods.graph import GraphScores, fused_later, measured

Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
PartName = Literal["intensity", "gradient", "motion", "intensity_box"]
FlowName = Literal["spynet", "raft-small", "flownet2-sd"]


class PredictionLossWeights(StrictConfig):
    """Weights of the generator's loss; the paper's for Ped2.

    Its others: intensity 0.001 on Avenue, flow 0.01 on Ped1.

    Attributes:
        intensity: Mean squared error.
        gradient: Difference of the gradients' magnitudes.
        flow: Difference of the flows from the last frame to the real and to the predicted one, in pixels.
        adversarial: How far the discriminator takes the prediction for generated.
    """

    intensity: Weight = 1.0
    gradient: Weight = 1.0
    flow: Weight = 2.0
    adversarial: Weight = 0.05


class FlowConfig(StrictConfig):
    """The frozen flow network of the flow loss; only training needs it.

    Attributes:
        network: Which.
        weights: Its file; null fetches the public one, once.
        scale: Flow is computed on frames so many times larger.
        iterations: Refinements of a network that refines.
    """

    network: FlowName = "spynet"
    weights: Path | None = None
    scale: float = Field(0.5, gt=0, le=2)
    iterations: Count = 4


class FutureFrameConfig(StrictConfig):
    """Settings of future frame prediction; the defaults are the paper's.

    Attributes:
        size_px: (height, width) of the frames it reads.
        channels: 3 for colour, or grey repeated; 1 for grey.
        input_frames: Frames that the prediction is made from.
        residual: Whether the network adds to the last frame or draws the next one whole.
        widths: Features of the generator by level.
        discriminator_widths: Features of the discriminator's convolutions.
        discriminator_strides: Their strides.
        loss: Weights of the generator's loss.
        flow: Where its optical flow comes from.
        score_weights: Terms of the score by weight, added as z-scores of their logarithms; without any, -PSNR in dB.
        box_score: From the map of squared error to the term `intensity_box`.
        displacement_box_fraction: Side of the box over which the displacement of the prediction is averaged, as a
            fraction of the height.
        displacement_enlarge: Frames are made so many times larger before displacement is measured.
        map_blur_fraction: Side of the box over which the map is averaged, as a fraction of the height.
    """

    size_px: tuple[Count, Count] = (256, 256)
    channels: Literal[1, 3] = 3
    input_frames: Count = 4
    residual: bool = False
    widths: tuple[Count, ...] = Field((64, 128, 256, 512), min_length=1)
    discriminator_widths: tuple[Count, ...] = Field((128, 256, 512, 512), min_length=1)
    discriminator_strides: tuple[Count, ...] = Field((2, 2, 2, 1), min_length=1)
    loss: PredictionLossWeights = PredictionLossWeights()
    flow: FlowConfig = FlowConfig()
    score_weights: dict[PartName, Weight] = Field({}, validate_default=True)
    box_score: FrameScoreConfig = FrameScoreConfig(name="gradient-normalised", box_fraction=0.2)
    displacement_box_fraction: float = Field(0.2, gt=0, le=1)
    displacement_enlarge: int = Field(1, ge=1, le=8)
    map_blur_fraction: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        multiple = 2 ** (len(self.widths) - 1)
        if any(side % multiple for side in self.size_px):
            raise ValueError(
                f"size_px {self.size_px} must be multiples of {multiple} with {len(self.widths)} widths"
            )
        if len(self.discriminator_strides) != len(self.discriminator_widths):
            raise ValueError(
                f"discriminator_strides {self.discriminator_strides} must have one entry for each of "
                f"discriminator_widths {self.discriminator_widths}"
            )
        if not any(self.loss.model_dump().values()):
            raise ValueError("loss weighs every term with 0")
        if self.score_weights and not any(self.score_weights.values()):
            raise ValueError("score_weights weighs every term of the score with 0")
        return self


class FutureFrame(Method):
    """Generator, discriminator, and the score of the predicted frame."""

    guessing_loss = GUESSING_LOSS

    def __init__(self, config: FutureFrameConfig) -> None:
        super().__init__()
        self.config = config
        newest = config.input_frames
        self.clip = ClipSpec(
            newest + 1,
            config.size_px,
            channels=config.channels,
            scored_frames=(newest,),
            value_range=(-1.0, 1.0),
        )
        self.generator = UNet(
            newest * config.channels,
            config.channels,
            widths=config.widths,
            activation="none" if config.residual else "tanh",
        )
        if config.residual:
            self.generator.start_at_zero()
        self.discriminator = PatchDiscriminator(
            config.channels, widths=config.discriminator_widths, strides=config.discriminator_strides
        )
        # Neither trained nor saved: a list hides it from torch's book of modules.
        self._flow: list[FrozenFlow] = []
        height = config.size_px[0]
        self.box_score = build_frame_score(config.box_score, size_px=config.size_px)
        self.motion = FlowTerm(
            "motion",
            box_px=max(1, round(config.displacement_box_fraction * height)),
            enlarge=config.displacement_enlarge,
        )
        self.map_blur_px = max(1, round(config.map_blur_fraction * height))
        weights = {str(name): weight for name, weight in config.score_weights.items() if weight > 0}
        self.fuses_parts = bool(weights)
        self.score_terms = tuple(weights) or ("intensity",)
        self.fuse = ScoreFusion("z-scores", weights=weights, terms=get_args(PartName)) if weights else None

    def begin_training(self) -> None:
        """Loads the flow network.

        Raises:
            ConfigError: The flow loss is weighed, and its network or weights are missing.
        """
        flow = self.config.flow
        if not self.config.loss.flow or self._flow:
            return
        try:
            network = flow_network(
                flow.network, weights=flow.weights, scale=flow.scale, iterations=flow.iterations
            )
        except ConfigError as error:
            settings = "The settings are model.flow.weights, model.flow.network and model.loss.flow"
            raise ConfigError(error.what, where=error.where, hint=f"{error.hint}. {settings}") from error
        self._flow.append(network)

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes the usual size and spread of each term of the score from held-out normal video."""
        assert self.fuse is not None
        self.fuse.observe(parts)

    def predict(self, past_BTCHW: Tensor) -> Tensor:
        """The frame after `past_BTCHW` (T is `input_frames`): (B, C, H, W), float32 in [-1, 1] but for a residual."""
        drawn_BCHW: Tensor = self.generator(past_BTCHW.flatten(1, 2)).float()
        return past_BTCHW[:, -1] + drawn_BCHW if self.config.residual else drawn_BCHW

    def adversarial_losses(self, clip_BTCHW: Tensor) -> AdversarialLosses:
        """Losses of both players from one pass; terms without weight are not computed."""
        weights: dict[str, float] = self.config.loss.model_dump()
        past, truth = clip_BTCHW[:, :-1], clip_BTCHW[:, -1]
        prediction, judged = self.predict(past), dict[str, Tensor]()
        makers: dict[str, Callable[[], Tensor]] = {
            "intensity": lambda: intensity_loss(prediction, truth),
            "gradient": lambda: gradient_loss(prediction, truth),
            # Through the frozen network the gradient reaches the prediction; of the truth there is none to send.
            "flow": lambda: self._flow_loss(past[:, -1], prediction, truth),
        }
        terms = {name: make() for name, make in makers.items() if weights[name]}
        if weights["adversarial"]:
            of_truth, of_prediction = self.discriminator(truth), self.discriminator(prediction)
            terms["adversarial"] = generator_loss(of_prediction)
            judged["loss"] = discriminator_loss(of_truth, of_prediction)
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        return AdversarialLosses({"loss": loss, **terms}, judged)

    def validation_losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """-PSNR of the predicted frames in dB, which is watched, and their other errors."""
        prediction, truth = self.predict(clip_BTCHW[:, :-1]), clip_BTCHW[:, -1]
        return {
            "loss": -psnr(prediction, truth, span=2.0).mean(),
            "intensity": intensity_loss(prediction, truth),
            "gradient": gradient_loss(prediction, truth),
        }

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores the last frame; the map is its squared error, for pixels in [0, 1]."""
        return measured(self.graph(clip_BTCHW), self.flow_terms())

    def graph(self, clip_BTCHW: Tensor) -> GraphScores:
        """The same without the term `motion`."""
        prediction, truth = self.predict(clip_BTCHW[:, :-1]), clip_BTCHW[:, -1]
        real_B1CHW, fake_B1CHW = ((each[:, None] + 1) / 2 for each in (truth, prediction))
        error_B1HW = (fake_B1CHW - real_B1CHW).square().mean(dim=2)
        parts = {
            "intensity": error_B1HW.mean(dim=(2, 3)),
            "gradient": gradient_difference(fake_B1CHW[:, 0], real_B1CHW[:, 0])[:, None],
            "intensity_box": self.box_score(error_B1HW, real_B1CHW, fake_B1CHW),
        }
        score_B1 = (
            self.fuse(parts, later=("motion",)) if self.fuse else -psnr(prediction, truth, span=2.0)[:, None]
        )
        scores = Scores(score_B1, box_blur(error_B1HW, box_px=self.map_blur_px), parts)
        return GraphScores(scores, grey_levels(real_B1CHW), grey_levels(fake_B1CHW))

    def flow_terms(self) -> tuple[FlowTerm, ...]:
        """How far the prediction lies from the real frame, as `motion`."""
        return (fused_later(self.motion, self.fuse) if self.fuse else self.motion,)

    def _flow_loss(self, last_BCHW: Tensor, prediction_BCHW: Tensor, truth_BCHW: Tensor) -> Tensor:
        (network,) = self._flow
        network = network.to(last_BCHW.device)
        first, predicted, true = (_as_rgb(each) for each in (last_BCHW, prediction_BCHW, truth_BCHW))
        with torch.no_grad():
            real_B2HW = network(first, true)
        return flow_loss(network(first, predicted), real_B2HW)


def _as_rgb(picture_BCHW: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] from pictures in [-1, 1]."""
    return ((picture_BCHW.float() + 1) / 2).expand(-1, 3, -1, -1)


TRAINING = {
    "epochs": 160,
    "clips_per_epoch": 400,
    "clip_strides": (1,),
    "batch_size": 4,
    # For grey videos; the paper doubles both for colour.
    "learning_rate": 1e-4,
    "discriminator_learning_rate": 1e-5,
    "learning_rate_decay": "step",
    "learning_rate_end": 0.1,
    "adam_beta1": 0.9,
    "gradient_clip": 10.0,
    "patience_epochs": 160,
}
# At the paper's weight of 2 the flow loss's gradient is many times that of all others, and prediction learns slowly:
# too slowly for these budgets. 0.01 is the paper's own weight for Ped1.
SIDE_128 = {"size_px": (128, 128), "channels": 1, "loss": {"flow": 0.01}, "displacement_enlarge": 2}
SMALL = SIDE_128 | {"widths": (32, 64, 128, 256), "discriminator_widths": (64, 128, 256, 256)}
MOTION = {"score_weights": {"motion": 1.0, "intensity_box": 1.0}, "map_blur_fraction": 0.1}
AN_HOUR = TRAINING | {"epochs": 40}
MINUTES = TRAINING | {"epochs": 10}

METHOD = MethodDefinition(
    name="future-frame",
    title="Future frame prediction",
    paper="Liu et al., CVPR 2018, https://arxiv.org/abs/1712.09867",
    config=FutureFrameConfig,
    build=FutureFrame,
    training="adversarial",
    paper_protocol="psnr",
    scoring_only=frozenset(
        {
            "score_weights",
            "box_score",
            "displacement_box_fraction",
            "displacement_enlarge",
            "map_blur_fraction",
            # Not the network, but where its file lies.
            "flow.weights",
        }
    ),
    paper_error="intensity",
    validation_name="-PSNR on held-out video, dB",
    switches={
        "gradient loss": {"model.loss.gradient": 0},
        "adversarial loss": {"model.loss.adversarial": 0},
        "flow loss": {"model.loss.flow": 0},
    },
    ladder={
        "intensity loss alone": {"model.loss.gradient": 0, "model.loss.adversarial": 0, "model.loss.flow": 0},
        "+ gradient loss": {"model.loss.adversarial": 0, "model.loss.flow": 0},
        "+ adversarial loss": {"model.loss.flow": 0},
    },
    frames_setting="model.input_frames",
    part_words={
        "intensity": "looks otherwise than predicted",
        "intensity_box": "looks otherwise than predicted",
        "gradient": "has edges that were not predicted",
        "motion": "moves otherwise than predicted",
    },
    presets={
        "small": Preset(model=SMALL, training=MINUTES),
        "paper": Preset(training=TRAINING),
        "paper-128": Preset(model=SIDE_128, training=AN_HOUR),
        "residual": Preset(
            variant="adds to the last frame",
            model=SMALL | MOTION | {"residual": True},
            training=MINUTES,
        ),
        "one-frame": Preset(
            variant="adds to the last frame, sees that one only",
            model=SMALL | MOTION | {"residual": True, "input_frames": 1},
            training=MINUTES,
        ),
    },
)
