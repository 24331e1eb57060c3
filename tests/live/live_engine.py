"""Parts of the engine for its tests: detectors of a model, cameras on shared memory that the test itself fills."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from fake_models import BrightnessModel, spec_of
from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.detectors import Detector
from normalcy.live.events.incident import Change, IncidentRule, Step
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory, Picture, Stamped
from normalcy.scoring.calibration import SECONDS_PER_DAY, Calibration
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import FrameScore
from normalcy.video.frame import Frame

RULE = IncidentRule(cool_down_seconds=2.0)
WALL = 1_760_000_000.0
IDENTITY = "0123456789abcdef"


def calibration(*levels: float) -> Calibration:
    """Alarms by these scores in a day of normal video."""
    ordered = tuple(sorted(levels, reverse=True))
    top = ordered.count(ordered[0])
    return Calibration(
        "empirical", SECONDS_PER_DAY, 1000, 2.0, ordered[0], float(top), None, None, 0, ordered
    )


def detector_of(
    model: Any, *, settings: ScoringSettings, calibration: Calibration, name: str = "main", reason: Any = None
) -> Detector:
    """A detector without a bundle on disk."""
    header = SimpleNamespace(scoring=settings, map_scale=(0.0, 1.0))
    bundle = SimpleNamespace(header=header, calibration=calibration)
    explained = reason or SimpleNamespace(sentence="something is odd", place=None)
    reasoner = SimpleNamespace(reason=lambda map_HW, parts: explained)
    return Detector(name, model, bundle, "torch", reasoner, IDENTITY)  # type: ignore[arg-type]


def memory_for(model: Any, *, slots: int = 16, pictures: int = 32) -> CameraMemory:
    spec = model.spec
    return CameraMemory.create(Layout((*spec.size_px, spec.channels), slots, pictures, 32 * 1024, (12, 16)))


@dataclass
class Clock:
    """A monotonic clock that the test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A camera of the engine whose frames the test writes, and what the engine said of them.

    Attributes:
        wall_offset: Of the wall clock to the frames' time; a test sets it to make the clock jump.
    """

    camera: LiveCamera
    clock: Clock
    wall_offset: float = WALL
    generation: int = 1
    frames: list[FrameScore] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def memory(self) -> CameraMemory:
        return self.camera.memory

    def write(self, frame: Frame) -> None:
        """Puts a frame into the ring, as a capture process does."""
        self.clock.now = max(self.clock.now, 1000.0 + frame.pts_seconds)
        stamped = Stamped(
            frame.image_HWC,
            frame.index,
            frame.pts_seconds,
            self.generation,
            1000.0 + frame.pts_seconds,
            self.wall_offset + frame.pts_seconds,
            0,
        )
        self.memory.write(stamped)

    def work(self) -> None:
        """Scores what waits."""
        while (clip := self.camera.next_clip()) is not None:
            (found,) = self.camera.detector.model.infer([clip.clip_TCHW])
            self.take(clip, found)

    def take(self, clip: Any, found: Any) -> None:
        judged = self.camera.settle(clip, found, now=self.wall_offset)
        self.frames.extend(judged.verdicts[0].update.frames if judged.verdicts else [])
        self.steps.extend(judged.steps)

    def view(self) -> list[Step]:
        """What became of the events of the view since the last time."""
        return self.camera.view_steps()

    def see(self, frames: Iterable[Frame]) -> "Watched":
        """Frames one by one, each scored before the next comes."""
        for frame in frames:
            self.write(frame)
            self.work()
        return self

    def changes(self, *kinds: Change) -> list[Step]:
        return [step for step in self.steps if step.change in kinds]

    def dropped(self, cause: Drop) -> int:
        return int(self.memory.engine.dropped[0, cause])


@contextmanager
def watched(
    detector: Detector, *, slots: int = 16, rule: IncidentRule = RULE, **settings: Any
) -> Iterator[Watched]:
    """A camera; `settings` are of its configuration, or of `LiveCamera`; its memory is let go of at the end."""
    clock = Clock()
    words = {
        key: settings.pop(key)
        for key in ("resumed", "resumed_scene", "known_view", "timezone")
        if key in settings
    }
    memory = settings.pop("memory", None) or memory_for(detector.model, slots=slots)
    config = CameraConfig(**{"source": "test-pattern", "scene_change": False, **settings})
    camera = LiveCamera(
        "cam",
        config=config,
        detector=detector,
        memory=memory,
        rule=rule,
        clock=clock,
        **{"resumed": {}, **words},
    )
    try:
        yield Watched(camera, clock)
    finally:
        memory.close()
        memory.unlink()


def bright(values: Sequence[float], *, size_px: tuple[int, int] = (4, 6), fps: float = 10.0, first: int = 0):
    """Frames of these brightnesses, 0 to 255."""
    return [
        Frame(np.full((*size_px, 1), value, np.uint8), index, index / fps, "cam")
        for index, value in enumerate(values, start=first)
    ]


def write_pictures(memory: CameraMemory, seconds: Iterable[float], jpeg: bytes) -> None:
    """The same picture at several times of the camera's life."""
    for each in seconds:
        memory.write_picture(Picture(jpeg, round(each * 25), each, WALL + each, 0, (0, 0)))


SIZE_PX = (4, 6)
SETTINGS = ScoringSettings(
    smoothing_alpha=1, threshold=100, min_event_seconds=0.2, merge_gap_seconds=0.5, false_alarms_per_day=1
)
CALM, ODD = 50, 200


def a_detector(
    *, length: int = 3, settings: ScoringSettings = SETTINGS, spacing: float = 0.0, model: Any = None
) -> Detector:
    """Whose scores are brightnesses; from 100 on they alarm."""
    spec = replace(spec_of(length, size_px=SIZE_PX), spacing_seconds=spacing)
    model = model or BrightnessModel(spec)
    return detector_of(model, settings=settings, calibration=calibration(10, 20, 30))


def changes(watched: Watched) -> list[Change]:
    """Which events came and went."""
    return [step.change for step in watched.changes(Change.OPENED, Change.CLOSED)]
