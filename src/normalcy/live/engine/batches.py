"""Clips of many cameras, scored together: at most one of each camera in a round, so none holds up another."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.detectors import Detector
from normalcy.scoring.model import Found
from normalcy.scoring.types import Clip

MOST_CLIPS = 8


class Ready(NamedTuple):
    """A clip and the camera it is of."""

    camera: LiveCamera
    clip: Clip


def next_round(cameras: Sequence[LiveCamera]) -> list[Ready]:
    """The next clip of each camera that has one."""
    clips = ((camera, camera.next_clip()) for camera in cameras)
    return [Ready(camera, clip) for camera, clip in clips if clip is not None]


def scored(ready: Sequence[Ready]) -> Iterator[tuple[Ready, Found]]:
    """What the detectors find in clips, batch by batch."""
    by_detector: dict[Detector, list[Ready]] = {}
    for each in ready:
        by_detector.setdefault(each.camera.detector, []).append(each)
    for detector, group in by_detector.items():
        for first in range(0, len(group), MOST_CLIPS):
            batch = group[first : first + MOST_CLIPS]
            found = detector.model.infer([each.clip.clip_TCHW for each in batch])
            yield from zip(batch, found, strict=True)
