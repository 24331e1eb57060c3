"""What the benchmark of scene memory measures: whole paths from files to verdicts, and their stages.

Letters: T frames, C channels, H height, W width, R rows and C columns of cells, D channels of a look.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from normalcy.datasets import open_dataset
from normalcy.datasets.base import LabelledVideo
from normalcy.evaluation.scored_dataset import read_options
from normalcy.methods import method_definition
from normalcy.methods.base import Camera, Look
from normalcy.methods.contract import ClipScores, ClipSpec
from normalcy.methods.scene_memory.compensation import residual_energy
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.scenes import thumbnail
from normalcy.methods.scene_memory.streams.appearance import Appearance
from normalcy.methods.scene_memory.survey import grey
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import Clip
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import open_video

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Work = Callable[[], object]

PLAIN, FLOAT, FLOOR = "plain", "trunk in floating point", "flow-magnitude"
SCORED_TOGETHER = 8


class PlainModel:
    """Scene memory as anyone would write it first: eager PyTorch in float32, flow of the whole picture, in sequence."""

    def __init__(self, method: SceneMemory) -> None:
        self.spec: ClipSpec = method.clip
        self._method = method.eval()

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> list[Look]:
        """What is seen in each clip."""
        return [self._look(clip_TCHW) for clip_TCHW in clips_TCHW]

    def camera(self, source_id: str) -> Camera:
        """State of a camera, ours."""
        return self._method.camera(source_id)

    def _look(self, clip_TCHW: UInt8Array) -> Look:
        frames = [np.ascontiguousarray(frame_CHW.transpose(1, 2, 0)) for frame_CHW in clip_TCHW]
        pairs = list(pairwise(grey(frame) for frame in frames))
        flows = [self._method.memory.motion.flow_of_all(*pair) for pair in pairs]
        left = [residual_energy(*pair, flow) for pair, flow in zip(pairs, flows, strict=True)]
        return {
            "flow_Thw2": np.stack(flows),
            "residual_TRC2": np.stack(left),
            "thumb_THW3": np.stack([thumbnail(frame) for frame in frames[1:]]),
            "look_RCF": self._features(frames[-1]),
        }

    def _features(self, image_HW3: UInt8Array) -> FloatArray:
        height, width = image_HW3.shape[:2]
        large_HW3 = cv2.resize(image_HW3, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
        image_13HW = torch.from_numpy(large_HW3).permute(2, 0, 1)[None].float() / 255
        assert self._method.trunk is not None
        with torch.no_grad():
            look_1DRC = self._method.trunk.network(image_13HW)
        return look_1DRC[0].permute(1, 2, 0).contiguous().numpy()


def test_videos(data: str, root: Path, count: int) -> Sequence[LabelledVideo]:
    """The first so many test videos."""
    return open_dataset(data, root).videos("test")[:count]


def frames_in(data: str, root: Path, count: int) -> int:
    """How many frames a round decodes and judges."""
    spec = method_definition(FLOOR).build(method_definition(FLOOR).config()).clip
    return sum(1 for video in test_videos(data, root, count) for _ in _frames(video, spec))


def end_to_end(name: str, data: str, root: Path, count: int, run: Path) -> Work:
    """Work from files to verdicts: of a run folder, or of `run` in another way."""
    model, settings = _model(name, run)
    videos = test_videos(data, root, count)

    def work() -> None:
        for video in videos:
            scorer = SourceScorer(
                model,
                settings=settings,
                calibration=None,
                source_id=video.name,
                batch_clips=SCORED_TOGETHER,
            )
            for _ in scorer.run(_frames(video, model.spec)):
                pass

    return work


def stages(run: Path, data: str, root: Path, count: int) -> tuple[dict[str, Work], int]:
    """Work of each stage alone, on one thread of ours, over the same clips; and of how many frames.

    Pictures of all clips are held in memory, and what one stage takes of another is made before.
    """
    bundle = Bundle.load(run)
    method = bundle.method()
    assert isinstance(method, SceneMemory)
    model = TorchModel(method)
    spec, hop = model.spec, bundle.header.scoring.hop_frames
    videos = test_videos(data, root, count)
    clips = [clip for video in videos for clip in _clips(video, spec, hop)]
    pictures = [
        [np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in clip.clip_TCHW] for clip in clips
    ]
    pairs = [list(pairwise(grey(frame) for frame in frames)) for frames in pictures]
    looks = [model.infer([clip.clip_TCHW])[0] for clip in clips]
    found = {
        "decode and scale": partial(_decode, videos, spec),
        "flow": lambda: [[method.memory.motion.flow(*pair) for pair in clip] for clip in pairs],
        "flow, whole picture": lambda: [
            [method.memory.motion.flow_of_all(*pair) for pair in clip] for clip in pairs
        ],
        "residual": lambda: [
            [residual_energy(*pair, flow) for pair, flow in zip(clip, look["flow_Thw2"], strict=True)]
            for clip, look in zip(pairs, looks, strict=True)
        ],
        "thumbnails": lambda: [[thumbnail(frame) for frame in frames[1:]] for frames in pictures],
        **_trunks(bundle, [frames[-1] for frames in pictures]),
        "camera: streams and fusion": partial(_judge, method, clips, looks),
    }
    return found, sum(len(clip.due) for clip in clips)


def stage_looks(run: Path, data: str, root: Path, count: int) -> tuple[FloatArray, list[FloatArray]]:
    """The examples, (N, F), and the looks of the foreground of each frame that has any, each (Q, F)."""
    bundle = Bundle.load(run)
    method = _memory(bundle)
    appearance = method.memory.streams["appearance"]
    assert isinstance(appearance, Appearance)
    model, looks = TorchModel(method), list[FloatArray]()
    for video in test_videos(data, root, count):
        camera = method.camera(video.name)
        for clip in _clips(video, model.spec, bundle.header.scoring.hop_frames):
            (look,) = model.infer([clip.clip_TCHW])
            assert not isinstance(look, ClipScores)
            views = [view for view in camera._views(clip.stamps, look) if view is not None]
            if views and views[-1].foreground_RC.any():
                looks.append(appearance.examples.whiten(look["look_RCF"][views[-1].foreground_RC]))
    return appearance.examples.example_NF, looks


def _trunks(bundle: Bundle, images: Sequence[UInt8Array]) -> dict[str, Work]:
    """The trunk as shipped, in what else its backend has, and plain."""
    shipped, exact, plain = (_memory(bundle) for _ in range(3))
    assert shipped.trunk is not None
    assert exact.trunk is not None
    exact.trunk.range_N.zero_()
    features = PlainModel(plain)._features
    found: dict[str, Work] = {"trunk": partial(_each, shipped.trunk.look, images)}
    if shipped.trunk.quantised:
        found["trunk, floating point"] = partial(_each, exact.trunk.look, images)
    return found | {"trunk, eager PyTorch": partial(_each, features, images)}


def _each(look: Callable[[UInt8Array], FloatArray], images: Sequence[UInt8Array]) -> None:
    for image in images:
        look(image)


def _judge(method: SceneMemory, clips: Sequence[Clip], looks: Sequence[Look]) -> None:
    camera, source = method.camera(), ""
    for clip, look in zip(clips, looks, strict=True):
        if clip.source_id != source:
            camera, source = method.camera(clip.source_id), clip.source_id
        camera.scores(clip.stamps, look)


def _decode(videos: Sequence[LabelledVideo], spec: ClipSpec) -> None:
    for video in videos:
        for _ in _frames(video, spec):
            pass


def _clips(video: LabelledVideo, spec: ClipSpec, hop_frames: int) -> Iterator[Clip]:
    window = ClipWindow(spec, hop_frames=hop_frames)
    for frame in _frames(video, spec):
        if clip := window.push(frame):
            yield clip
    if clip := window.flush():
        yield clip


def _frames(video: LabelledVideo, spec: ClipSpec) -> Iterator:
    with open_video(video.path, read_options(spec, video), source_id=video.name) as reader:
        yield from reader


def _memory(bundle: Bundle) -> SceneMemory:
    method = bundle.method()
    assert isinstance(method, SceneMemory)
    assert method.trunk is not None
    return method


def _model(name: str, run: Path) -> tuple[ScoringModel, ScoringSettings]:
    if name == FLOOR:
        definition = method_definition(FLOOR)
        return TorchModel(definition.build(definition.config())), ScoringSettings()
    if name == PLAIN:
        bundle = Bundle.load(run)
        return PlainModel(_memory(bundle)), bundle.header.scoring
    if name == FLOAT:
        bundle = Bundle.load(run)
        method = _memory(bundle)
        assert method.trunk is not None
        method.trunk.range_N.zero_()
        return TorchModel(method), bundle.header.scoring
    bundle = Bundle.load(Path(name))
    return bundle.scoring_model(), bundle.header.scoring
