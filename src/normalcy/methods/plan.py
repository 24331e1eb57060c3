"""How a method is exported: which graphs it consists of, and what runs between them.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from normalcy.methods.clip_runner import CLIP, MAP, PART, PREDICTED, REAL, SCORE

if TYPE_CHECKING:
    from normalcy.methods.base import Method

Outputs: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True)
class GraphPlan:
    """One graph.

    Attributes:
        name: Of its file.
        module: What is exported; from tensors in the order of `inputs` to a tuple in the order of `outputs`.
        inputs: Samples by name, each a batch of 2.
        outputs: Names.
        rounded: Whether integers may be used; not worth it where a graph is a small part of the work.
        in_integers: Whether it rounds to 8-bit integers by itself, so that it has no other precision.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    rounded: bool = True
    in_integers: bool = False

    @property
    def to_be_rounded(self) -> bool:
        """Whether it becomes one in integers where these are asked for."""
        return self.rounded and not self.in_integers


@dataclass(frozen=True)
class ExportPlan:
    """All of a method.

    Attributes:
        runner: Name in `methods.runtime.RUNNERS`.
        graphs: Its graphs.
        settings: For the runner, plain data.
        outside: Beginnings of the names of the weights that are in no graph: the runner reads them from the bundle.
    """

    runner: str
    graphs: tuple[GraphPlan, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    outside: tuple[str, ...] = ()


class ClipGraph(nn.Module):
    """From clips of uint8 (B, T, C, H, W) to the scores that a graph can give, as a tuple."""

    def __init__(self, method: "Method") -> None:
        super().__init__()
        self.method = method

    def forward(self, clip_BTCHW: Tensor) -> Outputs:
        """Score, map, parts, and the pictures that terms compare."""
        found = self.method.graph(self.method.clip.in_range(clip_BTCHW))
        pictures = () if found.real_BTHW is None else (found.real_BTHW, found.predicted_BTHW)
        outputs = (found.scores.score_BT, found.scores.map_BTHW, *found.scores.parts.values(), *pictures)
        return tuple(each for each in outputs if each is not None)


def clip_plan(method: "Method") -> ExportPlan:
    """Of a method whose graph takes a clip and returns its scores."""
    spec = method.clip
    sample_BTCHW = torch.randint(
        0, 256, (2, spec.length_frames, spec.channels, *spec.size_px), dtype=torch.uint8
    )
    with torch.no_grad():
        clip_BTCHW = spec.in_range(sample_BTCHW)
        found, whole = method.graph(clip_BTCHW), method(clip_BTCHW)
    parts = tuple(PART + name for name in found.scores.parts)
    pictures = () if found.real_BTHW is None else (REAL, PREDICTED)
    graph = GraphPlan(CLIP, ClipGraph(method), {CLIP: sample_BTCHW}, (SCORE, MAP, *parts, *pictures))
    settings = {"flow_terms": [asdict(term) for term in method.flow_terms()], "parts": list(whole.parts)}
    return ExportPlan("clip", (graph,), settings)
