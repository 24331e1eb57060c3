"""The supervisor: all processes of the live engine, from start to stop.

    config file --changes--> supervisor --starts, watches, kills--> capture (each camera), inference, alerts
                                 ^                                        |
                                 +------- shared memory, messages --------+

A change of the configuration starts and stops only what it concerns.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from normalcy.errors import NormalcyError, OutputError, RunFolderBusy
from normalcy.live.alerts.outbox_loop import AlertsJob
from normalcy.live.bells import ring
from normalcy.live.cameras.capture import CaptureJob, run_capture
from normalcy.live.config.change import change
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import (
    Configure,
    DetectorFacts,
    InferenceJob,
    Ready,
    Relearn,
)
from normalcy.live.engine.recorder import Recorder
from normalcy.live.frames.memory import CameraMemory
from normalcy.live.store.opening import store_url
from normalcy.live.store.retention import apply_retention
from normalcy.live.store.store import Store
from normalcy.live.supervision import targets
from normalcy.live.supervision.camera_news import CameraNewsroom
from normalcy.live.supervision.camera_unit import CameraUnit
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.supervision.layouts import layout_of, picture_fps
from normalcy.live.supervision.stage import CONTEXT, Stage
from normalcy.live.supervision.targets import Logged
from normalcy.run_folder import writing_to

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.2
_RETENTION_SECONDS = 300.0
_CONFIG_SECONDS = 1.0
_CAPTURE_STOP_SECONDS = 1.0
_INFERENCE_STOP_SECONDS = 45.0
_ALERTS_STOP_SECONDS = 15.0
_RECORDER_STOP_SECONDS = 10.0


class Supervisor:
    """Runs the engine.

    Args:
        config: What to do.
        file: Where that is written and may change; none where it was given on the command line.
        log_json: Logs are JSON lines.

    Raises:
        RunFolderBusy: Another engine uses the data folder.
        OutputError: The data folder or the store cannot be used.
    """

    def __init__(self, config: LiveConfig, *, file: ConfigFile | None = None, log_json: bool = False) -> None:
        self.config, self.file, self._log_json = config, file, log_json
        self.media = config.data / "media"
        self._folder_lock = _claimed(config.data)
        self.store = Store(store_url(config), migrate=True)
        self.doorbell, self._alerts_bell = CONTEXT.Semaphore(0), CONTEXT.Semaphore(0)
        self._recorder = Recorder(self.store, bell=self._alerts_bell)
        self._newsroom = CameraNewsroom(self._recorder, tell=lambda news: self.alerts.send({"cameras": news}))
        self.detectors: dict[str, DetectorFacts] = {}
        self.units: dict[str, CameraUnit] = {}
        self.lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._looked_at_file = self._cleaned = 0.0
        self.failure: str | None = None
        self.inference = self._stage("inference", targets.inference, self._inference_job, self._on_inference)
        self.alerts = self._stage("alerts", targets.alerts, self._alerts_job, lambda _: None)

    # -- life

    def start(self) -> None:
        """Starts everything, and returns; cameras begin once their detectors are open."""
        self._recorder.start()
        self.alerts.start()
        self.inference.start()
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Waits; True once everything has stopped because a stage was given up."""
        self._stopping.wait(seconds)
        return self.failure is not None

    def stop(self) -> bool:
        """Stops everything: events are closed and stored, alerts are sent. False where something had to be killed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with self.lock:
            in_time = self._stop_captures(list(self.units.values()))
            self.inference.ask_to_stop()
            ring(self.doorbell)
            in_time &= self.inference.join(_INFERENCE_STOP_SECONDS)
            in_time &= self._recorder.stop(_RECORDER_STOP_SECONDS)
            self.alerts.ask_to_stop()
            ring(self._alerts_bell)
            in_time &= self.alerts.join(_ALERTS_STOP_SECONDS)
            for unit in self.units.values():
                unit.close()
            self.units = {}
        self.store.close()
        self._folder_lock.release()
        return in_time

    @property
    def is_ready(self) -> bool:
        """Whether every stage runs and every detector is open."""
        stages = (self.inference, self.alerts)
        return all(stage.state == "running" for stage in stages) and bool(self.detectors)

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
            if stage.state == "failed":
                self._give_up(f"{stage.name} died too often: {stage.reason}")
                return
        for unit in self.units.values():
            self._look_after(unit, now)
        self._newsroom.look(self.units.values(), self.config)
        if now - self._looked_at_file >= _CONFIG_SECONDS:
            self._looked_at_file = now
            self._read_file()
        if now - self._cleaned >= _RETENTION_SECONDS:
            self._cleaned = now
            threading.Thread(target=self._clean, name="retention", daemon=True).start()

    def _give_up(self, why: str) -> None:
        logger.critical("the engine stops: %s", why)
        self.failure = why
        self._stopping.set()

    # -- stages

    def _stage(
        self,
        name: str,
        target: Callable[..., None],
        job: Callable[[], Any],
        on_message: Callable[[Any], None],
    ) -> Stage:
        bells = {"doorbell": self.doorbell, "alerts_bell": self._alerts_bell}
        shared = bells if name == "inference" else {"doorbell": self._alerts_bell}
        return Stage(name, target=target, job=job, shared=shared, on_message=on_message)

    def _inference_job(self) -> Logged:
        return Logged(InferenceJob(self.config, store_url(self.config), self.media), self._log_json)

    def _alerts_job(self) -> Logged:
        self._newsroom.forget_told()
        return Logged(AlertsJob(self.config, store_url(self.config), self.media), self._log_json)

    def _on_inference(self, message: Any) -> None:
        if isinstance(message, Ready):
            self.detectors.clear()
            self.detectors.update(message.detectors)
            logger.info("detectors are open: %s", ", ".join(self.detectors))
            for name in self.config.cameras:
                if name not in self.units:
                    self._add(name)
            self._configure_inference()

    def _configure_inference(self) -> None:
        watched = {name: unit.memory.name for name, unit in self.units.items() if unit.capture}
        self.inference.send(Configure(self.config, watched))
        ring(self.doorbell)

    def relearn(self, camera: str) -> None:
        """Thresholds of a camera follow what people said of its events."""
        self.inference.send(Relearn(camera))
        ring(self.doorbell)

    # -- cameras

    def _add(self, name: str) -> None:
        camera = self.config.cameras[name]
        spec = self.detectors[self.config.bundle_of(camera, name=name)].spec
        memory = CameraMemory.create(layout_of(name, self.config, spec))
        unit = CameraUnit(name, config=camera, memory=memory, capture=None)
        if camera.enabled:
            unit.capture = Stage(
                f"capture {name}",
                target=run_capture,
                job=lambda: self._capture_job(unit),
                shared={"doorbell": self.doorbell},
            )
            unit.capture.start()
        self.units[name] = unit

    def _capture_job(self, unit: CameraUnit) -> CaptureJob:
        bundle = self.config.bundle_of(unit.config, name=unit.name)
        return CaptureJob(
            name=unit.name,
            config=unit.config,
            memory=unit.memory.name,
            spec=self.detectors[bundle].spec,
            picture_fps=picture_fps(self.config),
            log_json=self._log_json,
        )

    def _look_after(self, unit: CameraUnit, now: float) -> None:
        if unit.capture is None:
            return
        if unit.is_wedged(now):
            logger.warning("camera %s hangs in its decoder, so its process is killed", unit.name)
            unit.capture.kill()
            unit.memory.capture.heartbeat[0] = 0
        unit.capture.tick(now)

    def _stop_captures(self, units: list[CameraUnit]) -> bool:
        captures = [unit.capture for unit in units if unit.capture]
        for capture in captures:
            capture.ask_to_stop()
        end = time.monotonic() + _CAPTURE_STOP_SECONDS
        late = [each for each in captures if not each.join(max(0.0, end - time.monotonic()))]
        return not late

    def _remove(self, names: frozenset[str]) -> None:
        """Ends cameras; the engine detaches from their memory when it is told of those that are left."""
        gone = [self.units.pop(name) for name in names if name in self.units]
        self._stop_captures(gone)
        for unit in gone:
            unit.close()

    # -- configuration

    def apply(self, config: LiveConfig) -> None:
        """Puts another configuration into force; what it does not concern goes on undisturbed."""
        with self.lock:
            what = change(self.config, config)
            if what.is_empty:
                return
            self.config = config
            logger.info("the configuration changed: %s", what)
            if what.restart:
                logger.warning("%s: only a restart takes that up", ", ".join(what.restart))
            if what.bundles:
                self._restart_inference()
                return
            self._remove(what.removed | what.reopened)
            for name in config.cameras:
                if name in what.retuned:
                    self.units[name].config = config.cameras[name]
                elif name not in self.units and self.detectors:
                    self._add(name)
            self._configure_inference()
            self.alerts.send({"config": config})

    def _restart_inference(self) -> None:
        """With other detectors; cameras begin anew, since their frames may have another size."""
        self._remove(frozenset(self.units))
        self.inference.ask_to_stop()
        ring(self.doorbell)
        self.inference.join(_INFERENCE_STOP_SECONDS)
        self.detectors.clear()
        self.alerts.send({"config": self.config})
        self.inference.start()

    def _read_file(self) -> None:
        if self.file is not None and (config := self.file.changed()) is not None:
            self.apply(config)

    def _clean(self) -> None:
        with suppress(NormalcyError):
            report = apply_retention(
                self.store,
                self.media,
                self.config.store.retention,
                now=time.time(),
                free_bytes=lambda: shutil.disk_usage(self.media).free,
            )
            if report.freed_bytes or report.stuck:
                logger.info("deleted: %s", report)


def _claimed(data: Path) -> FileLock:
    with writing_to(data):
        (data / "media").mkdir(parents=True, exist_ok=True)
    lock = FileLock(data / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunFolderBusy(
            "another engine is running here", where=data, hint="Stop it, or give `data` another folder"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", where=data) from error
    return lock
