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
from collections import deque
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from queue import SimpleQueue

from normalcy.errors import OutputError
from normalcy.live.bells import Bell, wait
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.batches import Rounds
from normalcy.live.engine.camera import Judged, LiveCamera
from normalcy.live.engine.detectors import Detector, open_detector
from normalcy.live.engine.heartbeat import Heartbeat
from normalcy.live.engine.learning import Learning
from normalcy.live.engine.orders import (
    Configure,
    Counters,
    DetectorFacts,
    HandOver,
    InferenceJob,
    Left,
    Order,
    Ready,
    Relearn,
)
from normalcy.live.engine.pictures import EventPictures
from normalcy.live.engine.recorder import Recorder
from normalcy.live.engine.reporting import Reporter
from normalcy.live.engine.school import School
from normalcy.live.events.incident import Change, IncidentRule
from normalcy.live.events.media import MediaWriter
from normalcy.live.frames.memory import CameraMemory, MemoryName
from normalcy.live.processes import Stop
from normalcy.live.store.events import open_events
from normalcy.live.store.media import stored_bytes
from normalcy.live.store.records import EventRecord, Lease, ViewRecord
from normalcy.live.store.store import Store, StoreError
from normalcy.live.store.views import read_views

__all__ = ["Configure", "Counters", "DetectorFacts", "InferenceJob", "Ready", "Relearn", "run_inference"]

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.1
_COLLECT_SECONDS = 0.25
_NEWS_SECONDS = 5.0
_TRY_AGAIN_SECONDS = 1.0
_LAST_WRITES_SECONDS = 20.0

Resumed = dict[str, dict[tuple[str, str], EventRecord]]
"""Open events of an engine that died, by camera, and there by what they are of: `anomaly` and a region, or `scene`."""


class Inference:
    """All cameras, their detectors, and where verdicts go."""

    def __init__(self, job: InferenceJob, *, store: Store, alerts_bell: Bell) -> None:
        self._store, self._config, self._media = store, job.config, job.media
        self._node, self._leases, self._begun = job.node, dict[str, Lease](), dict[str, Lease]()
        self._departures: SimpleQueue[Left] = SimpleQueue()
        self._detectors = {name: open_detector(name, each) for name, each in job.config.bundles.items()}
        self._resumed: Resumed | None = None
        self._views: dict[str, ViewRecord] = {}
        self._cameras: dict[str, LiveCamera] = {}
        self._recorder, self._writer = Recorder(store, bell=alerts_bell), MediaWriter()
        self._learning = Learning(self._recorder, job.media)
        self._pictures = EventPictures(
            job.media,
            recorder=self._recorder,
            writer=self._writer,
            noted=self._learning.ask,
            node=job.node,
        )
        self._reporter = Reporter(job.config, recorder=self._recorder, pictures=self._pictures, node=job.node)
        self._recorder.start()
        self._writer.start()
        self._rounds, self._school = Rounds(), School()
        self._collected = self._told = 0.0

    @property
    def facts(self) -> Ready:
        """Of its detectors."""
        return Ready({name: _facts(each) for name, each in self._detectors.items()})

    @property
    def counters(self) -> Counters:
        """Since it began."""
        return Counters(
            lost=self._recorder.lost,
            gave_way=self._recorder.gave_way,
            refusals=self._recorder.refusals,
            refused_since=self._recorder.refused_since,
            media_failures=self._writer.failures,
            thinned_pictures=self._pictures.thinned,
            lesson_failures=self._school.failures,
            fenced=self._recorder.fenced,
        )

    def departures(self) -> list[Left]:
        """Cameras of which everything is written since the last time, so that others may have them."""
        return [self._departures.get() for _ in range(self._departures.qsize())]

    def obey(self, order: Order) -> None:
        """Does as told; where the store refuses, the same order may be given again.

        Raises:
            StoreError: The events that an engine left open which died cannot be read: nothing is scored before.
        """
        if isinstance(order, Configure):
            self._configure(order)
        elif isinstance(order, HandOver):
            for name in list(self._cameras):
                self._remove(name, hands_over=True)
        else:
            self._learning.ask(order.camera)

    def work(self) -> bool:
        """Scores one round of clips, and learns a little; False where there was nothing to do."""
        ready = self._rounds.next_round(list(self._cameras.values()))
        for each, found in self._rounds.scored(ready):
            try:
                judged = each.camera.settle(each.clip, found, now=time.time())
            except Exception as error:
                each.camera.stumble(error, each.clip)
            else:
                self._report(each.camera, judged)
        self._look_after(time.monotonic())
        return self._school.step() or bool(ready)

    def stop(self) -> bool:
        """Closes open events and writes everything; False where the store or the disk did not take it in time."""
        for name in list(self._cameras):
            self._remove(name)
        written = self._writer.stop(_LAST_WRITES_SECONDS)
        return self._recorder.stop(_LAST_WRITES_SECONDS) and written

    def _look_after(self, now: float) -> None:
        """What has to be done whether or not frames come."""
        if now - self._collected < _COLLECT_SECONDS:
            return
        self._collected = now
        self._pictures.collect()
        self._learn()
        is_time = now - self._told >= _NEWS_SECONDS
        self._told = now if is_time else self._told
        for camera in self._cameras.values():
            self._report(camera, Judged(camera.expire(), camera.news() if is_time else []))
            self._keep_view(camera.name, camera.view_news())

    def _report(self, camera: LiveCamera, judged: Judged) -> None:
        self._reporter.report(camera, judged.steps)
        self._reporter.timeline(camera, judged.minutes)

    def _learn(self) -> None:
        """Takes up what people said of events, once the recorder's thread has read it."""
        for learned in self._learning.news(
            {name: each.detector.identity for name, each in self._cameras.items()}
        ):
            camera = self._cameras.get(learned.camera)
            if camera is not None and camera.detector.identity == learned.detector:
                camera.learn(learned.false_alarms)
                self._school.enrol(camera, learned.lessons)

    # -- cameras

    def _configure(self, order: Configure) -> None:
        """Cameras come, go, and are tuned."""
        before, self._config = self._config, order.config
        self._reporter.config = order.config
        if self._resumed is None:
            self._resumed = {} if self._node else self._resume(order)
        for name, camera in list(self._cameras.items()):
            if self._is_lost(name, order):
                self._remove(name, hands_over=True)
            elif order.cameras.get(name) != camera.memory.name:
                self._remove(name)
        self._forget_views(before)
        self._leases = dict(order.leases)
        self._reporter.leases = self._pictures.leases = self._leases
        for name, memory in order.cameras.items():
            if name in self._cameras:
                self._tune(self._cameras[name])
                continue
            if (lease := order.leases.get(name)) and self._begun.get(name) != lease:
                # Once it was taken: whoever had it before writes nothing any more.
                self._resumed |= {name: {}} | self._resume(order, name)
                self._begun[name] = lease
            self._add(name, memory)

    def _is_lost(self, name: str, order: Configure) -> bool:
        """Whether a camera goes to another node, or went there meanwhile."""
        before, now = self._leases.get(name), order.leases.get(name)
        is_wanted = name in order.config.cameras and order.config.cameras[name].enabled
        return before is not None and before != now and is_wanted

    def _resume(self, order: Configure, camera: str | None = None) -> Resumed:
        """Open events of an engine that died; ends those that nothing goes on with.

        Args:
            order: Which cameras there are.
            camera: Of that one alone, which another node had before.
        """
        cameras = None if camera is None else [camera]
        with self._store.reading() as session:
            events, views = open_events(session, cameras=cameras), read_views(session, cameras=cameras)
        self._views |= views
        resumed: Resumed = {}
        for event in events:
            goes_on = event.camera in order.cameras and self._goes_on(event)
            place = (event.kind, event.region) if event.kind == "anomaly" else ("scene", "")
            if goes_on and place not in resumed.setdefault(event.camera, {}):
                resumed[event.camera][place] = event
                continue
            is_here = event.media and event.node == self._node
            taken_bytes = (stored_bytes(self._media / event.media) or 0) if is_here else 0
            closed = replace(event, state="closed", interrupted=True, media_bytes=taken_bytes)
            self._reporter.store(Change.CLOSED, closed)
        return resumed

    def _goes_on(self, event: EventRecord) -> bool:
        """Whether what an event is of is still watched, and by the same detector."""
        if event.kind != "anomaly":
            return True
        config = self._config.cameras[event.camera]
        detector = self._detectors[self._config.bundle_of(config, name=event.camera)]
        return event.region in config.alarming_regions and event.detector == detector.identity

    def _add(self, name: str, memory: MemoryName) -> None:
        config = self._config.cameras[name]
        try:
            attached = CameraMemory.attach(memory)
        except FileNotFoundError:
            logger.info("camera %s is gone again", name)  # and another message tells so
            return
        events = (self._resumed or {}).pop(name, {})
        scene = events.pop(("scene", ""), None)
        self._cameras[name] = LiveCamera(
            name,
            config=config,
            detector=self._detectors[self._config.bundle_of(config, name=name)],
            memory=attached,
            rule=self._rule(),
            timezone=self._config.timezone,
            resumed={region: event for (_, region), event in events.items()},
            resumed_scene=scene,
            known_view=self._views.get(name),
        )
        self._learning.ask(name)

    def _tune(self, camera: LiveCamera) -> None:
        judged = camera.configure(
            self._config.cameras[camera.name], rule=self._rule(), timezone=self._config.timezone
        )
        self._report(camera, judged)
        self._learning.ask(camera.name)

    def _remove(self, name: str, *, hands_over: bool = False) -> None:
        camera = self._cameras.pop(name)
        self._keep_view(name, camera.view)
        self._report(camera, camera.hand_over() if hands_over else camera.finish())
        self._pictures.abandon(name)
        self._school.dismiss(camera)
        camera.memory.close()
        if (lease := self._leases.get(name)) is not None:
            # Written in order: what is committed last follows all that was seen.
            self._recorder.record(lambda _: None, then=lambda: self._departures.put(Left(lease)))

    def _keep_view(self, name: str, view: ViewRecord | None) -> None:
        """For the engine that comes next, and for a camera that is opened another way."""
        if view is not None:
            self._views[name] = view
            self._reporter.view(view)

    def _forget_views(self, before: LiveConfig) -> None:
        """Of cameras that watch something else now."""
        for name in before.cameras.keys() & self._config.cameras.keys():
            if before.cameras[name].watched != self._config.cameras[name].watched:
                self._views.pop(name, None)

    def _rule(self) -> IncidentRule:
        rule = IncidentRule(self._config.events.cool_down_seconds)
        if not self._node:
            return rule
        return replace(rule, resume_seconds=max(rule.resume_seconds, self._config.fleet.take_over_seconds))


def run_inference(
    job: InferenceJob, *, doorbell: Bell, alerts_bell: Bell, stop: Stop, control: Connection
) -> None:
    """The process: works until it is told to stop. It gives no sign of life before its detectors are open.

    Raises:
        OutputError: Something is not written that it knows of at its end.
    """
    store = Store(job.store_url)
    inference = Inference(job, store=store, alerts_bell=alerts_bell)
    control.send(inference.facts)
    orders = Orders(inference, control)
    heartbeat = Heartbeat(control, counters=lambda: inference.counters)
    while not stop.is_set():
        heartbeat.beat()
        heartbeat.tell(inference.departures())
        orders.look(time.monotonic())
        if not inference.work():
            wait(doorbell, _IDLE_SECONDS)
    orders.look(time.monotonic())  # who is told to stop may have been told more
    is_written = inference.stop()
    heartbeat.say()
    store.close()
    if not is_written:
        raise OutputError("the store or the disk did not take everything in time", where=store.name)


class Orders:
    """Messages of the supervisor, obeyed in order; one that the store holds up is tried again while scoring goes on."""

    def __init__(self, inference: Inference, control: Connection) -> None:
        self._inference, self._control = inference, control
        self._waiting: deque[Order] = deque()
        self._not_before = 0.0

    def look(self, now: float) -> None:
        """Obeys what came; monotonic clock."""
        with suppress(EOFError, OSError):
            while self._control.poll():
                self._waiting.append(self._control.recv())
        while self._waiting and now >= self._not_before:
            try:
                self._inference.obey(self._waiting[0])
            except StoreError as error:
                if not error.transient:
                    raise
                logger.warning("an order waits for the store: %s", error)
                self._not_before = now + _TRY_AGAIN_SECONDS
            else:
                self._waiting.popleft()


def _facts(detector: Detector) -> DetectorFacts:
    header = detector.bundle.header
    return DetectorFacts(
        detector.model.spec,
        detector.bundle.calibration,
        header.scoring,
        detector.backend,
        detector.identity,
    )
