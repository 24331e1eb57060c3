"""The base of every method, and what the registry knows about it.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from normalcy.config import StrictConfig
from normalcy.methods.contract import Camera, ClipSpec, Look, Scores
from normalcy.methods.flow_terms import FlowTerm
from normalcy.methods.graph import GraphScores
from normalcy.methods.plan import ExportPlan, clip_plan

TrainingKind = Literal["reconstruct", "adversarial", "memory", "classify", "none"]


@dataclass(frozen=True)
class Without:
    """As the value of a setting: the list that it is otherwise, without one entry."""

    entry: str


Settings = Mapping[str, Any]
"""Values by dotted name, such as `model.loss.flow`, as `--set` takes them, or `Without`."""

__all__ = [
    "Adversarial",
    "AdversarialLosses",
    "Camera",
    "Classifier",
    "Classifying",
    "Look",
    "Method",
    "MethodDefinition",
    "Preset",
    "Remembering",
    "Settings",
    "TrainingKind",
    "Without",
]


class Method(nn.Module):
    """A network (or none) that turns clips into scores.

    Subclasses set `clip` and implement `forward`; those that learn by gradients also implement `losses`.

    Attributes:
        clip: The clip it reads.
        fuses_parts: Whether its score depends on what its parts are on normal video; see `observe_parts`.
        score_terms: The parts that its score is made of; empty where it is all of them, or something else.
        main_attention: Beginning of the names of the attentions across time that explanations show; all without.
    """

    clip: ClipSpec
    fuses_parts: bool = False
    score_terms: tuple[str, ...] = ()
    main_attention: str = ""

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores a batch of clips given in `clip.value_range`; no side effects."""
        raise NotImplementedError

    def graph(self, clip_BTCHW: Tensor) -> GraphScores:
        """What of `forward` is a graph that can be exported: all of it, but for `flow_terms`."""
        return GraphScores(self(clip_BTCHW))

    def flow_terms(self) -> tuple[FlowTerm, ...]:
        """The terms by optical flow, as they enter the score now; they come after the graph."""
        return ()

    def export_plan(self) -> ExportPlan:
        """The graphs that it is exported as, and what runs between them."""
        return clip_plan(self)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Its weights and statistics by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}

    def look(self, clips_TCHW: Sequence[npt.NDArray[np.uint8]]) -> list[Look]:
        """What is seen in each clip, uint8 (T, C, H, W), of whatever camera; only of methods that have cameras."""
        raise NotImplementedError

    def camera(self, source: str = "") -> "Camera | None":
        """What lasts from clip to clip of a source, before its first; None where a clip says all there is to say."""
        return None

    def begin_training(self) -> None:
        """Takes what only training needs, such as a frozen network, before any video is read.

        Raises:
            ConfigError: It is missing.
        """

    def observe(self, videos: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Takes what statistics it needs from normal videos, each uint8 (T, C, H, W), before training."""

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes what its score needs of the parts of held-out normal video's scores, after training.

        Args:
            parts: By name, one value for each frame that was scored itself.
            seconds: How long that video is.
        """

    def make_room(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Prepares for weights of these shapes, by name, where they depend on what was fitted on."""

    def losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Named training losses of a batch; `loss` is the one that is minimised."""
        raise NotImplementedError

    def __call__(self, clip_BTCHW: Tensor) -> Scores:
        """`forward`, with its hooks."""
        scores: Scores = super().__call__(clip_BTCHW)
        return scores


class AdversarialLosses(NamedTuple):
    """Named losses of both players of a GAN; `loss` is the one that each minimises.

    The discriminator's are empty where nothing that it says is listened to.
    """

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]


class Adversarial(Protocol):
    """What training by two players needs of a method besides being one.

    Attributes:
        generator: All that the generator's loss may change.
        discriminator: All that the discriminator's loss may change.
        guessing_loss: What the discriminator's loss is where it calls everything as likely real as not.
    """

    generator: nn.Module
    discriminator: nn.Module
    guessing_loss: float

    def adversarial_losses(self, clip_BTCHW: Tensor) -> AdversarialLosses:
        """Losses of a batch from one pass through both networks.

        Both may share a graph: training takes each loss's gradient by its own player's weights alone.
        """
        ...

    def validation_losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        """Named errors on clips that are not fitted on, without noise; `loss` is the one that is watched."""
        ...


class Remembering(Protocol):
    """What fitting by memory needs of a method with cameras: no gradients, the footage is gone through once."""

    def survey(self, videos: Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]]) -> None:
        """Takes what everything else rests on from samples of normal videos.

        Args:
            videos: Frames, uint8 (T, C, H, W), memory-mapped, and their times in seconds.
        """
        ...

    def settle(self) -> None:
        """After all normal footage was remembered."""
        ...


class Classifier(Protocol):
    """From features of frames to classes; a module."""

    def observe(self, sequences_TD: Iterable[Tensor]) -> None:
        """Takes what statistics it needs from the features of whole training videos, each (T, D)."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights."""
        ...

    def __call__(self, features_BTD: Tensor, there_BT: Tensor) -> Any:
        """What sequences are taken for, such as `logits_BK` and `attention_BATT`."""
        ...


class Classifying(Protocol):
    """What training on labelled sequences needs of a method besides being one.

    Attributes:
        classifier: All that the loss may change; takes statistics of training videos by `observe`.
        backbone: What sees frames, frozen: pictures (B, 3, H, W) with values in [0, 1] to features (B, D).
        temperature: Logits are divided by it.
        sequence_frames: Frames that are judged together.
    """

    classifier: "Classifier"
    backbone: nn.Module
    temperature: Tensor
    sequence_frames: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        ...

    def class_losses(
        self, features_BTD: Tensor, there_BT: Tensor, target_B: Tensor, *, counts: Sequence[int]
    ) -> dict[str, Tensor]:
        """Named losses of labelled sequences; `loss` is the one that is minimised.

        Args:
            features_BTD: Features of frames.
            there_BT: Bool; False for what only fills up, which comes last.
            target_B: Place of the class of each.
            counts: Training videos of each class.
        """
        ...

    def probabilities(self, features_BTD: Tensor, there_BT: Tensor) -> Tensor:
        """Of each class, (B, K)."""
        ...

    def camera(self, source: str = "") -> Camera:
        """What lasts from clip to clip of a source; its looks are `features_TD`."""
        ...


@dataclass(frozen=True)
class Preset:
    """Named settings of a method: what differs from the defaults, by section of the configuration.

    `variant` says in words how it departs from the method's paper; empty where it is the paper's method.
    """

    variant: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    scoring: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodDefinition:
    """What the registry knows about a method.

    Attributes:
        name: Name on the command line.
        title: Full name.
        paper: Authors, venue and link.
        config: Its configuration.
        build: Makes the method from its configuration.
        training: Which kind of training fits it; `none` learns only its calibration.
        presets: Named settings; the first one is the default.
        paper_protocol: Name of the evaluation protocol of its paper; None without a paper.
        paper_error: The part of its score that the protocol reads: the mean squared error of the frame.
        validation_name: What its validation loss is, in words.
        scoring_only: Settings of its configuration that training does not depend on.
        switches: Parts that an ablation leaves out, each alone: settings without it, by name.
        ladder: Parts that are added one by one: all settings of each rung, by name; the whole method follows.
        part_words: What is odd where a term of the score is high, in words that follow "something"; under the empty
            name where the score has no terms.
        frames_setting: The setting that says how many frames a clip has; None where there is none.
    """

    name: str
    title: str
    paper: str
    config: type[StrictConfig]
    build: Callable[[Any], Method]
    training: TrainingKind
    presets: Mapping[str, Preset]
    paper_protocol: str | None = None
    paper_error: str = "frame_error"
    validation_name: str = "validation error"
    scoring_only: frozenset[str] = frozenset()
    switches: Mapping[str, Settings] = field(default_factory=dict)
    ladder: Mapping[str, Settings] = field(default_factory=dict)
    part_words: Mapping[str, str] = field(default_factory=dict)
    frames_setting: str | None = None
