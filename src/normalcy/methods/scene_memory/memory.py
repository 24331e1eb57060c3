"""What scene memory remembers, and how it looks and judges by that: all but the trunk, in NumPy and OpenCV alone.

Letters: T frames, C channels, H height, W width, h and w half of them, R rows and C columns of cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.layers.flow_threads import flow_threads, one_thread_a_flow
from normalcy.methods.contract import ClipSpec, Look
from normalcy.methods.scene_memory.arrays import Array, Arrays, below, within
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.compensation import residual_energy
from normalcy.methods.scene_memory.detector import Detector
from normalcy.methods.scene_memory.fusion import StreamFusion
from normalcy.methods.scene_memory.motion import Motion
from normalcy.methods.scene_memory.picture import Looker
from normalcy.methods.scene_memory.scenes import Scenes, thumbnail
from normalcy.methods.scene_memory.settings import SceneMemoryConfig, StreamName
from normalcy.methods.scene_memory.streams.appearance import Appearance
from normalcy.methods.scene_memory.streams.dwell import Dwell
from normalcy.methods.scene_memory.streams.objects import Objects
from normalcy.methods.scene_memory.streams.residual import Residual
from normalcy.methods.scene_memory.streams.shape import Shape
from normalcy.methods.scene_memory.streams.speed import Speed
from normalcy.methods.scene_memory.streams.stillness import Stillness
from normalcy.methods.scene_memory.streams.velocity import Velocity
from normalcy.methods.scene_memory.survey import Footage, grey, sampled_flows, sampled_thumbs
from normalcy.methods.scene_memory.view import Stream

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]


class Memory(Arrays):
    """Scores each frame but the first of a clip; looks are taken of the last one.

    Args:
        config: Settings.
        trunk: What looks are taken by; without, none are.
        seed: Of what is drawn by chance.

    Attributes:
        clip: The clip it reads.
        motion, scenes, streams, fusion, detector: Its parts; no detector where `objects` is not watched.
    """

    def __init__(self, config: SceneMemoryConfig, *, trunk: Looker | None = None, seed: int = 0) -> None:
        self.config, self.trunk = config, trunk
        self._seed = seed
        self.clip = ClipSpec(
            config.look_every_frames + 1,
            config.size_px,
            channels=3,
            scored_frames=tuple(range(1, config.look_every_frames + 1)),
            spacing_seconds=config.spacing_seconds,
            hop_frames=config.look_every_frames,
        )
        self.motion = Motion(config)
        self.detector = Detector(config.objects) if "objects" in config.streams else None
        self.scenes = Scenes(config)
        self.streams = self._untold_streams()
        self.fusion = StreamFusion({name: stream.renews_seconds for name, stream in self.watched()})

    def _untold_streams(self) -> dict[StreamName, Stream]:
        """Streams that have seen nothing, with room for the scenes."""
        config, scenes = self.config, self.scenes.count
        made: dict[StreamName, Stream] = {
            "speed": Speed(config, scenes=scenes),
            "velocity": Velocity(config, scenes=scenes),
            "appearance": Appearance(config, seed=self._seed),
            "residual": Residual(config, scenes=scenes),
            "shape": Shape(config, scenes=scenes),
            "dwell": Dwell(config, scenes=scenes),
            "stillness": Stillness(config, scenes=scenes),
            "objects": Objects(config, scenes=scenes),
        }
        return {name: made[name] for name in config.streams}

    def watched(self) -> Iterator[tuple[StreamName, Stream]]:
        """The streams by name."""
        yield from self.streams.items()

    def make_room(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """For arrays of these shapes: how many scenes and examples there are, and how large the detector is."""
        if background := shapes.get("scenes.background_SHW3"):
            self.scenes = Scenes(self.config, count=background[0])
            self.streams = self._untold_streams()
        super().make_room(shapes)

    # Looking: what a clip shows, whatever camera it is of.

    def look(self, clips_TCHW: Sequence[UInt8Array]) -> list[Look]:
        """What later steps need of each clip (uint8, (T, 3, H, W)).

        Flow is computed on threads of its own beside the trunk.
        """
        pictures = [[np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in clip] for clip in clips_TCHW]
        with one_thread_a_flow(pairs=len(pictures)):
            moves = [flow_threads().submit(self._moves, frames) for frames in pictures]
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

    # Judging.

    def camera(self, source: str = "", *, trusts_first: bool = True) -> Camera:
        """State of a camera that is judged by this memory; `trusts_first` as in `Camera`."""
        return Camera(self, source, trusts_first)

    def copy(self) -> "Memory":
        """What is remembered, to be taught something that this one is not; the trunk is shared."""
        arrays = self.arrays()
        copied = Memory(self.config, trunk=self.trunk, seed=self._seed)
        copied.make_room({name: array.shape for name, array in arrays.items()})
        copied.load(arrays)
        return copied

    def fuse(self, values: Mapping[str, float], maps: Mapping[str, FloatArray]) -> tuple[float, FloatArray]:
        """Score and map: how surprising the streams are for what held-out normal video shows."""
        score = self.fusion.fused({name: self.fusion.deviation(name, values[name]) for name in values})
        map_RC = self.fusion.fused({name: self.fusion.deviation(name, maps[name]) for name in maps})
        return float(score), map_RC

    # Learning: a survey of all footage, then all of it once more, clip by clip.

    def survey(self, videos: Sequence[Footage]) -> None:
        """Takes perspective and scenes from samples of normal videos; all else is forgotten.

        Args:
            videos: Frames, uint8 (T, 3, H, W), and their times in seconds.
        """
        self.motion.survey(sampled_flows(videos, self.motion))
        self.scenes = Scenes(self.config)
        self.scenes.survey(sampled_thumbs(videos))
        self._forget()

    def _forget(self) -> None:
        """All that was remembered since the survey."""
        self.streams = self._untold_streams()
        velocity = self.streams.get("velocity")
        if isinstance(velocity, Velocity):
            velocity.pace_R[...] = self.motion.pace_R

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
        arrays = self.arrays()
        own = {f"scenes.{name}": array for name, array in new.arrays().items()}
        for name, array in arrays.items():
            if _is_by_scene(name):
                more = own[name] if name in own else _of_all_scenes(name, array)
                arrays[name] = np.concatenate([array, np.broadcast_to(more, (new.count, *array.shape[1:]))])
        self.make_room({name: array.shape for name, array in arrays.items()})
        self.load(arrays)
        return new.count

    # Remembering in parts: each in a memory of its own, of the same survey; then those are merged.

    def part(self, number: int) -> "Memory":
        """A memory that has remembered nothing, for a part of the footage; shares survey, trunk and detector.

        Args:
            number: Of the part. What it draws by chance depends on it, and on nothing else but the seed.
        """
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        found = Memory(self.config, trunk=self.trunk, seed=seed)
        found.motion, found.scenes, found.detector = self.motion, self.scenes, self.detector
        found._forget()
        return found

    def collected(self) -> dict[str, Array]:
        """What was remembered since the survey, by name of the stream: what `merge` takes. Its size has a bound."""
        return {
            name: array
            for stream, each in self.watched()
            for name, array in below(f"{stream}.", each.collected()).items()
        }

    def merge(self, collected: Mapping[str, Array]) -> None:
        """Takes in what another memory of the same survey has collected; `settle` when all are in.

        Counts add up exactly. Examples are chosen from a draw of draws, as even as one over all footage.

        Raises:
            BundleError: It is of other scenes, or another grid.
        """
        for stream, each in self.watched():
            each.merge(within(f"{stream}.", collected))

    def settle(self) -> None:
        """After all footage was remembered."""
        for _, stream in self.watched():
            stream.settle()

    def observe_parts(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes mean and deviation of each stream on so many seconds of held-out normal video."""
        self.fusion.observe(parts, seconds=seconds)


def _is_by_scene(name: str) -> bool:
    """Whether the first axis of an array is scenes, as the letters at the end of its name say."""
    return name.rpartition("_")[2].startswith("S")


def _of_all_scenes(name: str, array: Array) -> Array:
    """What was counted in all scenes and, where the last letters name columns, at all columns alike: (1, ...)."""
    whole = array.sum(axis=0, keepdims=True)
    column = name.rpartition("_")[2].find("C")
    if column < 0:
        return np.asarray(whole)
    return np.broadcast_to(whole.mean(axis=column, keepdims=True), whole.shape)
