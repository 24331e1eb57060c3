"""CNN-LSTM: says which of some known classes of event a video shows, from what a frozen image network sees.

What it is put together from:
- features of an image network over time into a recurrent one: Jeff Donahue et al., "Long-term Recurrent Convolutional
  Networks for Visual Recognition and Description", CVPR 2015, https://arxiv.org/abs/1411.4389
- with a bidirectional LSTM and attention, for fights seen by surveillance cameras: Şeymanur Aktı, Gözde Ayşe Tataroğlu
  and Hazım Kemal Ekenel, "Vision-based Fight Detection from Surveillance Cameras", IPTA 2019,
  https://arxiv.org/abs/2002.04355

    frames --> backbone --> projection --> attention --> BiLSTM 512 --> BiLSTM 256 --> mean over frames --> classes
               (frozen)                                      |              |
                                                             +--> classes   +--> classes   (in training alone)

Deviations: of the latter, InceptionV3 or a light network instead of Xception; attention before the LSTMs, with several
heads; 32 frames instead of 10, at the video's own pace; focal and class-balanced losses.

Letters: B sequences, T frames, D values of a feature vector, E of what is read of a frame, K classes, A heads,
H height, W width, C channels.
"""

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.config import StrictConfig
from normalcy.layers.backbones import backbone_spec, build_backbone, load_backbone
from normalcy.layers.class_losses import adjusted_logits, effective_number_weights, focal_loss
from normalcy.layers.masked_lstm import MaskedBiLstm, UnpackedBiLstm, masked_mean
from normalcy.layers.sequence_attention import SequenceAttention
from normalcy.layers.spread_batch import Dropout, share_of_weights
from normalcy.methods.base import Look, Method, MethodDefinition, Preset
from normalcy.methods.contract import ClipSpec, FloatArray, Scores
from normalcy.methods.plan import ExportPlan, GraphPlan
from normalcy.methods.sequence_runner import (
    BACKBONE,
    CLASSIFIER,
    FEATURES,
    PICTURES,
    PROBABILITIES,
    THERE,
    SequenceSettings,
    WatchedSource,
)


class BackboneSettings(StrictConfig):
    """Which image network looks at frames.

    Attributes:
        name: See `layers.backbones`.
        weights: File of its weights; the library's own without.
        pixel_range: What black and white become, where these weights want another range than the library's.
        pool_counts_padding: Of inception-v3: whether its average pools count the zeros around the picture.
    """

    name: str = "inception-v3"
    weights: Path | None = None
    pixel_range: tuple[float, float] | None = None
    pool_counts_padding: bool = True


class ClassLossSettings(StrictConfig):
    """What is minimised; each term is switched off by a weight of 0.

    Attributes:
        focal: Weight of the focal loss.
        gamma: Of it: how little what is classified well counts.
        alpha: Of it.
        class_balanced: Weight of cross-entropy in which rare classes count more.
        beta: Of it: examples of a class count less the more there are; 0 counts all classes alike.
        cross_entropy: Weight of plain cross-entropy.
        auxiliary: Weight of cross-entropy of the classes that each LSTM says by itself.
        logit_adjustment: In training, logits are raised by so much of the log of how common a class is.
        label_smoothing: Of cross-entropy.
    """

    focal: float = Field(1.0, ge=0)
    gamma: float = Field(2.5, ge=0)
    alpha: float = Field(0.25, gt=0)
    class_balanced: float = Field(0.5, ge=0)
    beta: float = Field(0.999, ge=0, lt=1)
    cross_entropy: float = Field(0.0, ge=0)
    auxiliary: float = Field(0.2, ge=0)
    logit_adjustment: float = Field(0.0, ge=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _minimises_something(self) -> "ClassLossSettings":
        if not (self.focal or self.class_balanced or self.cross_entropy):
            raise ValueError("focal, class_balanced and cross_entropy are all 0")
        return self


class CnnLstmConfig(StrictConfig):
    """Settings of CNN-LSTM.

    Attributes:
        classes: Names, in order; fitting takes them from the dataset.
        normal_class: The one of normal video; likewise.
        backbone: Which image network looks at frames.
        size_px: (height, width) that frames are scaled to; null takes the backbone's own.
        sequence_frames: Frames that are judged together.
        step_frames: It looks at every so many frames.
        look_frames: A verdict follows after so many frames that were looked at.
        reads: Features of frames, how they change from one frame that is looked at to the next, or both.
        width: What is read is projected to so many values first; null leaves it.
        attention_heads: Of the attention over frames; 0 for none.
        direct: Whether what is read of a frame also counts by itself, past attention and LSTMs.
        lstm_states: States in each direction, a number for each LSTM; none where empty.
        dropout: Between all of these.
        loss: What is minimised.
    """

    classes: tuple[str, ...] = Field(("normal", "abnormal"), min_length=2)
    normal_class: str = "normal"
    backbone: BackboneSettings = BackboneSettings()
    size_px: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] | None = None
    sequence_frames: int = Field(32, ge=2)
    step_frames: int = Field(2, ge=1)
    look_frames: int = Field(4, ge=1)
    reads: Literal["features", "changes", "both"] = "changes"
    width: int | None = Field(512, ge=8)
    attention_heads: int = Field(8, ge=0)
    direct: bool = True
    lstm_states: tuple[Annotated[int, Field(ge=1)], ...] = (512, 256)
    dropout: float = Field(0.4, ge=0, lt=1)
    loss: ClassLossSettings = ClassLossSettings()

    @model_validator(mode="after")
    def _knows_what_is_normal(self) -> "CnnLstmConfig":
        if self.normal_class not in self.classes:
            raise ValueError(f"normal_class {self.normal_class!r} is none of {', '.join(self.classes)}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes names one twice: {', '.join(self.classes)}")
        if self.width and self.attention_heads and self.width % self.attention_heads:
            raise ValueError(f"a width of {self.width} has no {self.attention_heads} equal attention_heads")
        return self


class Classified(NamedTuple):
    """What a sequence is taken for.

    Attributes:
        logits_BK: Of the sequence: the mean of its frames'.
        frame_logits_BTK: What each frame adds to it.
        auxiliary: Logits of each LSTM by itself, (B, K) each.
        attention_BATT: Weights of the attention; None without.
    """

    logits_BK: Tensor
    frame_logits_BTK: Tensor
    auxiliary: tuple[Tensor, ...]
    attention_BATT: Tensor | None


class SequenceClassifier(nn.Module):
    """From features of frames to classes. What it reads is centred and divided by its deviation in training.

    Args:
        width: D, of the features.
        config: Settings.
    """

    centre_E: Tensor
    spread_E: Tensor

    def __init__(self, width: int, config: CnnLstmConfig) -> None:
        super().__init__()
        self.reads = config.reads
        given = width * (2 if config.reads == "both" else 1)
        inner, classes = config.width or given, len(config.classes)
        self.register_buffer("centre_E", torch.zeros(given))
        self.register_buffer("spread_E", torch.ones(given))
        self.project = nn.Linear(given, inner) if config.width else nn.Identity()
        self.dropout = Dropout(config.dropout)
        heads = config.attention_heads
        self.attention = SequenceAttention(inner, heads=heads, dropout=config.dropout) if heads else None
        widths = [inner, *(2 * states for states in config.lstm_states)]
        self.lstms = nn.ModuleList(
            MaskedBiLstm(before, states) for before, states in zip(widths, config.lstm_states, strict=False)
        )
        self.auxiliary = nn.ModuleList(nn.Linear(each, classes) for each in widths[1:])
        self.classify = nn.Linear(widths[-1], classes)
        self.direct = nn.Linear(given, classes) if config.direct else None

    def observe(self, sequences_TD: Iterable[Tensor]) -> None:
        """Takes mean and deviation of what it reads from the features of whole training videos, each (T, D)."""
        count, sum_E, squares_E = (
            0,
            torch.zeros_like(self.centre_E).double(),
            torch.zeros_like(self.centre_E).double(),
        )
        for features_TD in sequences_TD:
            given_TE = self._read(features_TD[None])[0].double()
            count, sum_E, squares_E = (
                count + len(given_TE),
                sum_E + given_TE.sum(dim=0),
                squares_E + given_TE.square().sum(dim=0),
            )
        mean_E = sum_E / count
        self.centre_E.copy_(mean_E)
        # What hardly ever varies must not weigh without end.
        spread_E = (squares_E / count - mean_E.square()).clamp_min(0).sqrt()
        self.spread_E.copy_(spread_E.clamp_min(0.1 * spread_E.mean()).clamp_min(1e-6))

    def _read(self, features_BTD: Tensor) -> Tensor:
        """Features, how far each lies from the frame before (the first: from itself), or both: (B, T, E)."""
        if self.reads == "features":
            return features_BTD
        before_BTD = torch.cat([features_BTD[:, :1], features_BTD[:, :-1]], dim=1)
        changes_BTD = (features_BTD - before_BTD).abs()
        return changes_BTD if self.reads == "changes" else torch.cat([features_BTD, changes_BTD], dim=-1)

    def forward(self, features_BTD: Tensor, there_BT: Tensor) -> Classified:
        """Classifies sequences.

        Args:
            features_BTD: Features of frames.
            there_BT: Bool; False for what only fills up, which comes last and changes nothing.
        """
        given_BTE = (self._read(features_BTD) - self.centre_E) / self.spread_E
        x_BTD, weights_BATT = self.dropout(self.project(given_BTE)), None
        if self.attention is not None:
            x_BTD, weights_BATT = self.attention(x_BTD, there_BT)
        auxiliary = []
        for lstm, head in zip(self.lstms, self.auxiliary, strict=True):
            x_BTD = self.dropout(lstm(x_BTD, there_BT))
            auxiliary.append(head(masked_mean(x_BTD, there_BT)))
        frame_logits_BTK = self.classify(x_BTD)
        if self.direct is not None:
            frame_logits_BTK = frame_logits_BTK + self.direct(self.dropout(given_BTE))
        return Classified(
            masked_mean(frame_logits_BTK, there_BT), frame_logits_BTK, tuple(auxiliary), weights_BATT
        )


class CnnLstm(Method):
    """A backbone, a classifier of sequences, and the temperature that makes its probabilities honest."""

    temperature: Tensor

    def __init__(self, config: CnnLstmConfig) -> None:
        super().__init__()
        self.config, self.sequence_frames = config, config.sequence_frames
        self.spec = backbone_spec(config.backbone.name)
        self.clip = ClipSpec(
            config.look_frames,
            config.size_px or (self.spec.size_px, self.spec.size_px),
            channels=3,
            stride_frames=config.step_frames,
            hop_frames=config.look_frames * config.step_frames,
        )
        self.backbone = build_backbone(
            config.backbone.name,
            pixel_range=config.backbone.pixel_range,
            pool_counts_padding=config.backbone.pool_counts_padding,
        )
        self.classifier = SequenceClassifier(self.spec.width, config)
        self.register_buffer("temperature", torch.ones(()))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        return self.config.classes

    @property
    def normal(self) -> int:
        """Place of the class of normal video."""
        return self.config.classes.index(self.config.normal_class)

    def begin_training(self) -> None:
        """Takes the backbone's weights."""
        load_backbone(self.backbone, self.config.backbone.name, self.config.backbone.weights)

    def probabilities(self, features_BTD: Tensor, there_BT: Tensor) -> Tensor:
        """Of each class, (B, K)."""
        logits_BK: Tensor = self.classifier(features_BTD, there_BT).logits_BK
        return (logits_BK / self.temperature).softmax(dim=-1)

    def class_losses(
        self, features_BTD: Tensor, there_BT: Tensor, target_B: Tensor, *, counts: Sequence[int]
    ) -> dict[str, Tensor]:
        """Named losses of labelled sequences; `loss` is the one that is minimised.

        Args:
            features_BTD: Features of frames.
            there_BT: Bool; which of them are there.
            target_B: Place of the class of each sequence.
            counts: Training videos of each class.
        """
        settings, found = self.config.loss, self.classifier(features_BTD, there_BT)

        def adjusted(logits_BK: Tensor) -> Tensor:
            if not settings.logit_adjustment:
                return logits_BK
            return adjusted_logits(logits_BK, counts, tau=settings.logit_adjustment)

        def entropy(logits_BK: Tensor, weight_K: Tensor | None = None) -> Tensor:
            loss = F.cross_entropy(
                adjusted(logits_BK), target_B, weight_K, label_smoothing=settings.label_smoothing
            )
            return loss if weight_K is None else loss * share_of_weights(weight_K[target_B])

        weight_K = effective_number_weights(counts, beta=settings.beta).to(features_BTD.device)
        terms: dict[str, tuple[float, Tensor]] = {}
        if settings.focal:
            logits_BK = adjusted(found.logits_BK)
            terms["focal"] = (
                settings.focal,
                focal_loss(logits_BK, target_B, gamma=settings.gamma, alpha=settings.alpha),
            )
        if settings.class_balanced:
            terms["class_balanced"] = settings.class_balanced, entropy(found.logits_BK, weight_K)
        if settings.cross_entropy:
            terms["cross_entropy"] = settings.cross_entropy, entropy(found.logits_BK)
        if settings.auxiliary and found.auxiliary:
            each = torch.stack([entropy(logits_BK, weight_K) for logits_BK in found.auxiliary])
            terms["auxiliary"] = settings.auxiliary, each.mean()
        total = torch.stack([weight * value for weight, value in terms.values()]).sum()
        return {"loss": total, **{name: value for name, (_, value) in terms.items()}}

    def look(self, clips_TCHW: Sequence[npt.NDArray[np.uint8]]) -> list[Look]:
        """Features of the frames of each clip."""
        length = self.clip.length_frames
        clip_BTCHW = self.clip.in_range(torch.from_numpy(np.stack(clips_TCHW)).to(self.temperature.device))
        with torch.inference_mode():
            features_ND = self.backbone(clip_BTCHW.flatten(0, 1)).float().cpu().numpy()
        return [{"features_TD": each} for each in features_ND.reshape(-1, length, self.spec.width)]

    def camera(self, source: str = "") -> "WatchedSource":
        """What lasts from clip to clip of a source."""
        settings = SequenceSettings(
            self.config.classes, self.normal, self.sequence_frames, size_px=self.clip.size_px
        )
        return WatchedSource(settings, self._of_sequence)

    def _of_sequence(self, features_TD: FloatArray) -> FloatArray:
        """Probabilities of the classes, (K,)."""
        features_1TD = torch.from_numpy(features_TD)[None].to(self.temperature.device)
        there_1T = torch.ones(features_1TD.shape[:2], dtype=torch.bool, device=features_1TD.device)
        with torch.inference_mode():
            return np.asarray(self.probabilities(features_1TD, there_1T)[0].float().cpu().numpy(), np.float32)

    def export_plan(self) -> ExportPlan:
        """Backbone and classifier, a graph each."""
        height, width = self.clip.size_px
        length = self.sequence_frames
        pictures_N3HW = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
        sequences = {
            FEATURES: torch.rand(2, length, self.spec.width),
            THERE: torch.arange(length) < torch.tensor([[length], [length - 1]]),
        }
        graphs = (
            GraphPlan(BACKBONE, _OfPictures(self), {PICTURES: pictures_N3HW}, (FEATURES,)),
            GraphPlan(CLASSIFIER, _OfSequences(self), sequences, (PROBABILITIES,), rounded=False),
        )
        settings = {"classes": list(self.classes), "normal": self.normal, "sequence_frames": length}
        return ExportPlan("sequence", graphs, settings)

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores each clip as if it were the first that a camera shows."""
        features_NTD = self.backbone(clip_BTCHW.flatten(0, 1)).unflatten(0, clip_BTCHW.shape[:2])
        p_BK = self.probabilities(features_NTD, torch.ones_like(features_NTD[..., 0], dtype=torch.bool))
        frames = clip_BTCHW.shape[1]
        p_BKT = p_BK[..., None].expand(-1, -1, frames)
        score_BT = 1 - p_BKT[:, self.normal]
        map_BTHW = score_BT[..., None, None].expand(-1, -1, *self.clip.size_px)
        parts = {name: p_BKT[:, place] for place, name in enumerate(self.config.classes)}
        return Scores(score_BT, map_BTHW, parts)


class _OfPictures(nn.Module):
    """From pictures of uint8 (N, 3, H, W) to features (N, D)."""

    def __init__(self, method: CnnLstm) -> None:
        super().__init__()
        self.backbone, self.spec = method.backbone, method.clip

    def forward(self, pictures_N3HW: Tensor) -> tuple[Tensor]:
        return (self.backbone(self.spec.in_range(pictures_N3HW)),)


class _OfSequences(nn.Module):
    """From features (B, T, D) and which of them are there (B, T) to probabilities (B, K)."""

    temperature: Tensor

    def __init__(self, method: CnnLstm) -> None:
        super().__init__()
        self.classifier = copy.deepcopy(method.classifier)
        self.classifier.lstms = nn.ModuleList(
            UnpackedBiLstm(each) for each in method.classifier.lstms if isinstance(each, MaskedBiLstm)
        )
        self.register_buffer("temperature", method.temperature)

    def forward(self, features_BTD: Tensor, there_BT: Tensor) -> tuple[Tensor]:
        logits_BK: Tensor = self.classifier(features_BTD, there_BT).logits_BK
        return ((logits_BK / self.temperature).softmax(dim=-1),)


_TRAINING = {
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 5e-4,
    "learning_rate_decay": "one-cycle",
    "weight_decay": 0.05,
    "ema_decay": 0.99,
    "patience_epochs": 15,
}
_SCORING = {"hop_frames": 8}

METHOD = MethodDefinition(
    name="cnn-lstm",
    title="CNN-LSTM",
    paper="Aktı, Tataroğlu and Ekenel, IPTA 2019, https://arxiv.org/abs/2002.04355",  # noqa: RUF001
    config=CnnLstmConfig,
    build=CnnLstm,
    training="classify",
    validation_name="validation loss",
    switches={
        "changes of the features": {"model.reads": "features"},
        "attention": {"model.attention_heads": 0},
        "LSTMs": {"model.lstm_states": []},
        "each frame by itself": {"model.direct": False},
        "focal loss": {"model.loss.focal": 0, "model.loss.cross_entropy": 1},
        "class-balanced loss": {"model.loss.class_balanced": 0},
        "auxiliary heads": {"model.loss.auxiliary": 0},
        "changes in time": {"training.augmentation.temporal": False},
        "augmented views": {"training.augmentation.use_views": 0},
        "classes in turn": {"training.class_aware": False},
    },
    frames_setting="model.sequence_frames",
    presets={
        "inception-v3": Preset(training=_TRAINING, scoring=_SCORING),
        "efficientnet-lite0": Preset(
            variant="light backbone, LSTMs of half the size",
            model={"backbone": {"name": "efficientnet-lite0"}, "width": 256, "lstm_states": (256, 128)},
            training=_TRAINING,
            scoring=_SCORING,
        ),
    },
)
