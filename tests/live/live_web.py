"""A dashboard to test: an engine whose cameras can be told what to do, a real store. PYTEST_DONT_REWRITE

A test module takes the fixture with `pytest_plugins = ["live_web"]`.
"""

import functools
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from starlette.testclient import TestClient

from normalcy.errors import ConfigError
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS
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
from normalcy.live.store.cameras import record_state
from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.models import UserRow
from normalcy.live.store.passwords import hash_password
from normalcy.live.store.records import EventRecord
from normalcy.live.store.scores import SECONDS, save_minute
from normalcy.live.store.store import Store, sqlite_url
from normalcy.live.store.verdicts import false_alarms_by_region
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.web.app import create_app
from normalcy.video.writer import VideoWriter

SECRET = "hunter2-of-the-door"
PASSWORD = "correct horse"
ORIGIN = "http://127.0.0.1:8042"
BASE_THRESHOLD = 1.0
PREVIEW = ((10.0, 0.7, 41), (3.0, 0.85, 17), (1.0, 1.0, 6), (0.3, 1.2, 3), (0.1, 1.45, 1), (0.03, 1.8, 0))
RAW_CAMERAS: Mapping[str, Any] = {
    "front-door": {
        "title": "Front door",
        "source": f"rtsp://guard:{SECRET}@door.local/1",
        "read_timeout_seconds": 7,
    },
    "yard": {"title": "Yard", "source": "rtsp://guard:${YARD_PASSWORD}@yard.local/1"},
    "hall": {"source": "test-pattern", "enabled": True},
}


class _File(ConfigFile):
    """The real one, but that detectors and secrets need not be there."""

    def _checked(self, config: LiveConfig, *, saved: str | None = None) -> LiveConfig:
        return config


class _Plainly(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class FakeEngine:
    """Cameras with moving pictures, whose states a test sets in `changes`; their configuration is a real file."""

    def __init__(self, folder: Path, store: Store, **sections: Any) -> None:
        self._store = store
        cameras = sections.pop("cameras", RAW_CAMERAS)
        raw = {
            "data": "data",
            "bundles": {"day": {"path": "bundle"}},
            "cameras": {name: dict(settings) for name, settings in cameras.items()},
            **sections,
        }
        path = folder / f"normalcy-{uuid.uuid4().hex}.yaml"
        path.write_text(yaml.dump(raw, Dumper=_Plainly, sort_keys=False), encoding="utf-8")
        self.file = _File(path)
        self._begun = time.time() - 60
        self.drawn = 0
        self.changes: dict[str, dict[str, Any]] = {}
        self.uncalibrated: set[str] = set()
        self.tried: list[str] = []
        self.told: list[str] = []
        self.noted: list[Note] = []
        self.fleet: list[NodeStatus] = []
        self.is_ready = True

    @property
    def config(self) -> LiveConfig:
        return self.file.config

    @property
    def node(self) -> str:
        return next((each.name for each in self.fleet if each.is_here), "")

    def nodes(self) -> list[NodeStatus]:
        return self.fleet

    def cameras(self) -> list[CameraStatus]:
        return [self._status(name) for name in self.config.cameras]

    def stages(self) -> list[StageStatus]:
        names = [f"capture {name}" for name in self.config.cameras]
        captures = [StageStatus(name, "running", pid=1, memory_bytes=61_000_000) for name in names]
        killed = StageStatus(
            "inference", "running", pid=1, restarts=1, reason="killed", memory_bytes=412_000_000
        )
        return [killed, *captures]

    def notes(self) -> list[Note]:
        return list(self.noted)

    def picture(self, camera: str, *, heat: bool) -> bytes | None:
        if self.cameras_state(camera) is not CameraState.ONLINE:
            return None
        self.drawn += 1
        return jpeg(time.time() - self._begun, heat=heat)

    def raw_camera(self, camera: str) -> dict[str, Any]:
        return self.file.camera(camera)

    def save_camera(self, camera: str, settings: Mapping[str, Any] | None) -> None:
        self.file.change_camera(camera, lambda _: settings)

    def change_camera(
        self, camera: str, change: Callable[[dict[str, Any]], Mapping[str, Any] | None]
    ) -> None:
        self.file.change_camera(camera, change)

    def counters(self) -> EngineCounters:
        return EngineCounters(lost=1, refusals=2, media_failures=3, lesson_failures=4)

    def try_source(self, source: str, *, transport: str = "tcp") -> ProbeResult:
        self.tried.append(source)
        if "nothing" in source:
            return ProbeResult(False, f"{source} did not answer within 10 s")
        return ProbeResult(True, "H.264, 1280 by 720, 25 frames a second", jpeg(0.0))

    def calibration(self, camera: str, region: str | None = None) -> CalibrationView:
        settings = self.config.cameras[camera]
        name = settings.alarming_regions[0] if region is None else region
        threshold, learned = self._learned(camera, name)
        own = [each.false_alarms_per_day for each in settings.regions if each.name == name]
        rate = (own[0] if own else None) or settings.false_alarms_per_day or 1.0
        described = "Measured on 3 days of ordinary video."
        return CalibrationView(rate, threshold, described, 7.0, PREVIEW, learned, name)

    def threshold(self, camera: str, region: str) -> float:
        return self._learned(camera, region)[0]

    def _learned(self, camera: str, region: str) -> tuple[float, int]:
        """The threshold, and how many false alarms raised it."""
        regions = self.config.cameras[camera].alarming_regions
        if camera in self.uncalibrated:
            raise ConfigError("was never calibrated", where=camera)
        if region not in regions:
            raise ConfigError(f"there is no area {region!r}", where=camera)
        with self._store.reading() as session:
            learned = len(false_alarms_by_region(session, camera, detector="").get(region, ()))
        return BASE_THRESHOLD + 0.25 * learned + regions.index(region), learned

    def verdict_effect(self, event_id: str) -> VerdictEffect:
        with self._store.reading() as session:
            event = find_event(session, event_id)
        assert event is not None
        before, _ = self._learned(event.camera, event.region)
        return VerdictEffect(before, before + 0.25, ("0" * 32, "1" * 32), silenced_confirmed=("1" * 32,))

    def verdict_given(self, event_id: str) -> None:
        self.told.append(event_id)

    def cameras_state(self, camera: str) -> CameraState:
        return self._status(camera).state

    def _status(self, name: str) -> CameraStatus:
        settings = self.config.cameras[name]
        status = CameraStatus(
            name,
            settings.title or name,
            settings.source,  # as a careless engine would say it
            CameraState.ONLINE if settings.enabled else CameraState.DISABLED,
            self._begun,
            frame_age_seconds=0.1,
            size_px=(720, 1280),
            source_fps=25.0,
            codec="h264",
            frames_in=12_345,
            frames_scored=12_000,
            dropped={"rate_cap": 300, "buffer_full": 45},
            waiting=2,
            reconnects=3,
            score=0.4,
            threshold=BASE_THRESHOLD,
            rate_per_day=20.0,
            scene="settled",
            latency_counts=(0, 4, 60, 30, 4, *[0] * (len(LATENCY_BOUNDS_SECONDS) - 5), 2),
            latency_sum_seconds=6.5,
            scored_age_seconds=0.1,
        )
        return replace(status, **self.changes.get(name, {}))


def jpeg(seconds: float, *, heat: bool = False, size_px: tuple[int, int] = (360, 640)) -> bytes:
    """A yard by day, with somebody walking through it; red around them with `heat`."""
    encoded: bytes = cv2.imencode(".jpg", picture_BGR(seconds, heat=heat, size_px=size_px))[1].tobytes()
    return encoded


def picture_BGR(seconds: float, *, heat: bool = False, size_px: tuple[int, int] = (360, 640)) -> np.ndarray:
    height, width = size_px
    shade_H = np.linspace(190, 90, height)[:, None, None]
    image = (shade_H * np.array([1.0, 0.97, 0.9])).repeat(width, axis=1).astype(np.uint8)
    cv2.rectangle(image, (0, int(height * 0.2)), (int(width * 0.3), int(height * 0.62)), (96, 92, 104), -1)
    cv2.rectangle(
        image,
        (int(width * 0.08), int(height * 0.3)),
        (int(width * 0.2), int(height * 0.62)),
        (60, 70, 88),
        -1,
    )
    x, y = int((seconds * 60) % width), int(height * 0.7)
    cv2.ellipse(image, (x, y), (height // 22, height // 9), 0, 0, 360, (52, 48, 120), -1)
    cv2.circle(image, (x, y - height // 7), height // 26, (120, 150, 190), -1)
    if heat:
        cv2.circle(image, (x, y - height // 20), height // 5, (30, 40, 235), 6)
    return image


def event(number: int, **fields: Any) -> EventRecord:
    """An event of an hour ago or so; the smaller the number, the older it is."""
    started_at = fields.pop("started_at", time.time() - 3600 + 60.0 * number)
    values: dict[str, Any] = {
        "id": f"{number:032x}",
        "camera": "front-door",
        "severity": "alert" if number % 2 else "notice",
        "state": "closed",
        "started_at": started_at,
        "alarmed_at": started_at + 1,
        "ended_at": started_at + 9.0,
        "peak_at": started_at + 4,
        "peak_score": 1.6 + number / 10,
        "threshold": 1.0,
        "rate_per_day": 0.05,
        "parts": {"appearance": 0.9, "motion": 1.4},
        "sentence": "Somebody runs where people usually walk.",
        "bundle": "day",
    }
    return EventRecord(**{**values, **fields})


def write_event(store: Store, media: Path, record: EventRecord, *, clip: bool = False) -> EventRecord:
    """Stores an event with its pictures, as the engine would."""
    record = replace(record, media=f"2026-01/{record.id}")
    folder = media / record.media
    folder.mkdir(parents=True)
    (folder / "snapshot.jpg").write_bytes(jpeg(3.0))
    (folder / "heatmap.jpg").write_bytes(jpeg(3.0, heat=True))
    if clip:
        with VideoWriter(folder / "clip.mp4", fps=8) as writer:
            for index in range(24):
                writer.write(np.ascontiguousarray(picture_BGR(index / 2, size_px=(180, 320))[..., ::-1]))
    with store.transaction() as session:
        insert_event(session, record)
    return record


def write_past(store: Store, camera: str, *, minutes: int = 90) -> None:
    """Scores and state changes of a camera until now."""
    last = int(time.time() // 60)
    noise = np.random.default_rng(0)
    with store.transaction() as session:
        for minute in range(last - minutes, last + 1):
            high = 1.3 if minute % 23 == 0 else 0.0
            scores = 0.35 + 0.12 * noise.random(SECONDS) + high * np.hanning(SECONDS)
            save_minute(session, camera, minute, scores, BASE_THRESHOLD)
        for ago, state, reason in (
            (7200, "OFFLINE", "no answer within 10 s"),
            (7100, "CONNECTING", ""),
            (7090, "ONLINE", ""),
        ):
            record_state(session, camera, CameraState[state], reason, time.time() - ago)


def write_user(store: Store, name: str, role: str = "viewer") -> None:
    """Somebody who may log in with `PASSWORD`, which is hashed but once: that takes long on purpose."""
    with store.transaction() as session:
        session.add(UserRow(name=name, password_hash=_hash(), role=role, created_at=time.time()))


@functools.cache
def _hash() -> str:
    return hash_password(PASSWORD)


@dataclass
class Site:
    """Where a test's dashboard lives."""

    folder: Path
    store: Store
    media: Path

    def engine(self, **sections: Any) -> FakeEngine:
        """With these sections in its configuration."""
        return FakeEngine(self.folder, self.store, **sections)

    def client(self, engine: FakeEngine | None = None, **sections: Any) -> TestClient:
        """A browser without JavaScript, at the dashboard's own address."""
        app = create_app(engine or self.engine(**sections), self.store, self.media)
        return TestClient(app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to copy: to migrate one for each test would take longer than the tests."""
    folder = tmp_path_factory.mktemp("migrated")
    Store(sqlite_url(folder), migrate=True).close()
    return folder / "events.db"


@pytest.fixture
def site(tmp_path: Path, migrated: Path) -> Iterator[Site]:
    """An empty store, and a folder for media."""
    media = tmp_path / "media"
    media.mkdir()
    shutil.copy(migrated, tmp_path / "events.db")
    store = Store(sqlite_url(tmp_path))
    yield Site(tmp_path, store, media)
    store.close()


def csrf_of(client: TestClient) -> str:
    """What a page of the client's would send with a change."""
    token: str = client.get("/api/v1/me").json()["csrf"]
    return token


def send(client: TestClient, path: str, *, part: bool = False, **fields: Any) -> Any:
    """Sends a form as a page of the dashboard does: for a whole page, or a `part` of one."""
    headers = {"accept": "text/html", **({"hx-request": "true"} if part else {})}
    hidden = {"version": version_of(client, path)} if path.endswith(("/edit", "/regions")) else {}
    return client.post(path, data={**hidden, **fields, "csrf": csrf_of(client)}, headers=headers)


def version_of(client: TestClient, path: str) -> str:
    """What the form of a camera's settings sends along, of the settings that it shows."""
    found = re.search(r'name="version" value="(\w+)"', client.get(path).text)
    return found[1] if found else ""


def log_in(client: TestClient, name: str) -> None:
    """Logs a client in."""
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text


def words_of(html: str) -> str:
    """What a person reads of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())
