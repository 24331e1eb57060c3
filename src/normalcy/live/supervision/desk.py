"""What the dashboard asks of the engine, answered by the supervisor."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from normalcy.errors import ConfigError, InputError
from normalcy.live.cameras.probe import probe_source
from normalcy.live.config.camera import names_file
from normalcy.live.config.live import LiveConfig
from normalcy.live.status import (
    CalibrationView,
    CameraStatus,
    EngineCounters,
    NodeStatus,
    Note,
    ProbeResult,
    StageStatus,
    VerdictEffect,
)
from normalcy.live.store.events import find_event
from normalcy.live.supervision.camera_unit import with_heat
from normalcy.live.supervision.supervisor import Supervisor
from normalcy.live.supervision.thresholds import Thresholds

_PROBE_SECONDS = 15.0


class FrontDesk:
    """An `Engine` for the dashboard; all of it may be called from any thread.

    Args:
        supervisor: That runs.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._thresholds = Thresholds(supervisor.store, supervisor.detectors)

    @property
    def config(self) -> LiveConfig:
        """As it is in force."""
        return self._supervisor.config

    @property
    def is_ready(self) -> bool:
        """Whether everything that should run does."""
        return self._supervisor.is_ready

    @property
    def node(self) -> str:
        """Name of this node; empty where this engine has the database for itself."""
        return self._supervisor.node_name

    def nodes(self) -> list[NodeStatus]:
        """All of them, by name; none where this engine is by itself."""
        membership = self._supervisor.membership
        return membership.nodes() if membership else []

    def cameras(self) -> list[CameraStatus]:
        """In the order of the configuration."""
        with self._supervisor.lock:
            config = self._supervisor.config
            here = self._supervisor.fleet.status(self._supervisor.own)
        membership = self._supervisor.membership
        if membership is None:
            return here
        mine = [replace(each, node=self.node) if each.name in membership.begun else each for each in here]
        return membership.cameras(config, mine)

    def stages(self) -> list[StageStatus]:
        """All processes."""
        with self._supervisor.lock:
            return [stage.status for stage in self._supervisor.stages]

    def notes(self) -> list[Note]:
        """What a person should look at, the newest last."""
        return self._supervisor.notes.all()

    def picture(self, camera: str, *, heat: bool) -> bytes | None:
        """The newest picture as JPEG, with the heat map where asked for."""
        with self._supervisor.lock:
            unit = self._supervisor.fleet.units.get(camera)
            picture, map_HW = unit.picture() if unit else (None, None)
        if picture is None or map_HW is None:
            return None
        return with_heat(picture.jpeg, map_HW) if heat else picture.jpeg

    def raw_camera(self, camera: str) -> dict[str, Any]:
        """What the configuration file says of a camera."""
        file = self._supervisor.file
        return file.camera(camera) if file else {}

    def save_camera(self, camera: str, settings: Mapping[str, Any] | None) -> None:
        """Writes a camera into the configuration file, or takes it out, and puts that into force."""
        self.change_camera(camera, lambda _: settings)

    def change_camera(
        self, camera: str, change: Callable[[dict[str, Any]], Mapping[str, Any] | None]
    ) -> None:
        """The same from what the file says of the camera by now."""
        file = self._supervisor.file
        if file is None:
            raise ConfigError("there is no configuration file to write to")
        # At once: of two who save, what is in force is what the file says last.
        with self._supervisor.lock:
            self._supervisor.apply(file.change_camera(camera, change))

    def counters(self) -> EngineCounters:
        """What could not be kept."""
        return self._supervisor.counting.total

    def try_source(self, source: str, *, transport: str = "tcp") -> ProbeResult:
        """Opens a source in a process of its own and tells what came; a file where the configuration would find it."""
        file = self._supervisor.file
        if file is not None and names_file(source):
            source = str(file.path.parent / source)
        return probe_source(source, transport=transport, timeout_seconds=_PROBE_SECONDS)

    def calibration(self, camera: str, region: str | None = None) -> CalibrationView:
        """The threshold of a camera's region, and what others would have meant."""
        return self._thresholds.view(camera, self.config, region)

    def threshold(self, camera: str, region: str) -> float:
        """The threshold alone of a camera's region."""
        return self._thresholds.threshold(camera, self.config, region)

    def verdict_effect(self, event_id: str) -> VerdictEffect:
        """What it would do to mark an event as a false alarm."""
        return self._thresholds.effect(event_id, self.config)

    def verdict_given(self, event_id: str) -> None:
        """A verdict was stored or taken back: thresholds follow."""
        with self._supervisor.store.reading() as session:
            event = find_event(session, event_id)
        if event is None:
            raise InputError(f"there is no event {event_id!r}")
        self._supervisor.relearn(event.camera)
