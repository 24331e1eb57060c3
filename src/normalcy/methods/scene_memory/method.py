"""Scene memory: remembers, per place in the picture, how things usually move, look and linger.

A method of this project. Nothing is trained by gradients; what it rests on:
- dense inverse search flow: Till Kroeger, Radu Timofte, Dengxin Dai and Luc Van Gool, ECCV 2016,
  https://arxiv.org/abs/1603.03590
- distance to remembered features of a pretrained network: Karsten Roth et al., "Towards Total Recall in Industrial
  Anomaly Detection" (PatchCore), CVPR 2022, https://arxiv.org/abs/2106.08265
- fusion of per-object velocity and deep features as separate densities: Tal Reiss and Yedid Hoshen, "Attribute-based
  Representations for Accurate and Interpretable Video Anomaly Detection", 2022, https://arxiv.org/abs/2212.00789

    frame pair --> flow --> windowed velocity ---------> speed, velocity --+
        |            |                                                     |
        |            +----> what it leaves unexplained -> residual --------+
        |                                                                  |
        +--> thumbnail --> against the background -> dwell, stillness -----+--> fused, by held-out normal video
        |                            |            -> shape ----------------+
        |                            |                                     |
        +--> trunk --> looks --------+------------> appearance ------------+
        |                                                                  |
        +--> detector, where one is given --------> objects ---------------+

Deviations: none, as it is no reproduction. It needs no detector of objects: all of it works on a grid of cells. The
window of the flow, its thresholds and the percentile of speeds come from prototypes that were judged with the labels
of Ped2's test videos in sight.

Here is what PyTorch has to do with it: the trunk, and weights by name. All else is in `memory.py`.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.errors import BundleError, ConfigError
from normalcy.methods.base import Method, MethodDefinition, Preset, Without
from normalcy.methods.contract import FrameStamp, Look, Scores
from normalcy.methods.plan import ExportPlan, GraphPlan
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.deployed import LOOKS, PICTURES, TRUNK
from normalcy.methods.scene_memory.detector import Detector
from normalcy.methods.scene_memory.memory import Memory
from normalcy.methods.scene_memory.picture import ENLARGE
from normalcy.methods.scene_memory.settings import STREAMS, SceneMemoryConfig
from normalcy.methods.scene_memory.survey import Footage, sampled_pictures
from normalcy.methods.scene_memory.trunk import Trunk

UInt8Array = npt.NDArray[np.uint8]

_PATCH_PX = 32


class SceneMemory(Method):
    """The trunk, a network, and the memory, which is none; the arrays of both are the weights.

    Attributes:
        trunk: None where `appearance` is not watched.
        memory: All else.
    """

    fuses_parts = True

    def __init__(self, config: SceneMemoryConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk) if "appearance" in config.streams else None
        # Of what is drawn by chance, as weights would be.
        self.memory = Memory(config, trunk=self.trunk, seed=torch.initial_seed() % 2**32)
        self.clip = self.memory.clip

    def begin_training(self) -> None:
        """Takes the trunk's weights, and the detector."""
        if self.trunk:
            self.trunk.load_public(self.config.trunk_weights)
        if self.memory.detector:
            self._take_detector(self.memory.detector)

    def _take_detector(self, detector: Detector) -> None:
        if self.config.objects.detector is None:
            raise ConfigError(
                "the stream 'objects' needs a detector",
                where="model.objects.detector",
                hint="Name an ONNX file of YOLOX, or leave 'objects' out of model.streams",
            )
        detector.take(self.config.objects.detector)

    # Weights: the memory's arrays beside the trunk's tensors, which PyTorch sees to.

    def make_room(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """For weights of these shapes: how many scenes and examples there are, and how large the detector is."""
        self.memory.make_room(shapes)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, array in self.memory.arrays().items():
            destination[prefix + name] = torch.from_numpy(array)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Tensor],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        of_networks = tuple(f"{prefix}{name}." for name, _ in self.named_children())
        own, given = self.memory.arrays(), dict[str, npt.NDArray[Any]]()
        for name, tensor in state_dict.items():
            if name.startswith(prefix) and not name.startswith(of_networks):
                given[name.removeprefix(prefix)] = tensor.detach().cpu().numpy()
        missing_keys += [prefix + name for name in own if name not in given]
        unexpected_keys += [prefix + name for name in given if name not in own]
        try:
            self.memory.load({name: given.get(name, array) for name, array in own.items()})
        except BundleError as error:
            error_msgs.append(str(error))

    def export_plan(self) -> ExportPlan:
        """The trunk as a graph; all else is no network."""
        height, width = self.clip.size_px
        graphs: tuple[GraphPlan, ...] = ()
        if self.trunk:
            sample_2HW3 = _smooth_pictures(2, ENLARGE * height, ENLARGE * width)
            trunk = _OfPictures(self.trunk.prepared())
            graphs = (
                GraphPlan(TRUNK, trunk, {PICTURES: sample_2HW3}, (LOOKS,), in_integers=self.trunk.quantised),
            )
        outside = tuple(sorted({f"{name.partition('.')[0]}." for name in self.memory.arrays()}))
        return ExportPlan("scene-memory", graphs, {"config": self.config.model_dump(mode="json")}, outside)

    # Looking and judging.

    def look(self, clips_TCHW: Sequence[UInt8Array]) -> list[Look]:
        """What later steps need of each clip (uint8, (T, 3, H, W))."""
        return self.memory.look(clips_TCHW)

    def camera(self, source: str = "", *, trusts_first: bool = True) -> Camera:
        """State of a camera that is judged by this memory; `trusts_first` as in `Camera`."""
        return self.memory.camera(source, trusts_first=trusts_first)

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        """Scores each clip as if it were the first that a camera shows, at ten frames a second."""
        clips = (clip_BTCHW * 255).round().to(torch.uint8).cpu().numpy()
        stamps = tuple(FrameStamp(t, t / 10) for t in range(self.clip.length_frames))
        found = [self.camera().scores(stamps, look) for look in self.look(list(clips))]
        score_BT = torch.from_numpy(np.stack([each.score_T for each in found]))
        map_BTHW = torch.from_numpy(np.stack([each.map_THW for each in found]))
        parts = {
            name: torch.from_numpy(np.stack([each.parts[name] for each in found])) for name in found[0].parts
        }
        return Scores(score_BT, map_BTHW, parts)

    # Learning: a survey of all footage, then all of it once more, clip by clip.

    def survey(self, videos: Sequence[Footage]) -> None:
        """Takes perspective, scenes and the range of the trunk's integers from samples of normal videos.

        Args:
            videos: Frames, uint8 (T, 3, H, W), and their times in seconds.
        """
        self.memory.survey(videos)
        if self.trunk and self._in_integers(self.trunk):
            self.trunk.calibrate(sampled_pictures(videos))

    def _in_integers(self, trunk: Trunk) -> bool:
        precision = self.config.trunk_precision
        return trunk.backend == "openvino" if precision == "auto" else precision == "int8"

    def settle(self) -> None:
        """After all footage was remembered."""
        self.memory.settle()

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes mean and deviation of each stream on so many seconds of held-out normal video."""
        self.memory.observe_parts(parts, seconds=seconds)


def _smooth_pictures(count: int, height: int, width: int) -> Tensor:
    """Random pictures, uint8 (N, H, W, 3), as smooth as a camera's.

    The ranges of a trunk's integers are those of footage; noise is none.
    """
    coarse_N3hw = 255 * torch.rand(count, 3, -(-height // _PATCH_PX), -(-width // _PATCH_PX))
    picture_N3HW = F.interpolate(coarse_N3hw, size=(height, width), mode="bilinear")
    return picture_N3HW.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class _OfPictures(nn.Module):
    """From enlarged pictures of uint8 (B, H, W, 3) to the looks of their cells (B, R, C, D)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures_BHW3: Tensor) -> tuple[Tensor]:
        look_BDRC: Tensor = self.network(pictures_BHW3.permute(0, 3, 1, 2).float() / 255)
        return (look_BDRC.permute(0, 2, 3, 1),)


# What is held out is remembered in the end, so that it may be much; the more, the surer the fusion and the calibration.
_PRESET = Preset(data={"held_out_fraction": 0.5}, scoring={"hop_frames": 4})

METHOD = MethodDefinition(
    name="scene-memory",
    title="Scene memory",
    paper="A method of this project; see https://arxiv.org/abs/1603.03590 and https://arxiv.org/abs/2106.08265",
    config=SceneMemoryConfig,
    build=SceneMemory,
    training="memory",
    switches={f"stream {name}": {"model.streams": Without(name)} for name in STREAMS},
    part_words={
        "speed": "moves faster than is usual here",
        "velocity": "moves at a speed or in a direction that is unusual here",
        "appearance": "looks unlike what usually moves here",
        "residual": "moves its limbs in an unusual way",
        "shape": "has an unusual shape",
        "dwell": "stays longer than is usual here",
        "stillness": "lies still where that is unusual",
        "objects": "is an unusual kind of object, or of an unusual size or speed",
    },
    presets={
        "full": _PRESET,
        "speed-appearance": replace(
            _PRESET, variant="speed and appearance alone", model={"streams": ("speed", "appearance")}
        ),
        # Patches of the flow a third further apart: chosen on the generated scene, where it costs .001 of AUC.
        "fast": replace(
            _PRESET,
            variant="speed and appearance alone, coarser flow",
            model={"streams": ("speed", "appearance"), "flow": {"patch_stride": 4}},
        ),
    },
)
