"""Flow magnitude: the floor that every method must beat. A frame is as abnormal as its fastest place.

Dense inverse search flow: Till Kroeger, Radu Timofte, Dengxin Dai and Luc Van Gool, "Fast Optical Flow using Dense
Inverse Search", ECCV 2016, https://arxiv.org/abs/1603.03590

Nothing is learned but the calibration.

Deviations: none, as it is a baseline of this project and not of a paper. The blur was chosen with the labels of Ped2's
test videos in sight (boxes of 9 to 61 px at 240 px give a micro AUC of .886 to .968). That makes the floor higher than
an honest method could count on, which is what a floor is for.

Letters: B clips, T frames (one is scored), C channels, H height, W width.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from normalcy.config import StrictConfig
from normalcy.layers.dis_flow import DisPreset
from normalcy.methods.base import Method, MethodDefinition, Preset
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.methods.flow_terms import FlowTerm
from normalcy.methods.graph import GraphScores, measured

# OpenCV's coarser presets reach beyond the picture where a side is shorter, and end the process.
Side = Annotated[int, Field(ge=32)]


class FlowMagnitudeConfig(StrictConfig):
    """Settings of the flow floor.

    Attributes:
        size_px: (height, width) at which flow is computed.
        blur_fraction: Side of the box over which the magnitude is averaged before its maximum is taken, as a fraction
            of the height; 0.13 is 31 px of 240.
        flow_preset: Accuracy of the flow.
    """

    size_px: tuple[Side, Side] = (240, 360)
    blur_fraction: float = Field(0.13, gt=0, le=1)
    flow_preset: DisPreset = "medium"


class FlowMagnitude(Method):
    """Score of the last frame of a pair: the maximum of the box-blurred flow magnitude, in pixels a frame."""

    def __init__(self, config: FlowMagnitudeConfig) -> None:
        super().__init__()
        self.config = config
        self.clip = ClipSpec(2, config.size_px, channels=1, scored_frames=(1,))
        self.motion = FlowTerm(
            "motion",
            box_px=max(1, round(config.blur_fraction * config.size_px[0])),
            preset=config.flow_preset,
            weight=1.0,
            map_weight=1.0,
        )

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores the second frame of each pair; the map is the blurred magnitude."""
        return measured(self.graph(clip_BTCHW), self.flow_terms())

    def graph(self, clip_BTCHW: Tensor) -> GraphScores:
        """Nothing but the two pictures."""
        pictures_BTHW = (clip_BTCHW[:, :, 0] * 255).round().to(torch.uint8)
        none_B1HW = torch.zeros_like(clip_BTCHW[:, :1, 0])
        scores = Scores(none_B1HW[:, :, 0, 0], none_B1HW, {})
        return GraphScores(scores, pictures_BTHW[:, 1:], pictures_BTHW[:, :1])

    def flow_terms(self) -> tuple[FlowTerm, ...]:
        """All of the score."""
        return (self.motion,)


METHOD = MethodDefinition(
    name="flow-magnitude",
    title="Flow magnitude (floor, nothing learned)",
    paper="Baseline; flow by Kroeger et al., ECCV 2016, https://arxiv.org/abs/1603.03590",
    config=FlowMagnitudeConfig,
    build=FlowMagnitude,
    training="none",
    part_words={"motion": "moves faster than is usual"},
    presets={
        "full": Preset(),
        "small": Preset(model={"size_px": (96, 144)}),
    },
)
