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
from normalcy.live.engine.recorder import Job, Recorder
from normalcy.live.store.cameras import record_state
from normalcy.live.store.outbox import enqueue
from normalcy.live.store.records import Lease
from normalcy.live.supervision.camera_unit import Seen

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

    Attributes:
        leases: By what right cameras are watched; none where this engine is no node among several.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        tell: Callable[[dict[str, CameraNews | None]], None],
        outages: Mapping[str, float],
    ) -> None:
        self._recorder, self._tell = recorder, tell
        self._known = {name: _Known(away_since=since, is_told=True) for name, since in outages.items()}
        self._all_are_news = True
        self.leases: Mapping[str, Lease] | None = None

    def adopt(self, camera: str, away_since: float | None) -> None:
        """Goes on with a camera that another node had; since when somebody was told that it is gone."""
        self._known[camera] = _Known(away_since=away_since, is_told=away_since is not None)

    def look(self, cameras: Iterable[Seen], config: LiveConfig) -> None:
        """Takes note of what changed since the last look."""
        cameras = list(cameras)
        # A camera that is edited is not seen for a moment, but is the same camera.
        names = config.cameras.keys() | {camera.name for camera in cameras}
        news: dict[str, CameraNews | None] = dict.fromkeys(self._known.keys() - names)
        self._known = {name: self._known.get(name, _Known()) for name in names}
        changed = {camera.name: self._changed(camera, config) for camera in cameras}
        news |= {each.name: _news(each) for each in cameras if changed[each.name] or self._all_are_news}
        self._all_are_news = False
        if news:
            self._tell(news)

    def fall_silent(self) -> None:
        """Says nothing of any camera for now: another node may have them. What is known is told once that is over."""
        if not self._all_are_news and self._known:
            self._tell(dict.fromkeys(self._known))
        self._all_are_news = True

    def forget_told(self) -> None:
        """The alerts process starts anew: it is told of every camera at the next look."""
        self._all_are_news = True

    def _changed(self, camera: Seen, config: LiveConfig) -> bool:
        known = self._known[camera.name]
        is_new = camera.state is not known.state
        if is_new:
            self._record(camera)
        self._follow_absence(camera, known, config)
        changed = is_new or camera.alarmed != known.alarmed
        known.state, known.alarmed = camera.state, camera.alarmed
        return changed

    def _record(self, camera: Seen) -> None:
        name, state, reason, at = camera.name, camera.state, camera.reason, time.time()
        logger.info("camera %s is %s%s", name, state.name.lower(), f": {reason}" if reason else "")
        self._write(name, lambda session: record_state(session, name, state, reason, at))

    def _follow_absence(self, camera: Seen, known: _Known, config: LiveConfig) -> None:
        if camera.state in _NOT_AWAY or camera.has_ended:
            if known.is_told and known.away_since is not None and camera.state is CameraState.ONLINE:
                self._message(camera, "camera.online", known.away_since, config)
            known.away_since, known.is_told = None, False
            return
        if known.away_since is None:
            # To the millisecond, as messages have it: the time names the outage.
            known.away_since, known.away_clock = round(time.time(), 3), time.monotonic()
        patience = config.events.offline_alert_seconds
        if not known.is_told and time.monotonic() - known.away_clock >= patience:
            known.is_told = True
            self._message(camera, "camera.offline", known.away_since, config)

    def _message(self, camera: Seen, kind: CameraKind, offline_at: float, config: LiveConfig) -> None:
        at = time.time()
        messages = camera_messages(
            camera.name, kind, config=config, offline_at=offline_at, at=at, reason=camera.reason
        )

        def job(session: Session) -> None:
            for message in messages:
                enqueue(session, message, at=at)

        self._write(camera.name, job)

    def _write(self, camera: str, job: Job) -> None:
        """Writes what is of a camera; where there are several nodes, only that which watches it has a word."""
        if self.leases is None:
            self._recorder.record(job)
        elif (lease := self.leases.get(camera)) is not None:
            self._recorder.record(job, lease)


def _news(camera: Seen) -> CameraNews:
    return {"state": camera.state.name.lower(), "alarmed": camera.alarmed, "title": camera.title}
