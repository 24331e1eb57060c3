"""Settings of scene memory."""

from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from normalcy.config import StrictConfig

StreamName = Literal["speed", "velocity", "appearance", "residual", "shape", "dwell", "stillness", "objects"]
TrunkBackend = Literal["auto", "openvino", "torch"]
TrunkPrecision = Literal["auto", "int8", "float"]
STREAMS: tuple[StreamName, ...] = tuple(name for name in get_args(StreamName) if name != "objects")
"""What is watched without a detector of objects."""

CELL_PX = 8
"""Side of a cell of the grid that all streams share, in pixels of the scaled frame."""

THUMB_PX = 4
"""Side of a pixel of the thumbnails on which the background is remembered, likewise."""

TRUNK_WIDTH = 112
"""Channels of a look."""

Side = Annotated[int, Field(ge=64, multiple_of=CELL_PX)]


class FlowSettings(StrictConfig):
    """Settings of the optical flow.

    Attributes:
        patch_stride: Distance of neighbouring patches, in pixels of each scale.
        iterations: Gradient descents of each patch.
        refinements: Variational refinements of the dense flow.
        window_fraction: Side of the window whose mean velocity is taken, as a fraction of the height, where people
            are of middling size; it grows and shrinks with them.
        moving_fraction: A window counts where at least so much of it moves.
    """

    patch_stride: int = Field(3, ge=1, le=8)
    iterations: int = Field(12, ge=1)
    refinements: int = Field(3, ge=0)
    window_fraction: float = Field(0.108, gt=0, le=1)
    moving_fraction: float = Field(0.2, gt=0, le=1)


class AppearanceSettings(StrictConfig):
    """Settings of the memory of looks.

    Attributes:
        examples: Normal looks that are remembered.
        candidates: Looks that they are chosen from, drawn evenly over all footage.
        dims: Of the whitened look.
    """

    examples: int = Field(3000, ge=1)
    candidates: int = Field(60_000, ge=1)
    dims: int = Field(TRUNK_WIDTH, ge=1, le=TRUNK_WIDTH)


class DwellSettings(StrictConfig):
    """Settings of what counts as lingering.

    Attributes:
        seconds: Time over which presence is averaged.
        still_seconds: The longest stillness that is told apart.
        foreground: A pixel is foreground where it differs from the background by so many of its usual deviations.
        background_seconds: The time in which the background takes on a change of light of its usual deviation.
    """

    seconds: float = Field(2.0, gt=0)
    still_seconds: float = Field(6.0, gt=0)
    foreground: float = Field(3.0, gt=0)
    background_seconds: float = Field(120.0, gt=0)


class ObjectSettings(StrictConfig):
    """Settings of the detector of objects, for the stream `objects`.

    Attributes:
        detector: File of YOLOX as its ONNX export writes it; fitting takes it into the bundle.
        least_confidence: Of a box.
        most_overlap: Of boxes that are two objects, as intersection over union.
    """

    detector: Path | None = None
    least_confidence: float = Field(0.3, gt=0, lt=1)
    most_overlap: float = Field(0.45, gt=0, lt=1)


class SceneMemoryConfig(StrictConfig):
    """Settings of scene memory.

    Attributes:
        size_px: (height, width) that frames are scaled to; multiples of 8.
        look_every_frames: Looks are taken of every so many frames, flow of all.
        spacing_seconds: Frames that follow sooner are passed over.
        streams: What is watched; `objects` only where it is named and a detector is given.
        usual_percentile: What normal footage stays below counts as usual.
        flow: Of the optical flow.
        appearance: Of the memory of looks.
        dwell: Of presence and stillness.
        objects: Of the detector of objects.
        trunk: What runs the trunk: OpenVINO where installed and PyTorch elsewhere, unless named.
        trunk_precision: What it is fitted to compute in; 8-bit integers where OpenVINO runs it, unless named.
        trunk_weights: File of the trunk's public weights; those of the package that brings them without.
        scene_difference: Backgrounds that differ by no more grey levels at most pixels are of the same scene.
    """

    size_px: tuple[Side, Side] = (240, 360)
    look_every_frames: int = Field(4, ge=1)
    spacing_seconds: float = Field(0.09, ge=0)
    streams: tuple[StreamName, ...] = Field(STREAMS, min_length=1)
    usual_percentile: float = Field(98.0, gt=50, lt=100)
    flow: FlowSettings = FlowSettings()
    appearance: AppearanceSettings = AppearanceSettings()
    dwell: DwellSettings = DwellSettings()
    objects: ObjectSettings = ObjectSettings()
    trunk: TrunkBackend = "auto"
    trunk_precision: TrunkPrecision = "auto"
    trunk_weights: Path | None = None
    scene_difference: float = Field(12.0, gt=0)

    @model_validator(mode="after")
    def _each_stream_once(self) -> "SceneMemoryConfig":
        if len(set(self.streams)) < len(self.streams):
            raise ValueError(f"streams names one twice: {', '.join(self.streams)}")
        return self

    @property
    def grid_RC(self) -> tuple[int, int]:  # noqa: N802
        """Rows and columns of cells."""
        return self.size_px[0] // CELL_PX, self.size_px[1] // CELL_PX

    def cells_within(self, box: tuple[float, float, float, float]) -> npt.NDArray[np.bool_]:
        """The cells whose centres lie in a box of left, top, right and bottom edge, parts of the picture; (R, C)."""
        left, top, right, bottom = box
        rows, columns = self.grid_RC
        y_R1, x_C = (np.arange(rows)[:, None] + 0.5) / rows, (np.arange(columns) + 0.5) / columns
        inside_RC: npt.NDArray[np.bool_] = (left <= x_C) & (x_C < right) & (top <= y_R1) & (y_R1 < bottom)
        return inside_RC

    @property
    def thumb_px(self) -> tuple[int, int]:
        """(height, width) of the thumbnails."""
        return self.size_px[0] // THUMB_PX, self.size_px[1] // THUMB_PX
