"""Teaches memories what people called false alarms, a clip at a time, while scoring goes on."""

import logging
from collections.abc import Sequence

from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.lessons import Lesson, Teaching

logger = logging.getLogger(__name__)


class School:
    """Cameras that are taught, and what they were taught."""

    def __init__(self) -> None:
        self._taught: dict[LiveCamera, tuple[Lesson, ...]] = {}
        self._classes: dict[LiveCamera, Teaching] = {}

    def enrol(self, camera: LiveCamera, lessons: Sequence[Lesson]) -> None:
        """Teaches a camera these lessons and no others, from its detector's memory on; nothing where it knows them."""
        lessons = tuple(lessons)
        if lessons == self._taught.get(camera, ()) or (untaught := camera.untaught()) is None:
            return
        self._taught[camera] = lessons
        self._classes[camera] = Teaching(camera.detector.model, untaught, lessons)

    def dismiss(self, camera: LiveCamera) -> None:
        """Forgets a camera that is gone."""
        self._taught.pop(camera, None)
        self._classes.pop(camera, None)

    def step(self) -> bool:
        """Teaches one clip; False where there was nothing to teach."""
        for camera, teaching in self._classes.items():
            if not teaching.step():
                self._graduate(camera, teaching)
            return True
        return False

    def _graduate(self, camera: LiveCamera, teaching: Teaching) -> None:
        del self._classes[camera]
        camera.judge_by(teaching.camera)
        for failure in teaching.failures:
            logger.warning("camera %s: a false alarm is not learned: %s", camera.name, failure)
        count = len(self._taught[camera]) - len(teaching.failures)
        logger.info("camera %s: its memory knows %d false alarms", camera.name, count)
