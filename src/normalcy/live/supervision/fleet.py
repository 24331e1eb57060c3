"""All cameras of the supervisor: each is what the configuration says, as soon as its detector is open.

added --detector open--> WATCHED --removed, or to be opened another way--> LEAVING --its process ended--> gone, or added
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from normalcy.errors import NormalcyError
from normalcy.live.bells import Bell
from normalcy.live.cameras.capture import run_capture
from normalcy.live.cameras.connections import CaptureJob
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.change import reopens
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import DetectorFacts
from normalcy.live.frames.memory import CameraMemory, MemoryName
from normalcy.live.status import CameraStatus
from normalcy.live.supervision.camera_unit import CameraUnit, Seen, refused_status, waiting_status
from normalcy.live.supervision.layouts import layout_of, picture_fps
from normalcy.live.supervision.stage import Stage

logger = logging.getLogger(__name__)

_STOP_SECONDS = 1.0
_FILES_SECONDS = 2.0
_REFUSED_SECONDS = 30.0


@dataclass
class _Leaving:
    """A camera whose process is ending; killed when that takes too long."""

    unit: CameraUnit
    kill_due: float


class Fleet:
    """Starts, watches and ends cameras. Not for several threads at once.

    Args:
        doorbell: Rung by cameras for the engine.
        as_json: Logs are JSON lines.

    Attributes:
        units: Cameras that are watched, by name.
        refused: Why cameras cannot be, by name; tried again now and then.
    """

    def __init__(self, *, doorbell: Bell, as_json: bool) -> None:
        self._doorbell, self._as_json = doorbell, as_json
        self.units: dict[str, CameraUnit] = {}
        self.refused: dict[str, str] = {}
        self._tried_refused = 0.0
        self._leaving: dict[str, _Leaving] = {}
        self._looked_at_files, self._began_at = 0.0, time.time()

    @property
    def watched(self) -> dict[str, MemoryName]:
        """Cameras that the engine has to read."""
        return {name: unit.memory.name for name, unit in self.units.items() if unit.capture}

    def seen(self, config: LiveConfig) -> list[Seen]:
        """All that there is news of: those that are watched, and those that this machine has no room for."""
        refused = [
            Seen(name, config.cameras[name].title or name, CameraState.FAILED, why)
            for name, why in self.refused.items()
            if name in config.cameras
        ]
        return [*(unit.seen for unit in self.units.values()), *refused]

    def status(self, config: LiveConfig) -> list[CameraStatus]:
        """Of all cameras of the configuration, in its order."""
        return [self._status(name, config) for name in config.cameras]

    def _status(self, name: str, config: LiveConfig) -> CameraStatus:
        if name in self.units:
            return self.units[name].status(config)
        if name in self.refused:
            return refused_status(name, config, self._began_at, self.refused[name])
        return waiting_status(name, config, self._began_at)

    def tick(self, now: float, config: LiveConfig, detectors: Mapping[str, DetectorFacts]) -> None:
        """Brings cameras nearer to what the configuration says; monotonic clock. Nothing is waited for."""
        for name, leaving in list(self._leaving.items()):
            self._follow(name, leaving, now)
        for name in [name for name, unit in self.units.items() if self._is_stale(unit, config, detectors)]:
            self._let_go(name, now)
        self._retry_refused(now, config)
        for name in config.cameras:
            if name in self.units:
                self.units[name].config = config.cameras[name]
            elif not self._has_to_wait(name) and self._bundle(name, config) in detectors:
                self._try_to_add(name, config, detectors[self._bundle(name, config)])
        for unit in self.units.values():
            self._look_after(unit, now)
        self._look_at_files(now)

    def forgive(self, now: float) -> None:
        """Tries again cameras that were given up: somebody mended something."""
        self.refused.clear()
        for unit in self.units.values():
            if unit.capture and unit.state is CameraState.FAILED:
                unit.capture.forgive()
                unit.capture.renew(now, grace_seconds=_STOP_SECONDS)

    def stop(self) -> bool:
        """Ends all, and frees their memory. False where one had to be killed."""
        for name in list(self.units):
            self._let_go(name, time.monotonic())
        late = []
        for leaving in self._leaving.values():
            capture = leaving.unit.capture
            if capture and not capture.join(max(0.0, leaving.kill_due - time.monotonic())):
                late.append(leaving.unit.name)
        return not late

    def close(self) -> None:
        """Frees the memory of all, once nobody reads it."""
        for leaving in self._leaving.values():
            leaving.unit.close()
        self._leaving.clear()

    # -- one camera

    def _has_to_wait(self, name: str) -> bool:
        return name in self._leaving or name in self.refused

    def _retry_refused(self, now: float, config: LiveConfig) -> None:
        if now - self._tried_refused >= _REFUSED_SECONDS or self.refused.keys() - config.cameras.keys():
            self._tried_refused = now
            self.refused.clear()

    def _try_to_add(self, name: str, config: LiveConfig, facts: DetectorFacts) -> None:
        """Adds a camera; one that cannot be added is no reason for the others to wait."""
        try:
            self._add(name, config, facts)
        except NormalcyError as error:
            self.refused[name] = str(error)
        except Exception as error:
            logger.exception("camera %s cannot be added", name)
            self.refused[name] = f"it cannot be added ({type(error).__name__}); the log says more"

    def _add(self, name: str, config: LiveConfig, facts: DetectorFacts) -> None:
        camera = config.cameras[name]
        memory = CameraMemory.create(layout_of(name, config, facts.spec))
        unit = CameraUnit(
            name, config=camera, memory=memory, spec=facts.spec, picture_fps=picture_fps(config)
        )
        self.units[name] = unit
        if camera.enabled:
            unit.capture = Stage(
                f"capture {name}",
                target=run_capture,
                job=lambda: _job(unit),
                shared={"doorbell": self._doorbell},
                as_json=self._as_json,
            )
            unit.capture.start()

    def _is_stale(self, unit: CameraUnit, config: LiveConfig, detectors: Mapping[str, DetectorFacts]) -> bool:
        """Whether a camera is no longer wanted, or has to be opened another way."""
        camera = config.cameras.get(unit.name)
        if camera is None or reopens(unit.config, camera):
            return True
        facts = detectors.get(self._bundle(unit.name, config))
        if facts is None:
            return False  # its detector is being opened; it goes on meanwhile
        is_as_large = layout_of(unit.name, config, facts.spec) == unit.memory.layout
        return not is_as_large or facts.spec != unit.spec or picture_fps(config) != unit.picture_fps

    def _let_go(self, name: str, now: float) -> None:
        unit = self.units.pop(name)
        if unit.capture:
            unit.capture.ask_to_stop()
        self._leaving[name] = _Leaving(unit, now + _STOP_SECONDS)

    def _follow(self, name: str, leaving: _Leaving, now: float) -> None:
        capture = leaving.unit.capture
        if capture is None or capture.has_ended():
            if capture:
                capture.join(0.0)
            del self._leaving[name]
            leaving.unit.close()
        elif now >= leaving.kill_due:
            logger.warning("camera %s did not stop in time, so its process is killed", name)
            capture.kill()

    def _look_after(self, unit: CameraUnit, now: float) -> None:
        if unit.capture is None:
            return
        unit.capture.tick(now)
        if unit.is_wedged(now):
            logger.warning("camera %s hangs in its decoder, so its process is killed", unit.name)
            unit.capture.kill("its decoder hung")

    def _look_at_files(self, now: float) -> None:
        """Files that were not there may have come."""
        if now - self._looked_at_files < _FILES_SECONDS:
            return
        self._looked_at_files = now
        for unit in self.units.values():
            if unit.has_another_file() and unit.capture and unit.state is CameraState.FAILED:
                unit.capture.renew(now, grace_seconds=_STOP_SECONDS)

    @staticmethod
    def _bundle(name: str, config: LiveConfig) -> str:
        return config.bundle_of(config.cameras[name], name=name)


def _job(unit: CameraUnit) -> CaptureJob:
    return CaptureJob(
        name=unit.name,
        config=unit.config,
        memory=unit.memory.name,
        spec=unit.spec,
        picture_fps=unit.picture_fps,
    )
