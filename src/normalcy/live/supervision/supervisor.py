"""The supervisor: all processes of the live engine, from start to stop.

    config file --changes--> supervisor --starts, watches, kills--> capture (each camera), inference, alerts
                                 ^                                        |
                                 +------- shared memory, messages --------+

A change of the configuration starts and stops only what it concerns. Nobody waits for that: `apply` says what is
wanted, and every tick brings the processes nearer to it.
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from normalcy.errors import ConfigError, NormalcyError
from normalcy.live.alerts.messages import event_messages
from normalcy.live.alerts.outbox_loop import AlertsJob, run_alerts
from normalcy.live.bells import Bell, ring
from normalcy.live.config.change import change, only_a_restart_takes_up
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.references import missing_secrets
from normalcy.live.data_folder import claimed
from normalcy.live.engine.inference import (
    Configure,
    DetectorFacts,
    InferenceJob,
    Ready,
    Relearn,
    run_inference,
)
from normalcy.live.engine.orders import Counters, HandOver, Left
from normalcy.live.engine.recorder import Recorder
from normalcy.live.frames.memory import MemoryName
from normalcy.live.processes import CONTEXT
from normalcy.live.store.claim import claim_database
from normalcy.live.store.opening import store_url
from normalcy.live.store.outbox import open_outages
from normalcy.live.store.records import EventRecord, Lease, NewMessage
from normalcy.live.store.store import Store
from normalcy.live.supervision.camera_news import CameraNewsroom
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.supervision.counting import Counting
from normalcy.live.supervision.fleet import Fleet
from normalcy.live.supervision.housekeeping import Housekeeping
from normalcy.live.supervision.membership import Membership
from normalcy.live.supervision.notes import Notes
from normalcy.live.supervision.stage import Stage

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.2
_CONFIG_SECONDS = 1.0
_INFERENCE_STOP_SECONDS = 45.0
_ALERTS_STOP_SECONDS = 15.0
_RECORDER_STOP_SECONDS = 10.0
_HUNG_SECONDS, _OPENING_HUNG_SECONDS = 60.0, 600.0
"""A process that gives no sign of life for so long hangs; detectors may take long to open."""
_UNHEARD_SECONDS = 20.0
"""A process that gave none for so long is not counted on."""
_HANG_TOLD_SECONDS = 3600.0


class EngineFailed(NormalcyError):
    """A stage of the engine was given up.

    Args:
        why: What it said last.
        exit_code: For the command.
    """

    def __init__(self, why: str, *, exit_code: int) -> None:
        super().__init__(why, hint="The log says more; what was committed is safe")
        self.exit_code = exit_code


class Supervisor:
    """Runs the engine.

    Args:
        config: What to do.
        file: Where that is written and may change; none where nobody changes it.
        log_json: Logs are JSON lines.
        told_to_stop: Once it is set, an engine that holds the database is not waited for.

    Attributes:
        config: In force.
        failure: Why everything was stopped; none as long as it was not.
        is_stored: Whether everything was written by the time that it was stopped.
        membership: This engine as one of several; none where it has the database for itself.
        address: Where its dashboard listens; empty without one.

    Raises:
        RunFolderBusy: Another engine uses the data folder.
        OutputError: The data folder or the store cannot be used.
    """

    def __init__(
        self,
        config: LiveConfig,
        *,
        file: ConfigFile | None = None,
        log_json: bool = False,
        told_to_stop: threading.Event | None = None,
    ) -> None:
        self.config, self.file = config, file
        self.media, self.lock, self.notes = config.data / "media", threading.RLock(), Notes()
        self._started_with, self._opened_with = config, config
        with contextlib.ExitStack() as undone:
            undone.callback(claimed(config.data).release)
            self.store = Store(store_url(config), migrate=True)
            undone.callback(self.store.close)
            self.membership: Membership | None = None
            if config.fleet.enabled:
                self._require_shared(self.store)
                self.membership = Membership(config, store_url=store_url(config))
                self.membership.node.join(told_to_stop=told_to_stop)
                undone.callback(self.membership.node.leave)
            else:
                undone.callback(claim_database(self.store, told_to_stop=told_to_stop).release)
            self._undone = undone.pop_all()
        self._doorbell, self._alerts_bell = CONTEXT.Semaphore(0), CONTEXT.Semaphore(0)
        self._recorder = Recorder(self.store, bell=self._alerts_bell)
        self.counting = Counting(self._recorder, self.notes)
        self.address, self._own = (
            "",
            config if self.membership is None else config.model_copy(update={"cameras": {}}),
        )
        self._housekeeping = Housekeeping(
            self.store, self.media, notes=self.notes, node=self.node_name, told=self._told_of_end
        )
        self.detectors: dict[str, DetectorFacts] = {}
        self.fleet = Fleet(doorbell=self._doorbell, as_json=log_json)
        self.inference = Stage(
            "inference",
            target=run_inference,
            job=self._inference_job,
            shared={"doorbell": self._doorbell, "alerts_bell": self._alerts_bell},
            as_json=log_json,
            on_message=self._on_inference,
            patience_seconds=lambda: _HUNG_SECONDS if self._is_open else _OPENING_HUNG_SECONDS,
        )
        self.alerts = Stage(
            "alerts",
            target=run_alerts,
            job=self._alerts_job,
            shared={"doorbell": self._alerts_bell},
            as_json=log_json,
            patience_seconds=lambda: _HUNG_SECONDS,
        )
        with self.store.reading() as session:
            outages = {} if self.membership else open_outages(session)
        self._newsroom = CameraNewsroom(
            self._recorder, tell=lambda news: self.alerts.send({"cameras": news}), outages=outages
        )
        self._is_open = False
        self._told: tuple[LiveConfig, Mapping[str, MemoryName], Mapping[str, Lease]] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._looked_at_file = -math.inf
        self.failure: EngineFailed | None = None
        self.is_stored = True

    # -- life

    def start(self) -> None:
        """Starts everything, and returns; cameras begin once their detectors are open."""
        if self.membership is not None:
            self.membership.node.start()
        self._recorder.start()
        self.alerts.start()
        self.inference.start()
        self._thread.start()

    def stop(self) -> bool:
        """Stops everything: events are closed and stored, alerts are sent.

        Returns:
            False where something had to be killed, or could not be written.
        """
        self._stopping.set()
        in_time = self._thread.ident is None or self._stop_started()
        self._undone.close()
        return in_time

    def _stop_started(self) -> bool:
        """In the order of the data: whoever comes later still takes what those before have left."""
        self._thread.join()
        with self.lock:
            self._hand_over()
            in_time = self.fleet.stop()
            is_scored = _ended(self.inference, self._doorbell, _INFERENCE_STOP_SECONDS)
            self.fleet.close()
            self.is_stored = self._recorder.stop(_RECORDER_STOP_SECONDS) and is_scored
            in_time &= self.is_stored
            if self.membership is not None:
                self.membership.node.give_all_back()
            in_time &= _ended(self.alerts, self._alerts_bell, _ALERTS_STOP_SECONDS)
        self._housekeeping.stop()
        return in_time

    @property
    def is_ready(self) -> bool:
        """Whether every stage runs and gave a sign of life just now, and every detector is open."""
        now, stages = time.monotonic(), (self.inference, self.alerts)
        are_heard = all(now - stage.heard < _UNHEARD_SECONDS for stage in stages)
        return self._is_open and are_heard and all(stage.state == "running" for stage in stages)

    @property
    def stages(self) -> list[Stage]:
        """All processes."""
        captures = [unit.capture for unit in self.fleet.units.values() if unit.capture]
        return [self.inference, self.alerts, *captures]

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                with self.lock:
                    self._tick(time.monotonic())
            except NormalcyError as error:
                logger.error("%s", error)
            except Exception:
                logger.exception("a defect of the supervisor; it goes on")

    def _tick(self, now: float) -> None:
        for stage in (self.inference, self.alerts):
            stage.tick(now)
            if stage.state == "failed" and not self._went_back(stage):
                self._give_up(stage)
                return
        self._follow_fleet(now)
        self.fleet.tick(now, self._own, self.detectors)
        self._tell_inference()
        if self.membership is None or self.membership.node.is_sure:
            self._newsroom.look(self.fleet.seen(self._own), self._own)
        else:
            self._newsroom.fall_silent()
        if now - self._looked_at_file >= _CONFIG_SECONDS:
            self._looked_at_file = now
            self._read_file()
            # Semaphores wait by the wall clock: set back by an hour, a wait of a second would last that hour.
            ring(self._doorbell)
            ring(self._alerts_bell)
            self._tell_of_troubles(now)
        self._housekeeping.tick(now, self.config.store.retention)

    def _tell_of_troubles(self, now: float) -> None:
        """Notes what is wrong by now, and takes away what is mended."""
        self.counting.tell(now)
        absent = "; ".join(missing_secrets(self.config))
        self.notes.put("secrets", f"{absent}. Only what needs them waits for them" if absent else "")
        self.notes.put("cameras", "; ".join(f"{name}: {why}" for name, why in self.fleet.refused.items()))
        for stage in (self.inference, self.alerts):
            self.notes.put(stage.name, _hang(stage, now))

    # -- one node among several

    @property
    def node_name(self) -> str:
        """Of this engine among several; empty where it has the database for itself."""
        return self.membership.identity.name if self.membership else ""

    @property
    def own(self) -> LiveConfig:
        """The configuration with the cameras alone that are watched here."""
        return self._own if self.membership else self.config

    def _follow_fleet(self, now: float) -> None:
        """Takes up which cameras are this node's by now."""
        if self.membership is None:
            self._own = self.config
            return
        member, node = self.membership, self.membership.node
        if node.failure and self.failure is None:
            self._stop_because(EngineFailed(node.failure, exit_code=1))
        self._own, new = member.own(self.config)
        self._newsroom.leases = dict(member.begun)
        for name, taken in new.items():
            self._newsroom.adopt(name, taken.away_since)
        while not node.judged.empty():
            if (camera := node.judged.get()) in member.begun:
                self.relearn(camera)
        here = self.fleet.status(self._own)
        member.tell(self.config, here, ready=self._is_open, address=self.address, now=now)
        self.notes.put("node", member.trouble)

    def _told_of_end(self, event: EventRecord) -> list[NewMessage]:
        """What is to be told of an event that no node goes on with."""
        return event_messages(event, "event.closed", config=self.config)

    def _hand_over(self) -> None:
        """Where other nodes go on, what goes on here is not ended."""
        if self.membership is not None:
            self.membership.node.end()
            if self.membership.node.has_others:
                self.inference.send(HandOver())

    @staticmethod
    def _require_shared(store: Store) -> None:
        if store.engine.dialect.name != "postgresql":
            hint = "Set store.url to it, on every node"
            raise ConfigError("nodes share a PostgreSQL database", where="fleet.enabled", hint=hint)

    def _give_up(self, stage: Stage) -> None:
        why = f"{stage.name} is given up: {stage.reason}"
        self._stop_because(EngineFailed(why, exit_code=stage.exit_code))

    def _stop_because(self, failure: EngineFailed) -> None:
        self.failure = failure
        logger.critical("the engine stops: %s", self.failure)
        self._stopping.set()

    # -- stages

    def _inference_job(self) -> InferenceJob:
        self._is_open, self._told = False, None
        self.counting.renew()
        return InferenceJob(self.config, store_url(self.config), self.media, self.node_name)

    def _alerts_job(self) -> AlertsJob:
        self._newsroom.forget_told()
        identity = self.membership.identity if self.membership else None
        return AlertsJob(self.config, store_url(self.config), self.media, identity)

    def _on_inference(self, message: Any) -> None:
        if isinstance(message, Counters):
            self.counting.take(message)
        if isinstance(message, Left) and self.membership is not None:
            self.membership.node.left(message.lease)
        if isinstance(message, Ready) and self.inference.state == "running":
            self._is_open, self._opened_with = True, self.config
            self.detectors.clear()
            self.detectors.update(message.detectors)
            opened = (f"{name} by {facts.backend}" for name, facts in self.detectors.items())
            logger.info("detectors are open: %s", ", ".join(opened))

    def _tell_inference(self) -> None:
        """Which cameras there are, and what is in force, where it was not told so already."""
        wanted = self.config, self.fleet.watched, self._leases()
        if self._is_open and (self._told is None or self._told[0] is not wanted[0] or self._told != wanted):
            self.inference.send(Configure(*wanted))
            self._told = wanted
            ring(self._doorbell)

    def _leases(self) -> dict[str, Lease]:
        """Of the cameras that the engine has to read; none where this one has the database for itself."""
        begun = self.membership.begun if self.membership else {}
        return {name: begun[name] for name in self.fleet.watched if name in begun}

    def relearn(self, camera: str) -> None:
        """Thresholds of a camera follow what people said of its events."""
        with self.lock:
            self.inference.send(Relearn(camera))
            ring(self._doorbell)

    # -- configuration

    def apply(self, config: LiveConfig) -> None:
        """Puts another configuration into force; what it does not concern goes on undisturbed.

        Cameras that were given up are tried again, also where nothing is different.
        """
        with self.lock:
            waiting = ", ".join(only_a_restart_takes_up(self._started_with, config))
            self.notes.put(
                "restart", f"{waiting}: taken up when the engine is started again" if waiting else ""
            )
            config = self._as_started(config)
            what = change(self.config, config)
            self.config = config
            if self._is_open and not what.bundles:
                self._opened_with = config
            self.notes.put("detectors", "")
            self.fleet.forgive(time.monotonic())
            if not what.is_empty:
                logger.info("the configuration changed: %s", what)
            if what.bundles:
                self._renew_inference()
            if what.alerts or what.added or what.removed or what.retuned or what.reopened:
                self.alerts.send({"config": config})

    def _as_started(self, config: LiveConfig) -> LiveConfig:
        """With what only a restart takes up as it was: a process that is started anew must not go another way."""
        started = self._started_with
        store = config.store.model_copy(update={"url": started.store.url})
        return config.model_copy(
            update={"data": started.data, "web": started.web, "store": store, "fleet": started.fleet}
        )

    def _renew_inference(self) -> None:
        """With other detectors. Cameras go on meanwhile; those whose frames have another size then begin anew."""
        grace_seconds = _INFERENCE_STOP_SECONDS if self._is_open else 0.0
        self._is_open = False
        self.detectors.clear()
        self.inference.renew(time.monotonic(), grace_seconds=grace_seconds)
        ring(self._doorbell)

    def _went_back(self, stage: Stage) -> bool:
        """Whether detectors that cannot be opened were given up for those that could."""
        if stage is not self.inference or self.config.bundles == self._opened_with.bundles:
            return False
        self.notes.put("detectors", f"The configuration before is in force again: {stage.reason}")
        self.config = self._opened_with
        self.alerts.send({"config": self.config})
        stage.forgive()
        return True

    def _read_file(self) -> None:
        if self.file is None:
            return
        try:
            if (config := self.file.changed()) is not None:
                self.apply(config)
                self.notes.put("configuration", "")
        except NormalcyError as error:
            self.notes.put("configuration", f"{error}. What was in force before still is")


def _hang(stage: Stage, now: float) -> str:
    if stage.hung_at is None or now - stage.started > _HANG_TOLD_SECONDS:
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(stage.hung_at))
    return f"It hung until {clock} and was started again; nothing was scored or sent meanwhile"


def _ended(stage: Stage, bell: Bell, seconds: float) -> bool:
    """Ends a stage; False where it had to be killed, or could not do all that it had to."""
    stage.ask_to_stop()
    ring(bell)
    return stage.join(seconds)
