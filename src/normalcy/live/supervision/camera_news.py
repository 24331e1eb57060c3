"""Follows the states of cameras: they go to the store, and a camera that stays away is told of."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from normalcy.live.alerts.control import CameraNews
from normalcy.live.alerts.messages import CameraKind, camera_messages
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.recorder import Recorder
from normalcy.live.store.cameras import record_state
from normalcy.live.store.outbox import enqueue
from normalcy.live.supervision.camera_unit import CameraUnit

logger = logging.getLogger(__name__)

_NOT_AWAY = (CameraState.ONLINE, CameraState.DISABLED)


@dataclass
class _Known:
    """What was last known of a camera."""

    state: CameraState | None = None
    alarmed: bool = False
    away_since: float | None = None  # wall clock
    away_clock: float = 0.0  # monotonic
    is_told: bool = False


class CameraNewsroom:
    """Tells the store, the outbox and the alerts process what cameras do.

    Args:
        recorder: Writes to the store.
        tell: Sends news to the alerts process.
        outages: Cameras that were told to be gone by an engine of before, and when they went: `outbox.open_outages`.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        tell: Callable[[dict[str, CameraNews]], None],
        outages: Mapping[str, float],
    ) -> None:
        self._recorder, self._tell = recorder, tell
        self._known = {name: _Known(away_since=since, is_told=True) for name, since in outages.items()}
        self._all_are_news = True

    def look(self, units: Iterable[CameraUnit], config: LiveConfig) -> None:
        """Takes note of what changed since the last look."""
        units = list(units)
        # A camera that is edited has no unit for a moment, but is the same camera.
        names = config.cameras.keys() | {unit.name for unit in units}
        self._known = {name: self._known.get(name, _Known()) for name in names}
        changed = {unit.name: self._changed(unit, config) for unit in units}
        news = {unit.name: _news(unit) for unit in units if changed[unit.name] or self._all_are_news}
        self._all_are_news = False
        if news:
            self._tell(news)

    def forget_told(self) -> None:
        """The alerts process starts anew: it is told of every camera at the next look."""
        self._all_are_news = True

    def _changed(self, unit: CameraUnit, config: LiveConfig) -> bool:
        known, state, alarmed = self._known[unit.name], unit.state, bool(unit.memory.engine.alarmed[0])
        is_new = state is not known.state
        if is_new:
            self._record(unit, state)
        self._follow_absence(unit, known, state, config)
        changed = is_new or alarmed != known.alarmed
        known.state, known.alarmed = state, alarmed
        return changed

    def _record(self, unit: CameraUnit, state: CameraState) -> None:
        name, reason, at = unit.name, unit.reason, time.time()
        logger.info("camera %s is %s%s", name, state.name.lower(), f": {reason}" if reason else "")
        self._recorder.record(lambda session: record_state(session, name, state, reason, at))

    def _follow_absence(
        self, unit: CameraUnit, known: _Known, state: CameraState, config: LiveConfig
    ) -> None:
        if state in _NOT_AWAY or unit.memory.capture.ended[0]:
            if known.is_told and known.away_since is not None and state is CameraState.ONLINE:
                self._message(unit, "camera.online", known.away_since, config)
            known.away_since, known.is_told = None, False
            return
        if known.away_since is None:
            # To the millisecond, as messages have it: the time names the outage.
            known.away_since, known.away_clock = round(time.time(), 3), time.monotonic()
        patience = config.events.offline_alert_seconds
        if not known.is_told and time.monotonic() - known.away_clock >= patience:
            known.is_told = True
            self._message(unit, "camera.offline", known.away_since, config)

    def _message(self, unit: CameraUnit, kind: CameraKind, offline_at: float, config: LiveConfig) -> None:
        at = time.time()
        messages = camera_messages(
            unit.name, kind, config=config, offline_at=offline_at, at=at, reason=unit.reason
        )

        def job(session: Session) -> None:
            for message in messages:
                enqueue(session, message, at=at)

        self._recorder.record(job)


def _news(unit: CameraUnit) -> CameraNews:
    return {
        "state": unit.state.name.lower(),
        "alarmed": bool(unit.memory.engine.alarmed[0]),
        "title": unit.config.title or unit.name,
    }
