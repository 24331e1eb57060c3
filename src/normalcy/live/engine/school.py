"""Teaches memories what people called false alarms, a clip at a time, while scoring goes on."""

import logging
from collections.abc import Sequence

from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.lessons import Lesson, Teaching

logger = logging.getLogger(__name__)


class School:
    """Cameras that are taught, and what they were taught.

    Attributes:
        failures: Lessons that could not be taught. None of them ends anything: the camera goes on with what it knows.
    """

    def __init__(self) -> None:
        self._taught: dict[LiveCamera, tuple[Lesson, ...]] = {}
        self._classes: dict[LiveCamera, Teaching] = {}
        self.failures = 0

    def enrol(self, camera: LiveCamera, lessons: Sequence[Lesson]) -> None:
        """Teaches a camera these lessons and no others, from its detector's memory on; nothing where it knows them."""
        lessons = tuple(lessons)
        if lessons == self._taught.get(camera, ()):
            return
        self._taught[camera] = lessons
        self._classes.pop(camera, None)
        try:
            if (untaught := camera.untaught()) is not None:
                self._classes[camera] = Teaching(camera.detector.model, untaught, lessons)
        except Exception as error:
            self._fail(camera, f"{type(error).__name__}: {error}")

    def dismiss(self, camera: LiveCamera) -> None:
        """Forgets a camera that is gone."""
        self._taught.pop(camera, None)
        self._classes.pop(camera, None)

    def step(self) -> bool:
        """Teaches one clip; False where there was nothing to teach."""
        for camera, teaching in self._classes.items():
            try:
                is_done = not teaching.step()
                if is_done:
                    self._graduate(camera, teaching)
            except Exception as error:
                is_done = True
                self._fail(camera, f"{type(error).__name__}: {error}")
            if is_done:
                del self._classes[camera]
            return True
        return False

    def _graduate(self, camera: LiveCamera, teaching: Teaching) -> None:
        camera.judge_by(teaching.camera)
        for failure in teaching.failures:
            self._fail(camera, failure)
        count = len(self._taught[camera]) - len(teaching.failures)
        logger.info("camera %s: its memory knows %d false alarms", camera.name, count)

    def _fail(self, camera: LiveCamera, why: str) -> None:
        self.failures += 1
        logger.warning("camera %s: a false alarm is not learned: %s", camera.name, why)
