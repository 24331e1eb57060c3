"""The inference process: frames of all cameras in, verdicts, events and pictures out.

control ---> cameras come, go, are tuned        doorbell ---> frames wait
                    |                                |
                    v                                v
         LiveCamera per camera ---> a round: one clip of each ---> detectors, in batches
                    |                                                      |
                    +<-----------------------------------------------------+
                    v
          events and timelines ---> recorder thread ---> store ---> alerts' doorbell
          pictures and clips   ---> media thread    ---> media folder
"""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

from normalcy.live.bells import Bell, wait
from normalcy.live.cameras.processes import Stop
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.batches import next_round, scored
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.detectors import Detector, open_detector
from normalcy.live.engine.pictures import EventPictures
from normalcy.live.engine.recorder import Recorder
from normalcy.live.engine.reporting import Reporter
from normalcy.live.events.incident import IncidentRule
from normalcy.live.events.media import MediaWriter
from normalcy.live.frames.memory import CameraMemory, MemoryName
from normalcy.live.store.events import open_events, update_event
from normalcy.live.store.records import EventRecord
from normalcy.live.store.store import Store
from normalcy.live.store.verdicts import false_alarms_by_region
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.settings import ScoringSettings

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.1
_COLLECT_SECONDS = 0.25
_LAST_WRITES_SECONDS = 20.0


@dataclass(frozen=True)
class InferenceJob:
    """What the process is started with.

    Attributes:
        config: In force; its cameras come later, by `Configure`.
        store_url: Of the event store, with its secrets in place.
        media: Folder of pictures and clips.
    """

    config: LiveConfig
    store_url: str = field(repr=False)
    media: Path


@dataclass(frozen=True)
class DetectorFacts:
    """What other processes must know of a detector.

    Attributes:
        spec: The clips it reads.
        calibration: From score to false alarms per day, as it was fitted.
        scoring: How its scores become alarms.
        backend: What scores.
        map_range: Map values of the first and the last colour.
    """

    spec: ClipSpec
    calibration: Calibration
    scoring: ScoringSettings
    backend: str
    map_range: tuple[float, float]


@dataclass(frozen=True)
class Ready:
    """The process is up: its detectors by name."""

    detectors: Mapping[str, DetectorFacts]


@dataclass(frozen=True)
class Configure:
    """Takes another configuration up; detectors stay as they are.

    Attributes:
        config: From now on.
        cameras: All that are watched from now on.
    """

    config: LiveConfig
    cameras: Mapping[str, MemoryName]


@dataclass(frozen=True)
class Relearn:
    """People said something of a camera's events."""

    camera: str


class Inference:
    """All cameras, their detectors, and where verdicts go."""

    def __init__(self, job: InferenceJob, *, store: Store, alerts_bell: Bell) -> None:
        self._store, self._config = store, job.config
        self._detectors = {name: open_detector(name, each) for name, each in job.config.bundles.items()}
        self._resumed: dict[str, dict[str, EventRecord]] | None = None
        self._cameras: dict[str, LiveCamera] = {}
        self._recorder, self._writer = Recorder(store, bell=alerts_bell), MediaWriter()
        self._pictures = EventPictures(job.media, recorder=self._recorder, writer=self._writer)
        self._reporter = Reporter(job.config, recorder=self._recorder, pictures=self._pictures)
        self._recorder.start()
        self._writer.start()
        self._collected = 0.0

    @property
    def facts(self) -> Ready:
        """Of its detectors."""
        return Ready({name: _facts(each) for name, each in self._detectors.items()})

    def configure(self, message: Configure) -> None:
        """Cameras come, go, and are tuned."""
        self._config = self._reporter.config = message.config
        if self._resumed is None:
            self._resumed = self._resume()
        for name in set(self._cameras) - set(message.cameras):
            self._remove(name)
        for name, memory in message.cameras.items():
            known = self._cameras.get(name)
            if known is not None and known.memory.name != memory:
                self._remove(name)
                known = None
            if known is None:
                self._add(name, memory)
            else:
                self._tune(known)

    def relearn(self, message: Relearn) -> None:
        """Thresholds follow what people said."""
        if (camera := self._cameras.get(message.camera)) is not None:
            self._tune(camera)

    def work(self) -> bool:
        """Scores one round of clips; False where none waited."""
        ready = next_round(list(self._cameras.values()))
        for each, found in scored(ready):
            judged = each.camera.settle(each.clip, found, now=time.time())
            self._reporter.report(each.camera, judged.steps)
            self._reporter.timeline(each.camera, judged.minutes)
        self._collect()
        return bool(ready)

    def stop(self) -> bool:
        """Closes open events and writes everything; False where the store or the disk did not take it in time."""
        for name in list(self._cameras):
            self._remove(name)
        written = self._writer.stop(_LAST_WRITES_SECONDS)
        return self._recorder.stop(_LAST_WRITES_SECONDS) and written

    def _collect(self) -> None:
        now = time.monotonic()
        if now - self._collected < _COLLECT_SECONDS:
            return
        self._collected = now
        self._pictures.collect()
        for camera in self._cameras.values():
            self._reporter.report(camera, camera.expire(time.time()))

    def _resume(self) -> dict[str, dict[str, EventRecord]]:
        """Open events of an engine that died, by camera and region; ends those of cameras that are gone."""
        resumed: dict[str, dict[str, EventRecord]] = {}
        with self._store.transaction() as session:
            for event in open_events(session):
                regions = resumed.get(event.camera, {})
                if event.region in self._watched(event.camera) and event.region not in regions:
                    resumed.setdefault(event.camera, {})[event.region] = event
                else:
                    update_event(session, replace(event, state="closed", interrupted=True))
        return resumed

    def _watched(self, camera: str) -> frozenset[str]:
        """Names of the regions that a camera watches; the whole picture has none."""
        config = self._config.cameras.get(camera)
        names = {each.name for each in config.regions if each.mode == "watch"} if config else set[str]()
        return frozenset(names or {""}) if config else frozenset()

    def _add(self, name: str, memory: MemoryName) -> None:
        config = self._config.cameras[name]
        bundle = self._config.bundle_of(config, name=name)
        resumed = (self._resumed or {}).pop(name, {})
        self._cameras[name] = LiveCamera(
            name,
            config=config,
            detector=self._detectors[bundle],
            memory=CameraMemory.attach(memory),
            rule=self._rule(),
            timezone=self._config.timezone,
            resumed=resumed,
            false_alarms=self._false_alarms(name),
        )

    def _tune(self, camera: LiveCamera) -> None:
        steps = camera.configure(
            self._config.cameras[camera.name],
            rule=self._rule(),
            timezone=self._config.timezone,
            false_alarms=self._false_alarms(camera.name),
        )
        self._reporter.report(camera, steps)

    def _remove(self, name: str) -> None:
        camera = self._cameras.pop(name)
        judged = camera.finish()
        self._reporter.report(camera, judged.steps)
        self._reporter.timeline(camera, judged.minutes)
        self._pictures.abandon(name)
        camera.memory.close()

    def _rule(self) -> IncidentRule:
        return IncidentRule(self._config.events.cool_down_seconds)

    def _false_alarms(self, name: str) -> dict[str, list[float]]:
        with self._store.reading() as session:
            return false_alarms_by_region(session, name)


def run_inference(
    job: InferenceJob, *, doorbell: Bell, alerts_bell: Bell, stop: Stop, control: Connection
) -> None:
    """The process: works until it is told to stop."""
    store = Store(job.store_url)
    inference = Inference(job, store=store, alerts_bell=alerts_bell)
    control.send(inference.facts)
    while not stop.is_set():
        _obey(inference, control)
        if not inference.work():
            wait(doorbell, _IDLE_SECONDS)
    inference.stop()
    store.close()


def _obey(inference: Inference, control: Connection) -> None:
    with suppress(EOFError, BrokenPipeError):
        while control.poll():
            message = control.recv()
            if isinstance(message, Configure):
                inference.configure(message)
            else:
                inference.relearn(message)


def _facts(detector: Detector) -> DetectorFacts:
    header = detector.bundle.header
    return DetectorFacts(
        detector.model.spec,
        detector.bundle.calibration,
        header.scoring,
        detector.backend,
        header.map_scale,
    )
