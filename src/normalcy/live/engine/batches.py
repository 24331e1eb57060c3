"""Clips of many cameras, scored together: at most one of each camera in a round, so none holds up another.

A camera whose frames cannot be scored starts anew; the others do not notice.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.detectors import Detector
from normalcy.scoring.model import Found
from normalcy.scoring.types import Clip

MOST_CLIPS = 8
MOST_FAILURES = 100
"""A detector that fails so often in a row, whatever the clip, does not come back by itself."""


class Ready(NamedTuple):
    """A clip and the camera it is of."""

    camera: LiveCamera
    clip: Clip


class Rounds:
    """Scores round after round."""

    def __init__(self) -> None:
        self._failures: dict[Detector, int] = {}

    def next_round(self, cameras: Sequence[LiveCamera]) -> list[Ready]:
        """The next clip of each camera that has one."""
        ready = []
        for camera in cameras:
            try:
                clip = camera.next_clip()
            except Exception as error:
                camera.stumble(error)
                continue
            if clip is not None:
                ready.append(Ready(camera, clip))
        return ready

    def scored(self, ready: Sequence[Ready]) -> Iterator[tuple[Ready, Found]]:
        """What the detectors find in clips, batch by batch.

        Raises:
            Exception: What a detector raises that has failed a hundred times in a row.
        """
        by_detector: dict[Detector, list[Ready]] = {}
        for each in ready:
            by_detector.setdefault(each.camera.detector, []).append(each)
        for detector, group in by_detector.items():
            for first in range(0, len(group), MOST_CLIPS):
                yield from self._batch(detector, group[first : first + MOST_CLIPS])

    def _batch(self, detector: Detector, batch: Sequence[Ready]) -> Iterator[tuple[Ready, Found]]:
        """Of clips together; one by one where that fails, so that a clip that cannot be scored costs only itself."""
        try:
            found = detector.model.infer([each.clip.clip_TCHW for each in batch])
        except Exception as error:
            if len(batch) > 1:
                for each in batch:
                    yield from self._batch(detector, [each])
                return
            self._failures[detector] = self._failures.get(detector, 0) + 1
            if self._failures[detector] >= MOST_FAILURES:
                raise
            batch[0].camera.stumble(error, batch[0].clip)
        else:
            self._failures[detector] = 0
            yield from zip(batch, found, strict=True)
