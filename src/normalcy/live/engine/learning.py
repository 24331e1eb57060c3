"""What people said of events, read by the thread that writes to the store: a store that hangs never holds up scoring.

What is read follows what was written before it was asked for: an event that ended, or a clip that was written, is seen.
"""

import queue
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.live.engine.lessons import Lesson, lessons_of
from normalcy.live.engine.recorder import Job, Recorder
from normalcy.live.engine.tuning import FalseAlarms
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter
from normalcy.live.store.verdicts import false_alarms_by_region

_MOST_EVENTS = 500


@dataclass(frozen=True)
class Learned:
    """What people said of a camera's events.

    Attributes:
        camera: Its name.
        detector: Identity of the one that the events are of.
        false_alarms: Peaks by region.
        lessons: Of those whose clips are there.
    """

    camera: str
    detector: str
    false_alarms: FalseAlarms
    lessons: tuple[Lesson, ...]


class Learning:
    """Asks for what people said, and hands it over once it was read.

    Args:
        recorder: Its thread reads.
        media: Folder of clips.
    """

    def __init__(self, recorder: Recorder, media: Path) -> None:
        self._recorder, self._media = recorder, media
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._read: queue.SimpleQueue[Learned] = queue.SimpleQueue()

    def ask(self, camera: str) -> None:
        """From any thread: there may be something new to learn of a camera."""
        self._wanted.put(camera)

    def news(self, detectors: Mapping[str, str]) -> list[Learned]:
        """What was read since the last time; has what was asked for be read.

        Args:
            detectors: Identities by camera; of others nothing is read.
        """
        wanted = set()
        while self._recorder.has_room and not self._wanted.empty():
            wanted.add(self._wanted.get())
        for camera in wanted & detectors.keys():
            self._recorder.record_if_room(self._job(camera, detectors[camera]))
        return [self._read.get() for _ in range(self._read.qsize())]

    def _job(self, camera: str, detector: str) -> Job:
        wanted = EventFilter(
            cameras=(camera,), verdict="false_alarm", kind="anomaly", state="closed", detector=detector
        )

        def job(session: Session) -> None:
            events = find_events(session, wanted, limit=_MOST_EVENTS)
            lessons = lessons_of(events, self._media)
            false_alarms = false_alarms_by_region(session, camera, detector=detector)
            self._read.put(Learned(camera, detector, false_alarms, lessons))

        return job
