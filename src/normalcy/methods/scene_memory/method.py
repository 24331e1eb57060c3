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

Letters: B clips, T frames, C channels, H height, W width, h and w half of them, R rows and C columns of cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.errors import ConfigError
from normalcy.methods.base import Look, Method, MethodDefinition, Preset, Without
from normalcy.methods.contract import ClipSpec, FrameStamp, Scores
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.compensation import residual_energy
from normalcy.methods.scene_memory.detector import Detector
from normalcy.methods.scene_memory.fusion import StreamFusion
from normalcy.methods.scene_memory.motion import Motion
from normalcy.methods.scene_memory.scenes import Scenes, thumbnail
from normalcy.methods.scene_memory.settings import STREAMS, SceneMemoryConfig, StreamName
from normalcy.methods.scene_memory.streams.appearance import Appearance
from normalcy.methods.scene_memory.streams.dwell import Dwell
from normalcy.methods.scene_memory.streams.objects import Objects
from normalcy.methods.scene_memory.streams.residual import Residual
from normalcy.methods.scene_memory.streams.shape import Shape
from normalcy.methods.scene_memory.streams.speed import Speed
from normalcy.methods.scene_memory.streams.stillness import Stillness
from normalcy.methods.scene_memory.streams.velocity import Velocity
from normalcy.methods.scene_memory.survey import (
    Footage,
    grey,
    sampled_flows,
    sampled_pictures,
    sampled_thumbs,
)
from normalcy.methods.scene_memory.trunk import Trunk
from normalcy.methods.scene_memory.view import Stream

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]


class SceneMemory(Method):
    """Score of each frame but the first of a clip; looks are taken of the last one."""

    fuses_parts = True

    def __init__(self, config: SceneMemoryConfig) -> None:
        super().__init__()
        self.config = config
        # Of what is drawn by chance, as weights would be.
        self._seed = torch.initial_seed() % 2**32
        self.clip = ClipSpec(
            config.look_every_frames + 1,
            config.size_px,
            channels=3,
            scored_frames=tuple(range(1, config.look_every_frames + 1)),
            spacing_seconds=config.spacing_seconds,
            hop_frames=config.look_every_frames,
        )
        self.motion = Motion(config)
        self.trunk = Trunk(config.trunk) if "appearance" in config.streams else None
        self.detector = Detector(config.objects) if "objects" in config.streams else None
        self._make_room(scenes=1)
        self.fusion = StreamFusion({name: stream.renews_seconds for name, stream in self.watched()})

    def _make_room(self, *, scenes: int) -> None:
        config = self.config
        self.scenes = Scenes(config, count=scenes)
        made: dict[StreamName, nn.Module] = {
            "speed": Speed(config, scenes=scenes),
            "velocity": Velocity(config, scenes=scenes),
            "appearance": Appearance(config, seed=self._seed),
            "residual": Residual(config, scenes=scenes),
            "shape": Shape(config, scenes=scenes),
            "dwell": Dwell(config, scenes=scenes),
            "stillness": Stillness(config, scenes=scenes),
            "objects": Objects(config, scenes=scenes),
        }
        self.streams = nn.ModuleDict({name: made[name] for name in config.streams})

    def watched(self) -> Iterator[tuple[str, Stream]]:
        """The streams by name."""
        for name, stream in self.streams.items():
            yield name, cast("Stream", stream)

    def begin_training(self) -> None:
        """Takes the trunk's weights, and the detector."""
        if self.trunk:
            self.trunk.load_public(self.config.trunk_weights)
        if self.detector:
            if self.config.objects.detector is None:
                raise ConfigError(
                    "the stream 'objects' needs a detector",
                    where="model.objects.detector",
                    hint="Name an ONNX file of YOLOX, or leave 'objects' out of model.streams",
                )
            self.detector.take(self.config.objects.detector)

    def make_room(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """For weights of these shapes: how many scenes and examples there are, and how large the detector is."""
        if background := shapes.get("scenes.background_SHW3"):
            self._make_room(scenes=background[0])
        for name, tensor in list(self.named_buffers()):
            grows = ".examples." in name or name == "detector.file_U"
            if grows and name in shapes and tuple(shapes[name]) != tuple(tensor.shape):
                owner = self.get_submodule(name.rpartition(".")[0])
                owner.register_buffer(name.rpartition(".")[2], tensor.new_zeros(tuple(shapes[name])))

    # Looking: what a clip shows, whatever camera it is of.

    def look(self, clips_TCHW: Sequence[UInt8Array]) -> list[Look]:
        """What later steps need of each clip (uint8, (T, 3, H, W)).

        Flow is computed on threads of its own beside the trunk.
        """
        pictures = [[np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in clip] for clip in clips_TCHW]
        with _one_thread_a_flow(clips=len(pictures)):
            moves = [_flow_threads().submit(self._moves, frames) for frames in pictures]
            looks = [self._sights(frames) for frames in pictures]
            return [look | move.result() for look, move in zip(looks, moves, strict=True)]

    def _sights(self, frames: Sequence[UInt8Array]) -> dict[str, npt.NDArray[Any]]:
        """Thumbnails, what the trunk sees, and what the detector finds."""
        look: dict[str, npt.NDArray[Any]] = {
            "thumb_THW3": np.stack([thumbnail(frame) for frame in frames[1:]])
        }
        if self.trunk:
            look["look_RCF"] = self.trunk.look(frames[-1])
        if self.detector:
            look["boxes_N4"] = self.detector.boxes(frames[-1])
        return look

    def _moves(self, frames: Sequence[UInt8Array]) -> dict[str, FloatArray]:
        """Flow between neighbouring frames, and what it leaves unexplained."""
        pairs = list(pairwise(grey(frame) for frame in frames))
        flows = [self.motion.flow(*pair) for pair in pairs]
        moves = {"flow_Thw2": np.stack(flows)}
        if "residual" in self.config.streams:
            left = [residual_energy(*pair, flow) for pair, flow in zip(pairs, flows, strict=True)]
            moves["residual_TRC2"] = np.stack(left)
        return moves

    def camera(self, source: str = "", *, trusts_first: bool = True) -> Camera:
        """State of a camera that is judged by this memory; `trusts_first` as in `Camera`."""
        return Camera(self, source, trusts_first)

    def fuse(self, values: Mapping[str, float], maps: Mapping[str, FloatArray]) -> tuple[float, FloatArray]:
        """Score and map: how surprising the streams are for what held-out normal video shows."""
        score = self.fusion.fused({name: self.fusion.deviation(name, values[name]) for name in values})
        map_RC = self.fusion.fused({name: self.fusion.deviation(name, maps[name]) for name in maps})
        return float(score), map_RC

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
        self.motion.survey(sampled_flows(videos, self.motion))
        pace_R = self.motion.pace_R.clone()
        scenes = Scenes(self.config)
        scenes.survey(sampled_thumbs(videos))
        self._make_room(scenes=scenes.count)
        self.scenes = scenes
        if "velocity" in self.streams:
            self.get_buffer("streams.velocity.pace_R").copy_(pace_R)
        if self.trunk and self._in_integers(self.trunk):
            self.trunk.calibrate(sampled_pictures(videos))

    def open_scenes(self, videos: Sequence[Footage]) -> int:
        """Makes room for what footage shows of scenes that were never seen; returns how many those are.

        A new scene begins with what was counted in all others, row by row: what was usual at a place of another picture
        says nothing of that place here, what was usual as near or as far does. Perspective stays as it was surveyed.

        Args:
            videos: As in `survey`.
        """
        new = self.scenes.unknown(sampled_thumbs(videos))
        if not new.count:
            return 0
        state = self.state_dict()
        own = {f"scenes.{name}": tensor for name, tensor in new.state_dict().items()}
        for name, tensor in state.items():
            if _is_by_scene(name):
                more = own[name] if name in own else _of_all_scenes(name, tensor)
                state[name] = torch.cat([tensor, more.expand(new.count, *tensor.shape[1:])])
        self.make_room({name: tuple(tensor.shape) for name, tensor in state.items()})
        self.load_state_dict(state)
        return new.count

    def _in_integers(self, trunk: Trunk) -> bool:
        precision = self.config.trunk_precision
        return trunk.backend == "openvino" if precision == "auto" else precision == "int8"

    def settle(self) -> None:
        """After all footage was remembered."""
        for _, stream in self.watched():
            stream.settle()

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes mean and deviation of each stream on so many seconds of held-out normal video."""
        self.fusion.observe(parts, seconds=seconds)


def _is_by_scene(name: str) -> bool:
    """Whether the first axis of a buffer is scenes, as the letters at the end of its name say."""
    return name.rpartition("_")[2].startswith("S")


def _of_all_scenes(name: str, tensor: Tensor) -> Tensor:
    """What was counted in all scenes and, where the last letters name columns, at all columns alike: (1, ...)."""
    whole = tensor.sum(dim=0, keepdim=True)
    column = name.rpartition("_")[2].find("C")
    return whole if column < 0 else whole.mean(dim=column, keepdim=True).expand_as(whole)


_FLOW_THREADS = 2


@cache
def _flow_threads() -> ThreadPoolExecutor:
    # OpenCV's flow leaves a part of a second core idle; two at a time do not.
    return ThreadPoolExecutor(_FLOW_THREADS, thread_name_prefix="flow")


@contextmanager
def _one_thread_a_flow(*, clips: int) -> Iterator[None]:
    """Keeps OpenCV from cutting each flow in parts as well, where there are clips enough for all threads."""
    threads = cv2.getNumThreads()
    if clips < _FLOW_THREADS or threads == 1:
        yield
        return
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


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
