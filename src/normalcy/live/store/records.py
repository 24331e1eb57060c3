"""What the store is given and gives: plain data, no rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["confirmed", "false_alarm"]
Severity = Literal["notice", "alert"]
MessageKind = Literal[
    "event.opened", "event.escalated", "event.closed", "camera.offline", "camera.online", "alerts.held"
]


@dataclass(frozen=True)
class EventRecord:
    """One incident; the fields are those of `models.EventRow`."""

    id: str
    camera: str
    severity: Severity
    state: Literal["open", "closed"]
    started_at: float
    alarmed_at: float
    ended_at: float
    peak_at: float
    peak_score: float
    threshold: float
    rate_per_day: float | None = None
    region: str = ""
    kind: str = "anomaly"
    parts: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""
    box: tuple[float, float, float, float] | None = None
    bundle: str = ""
    detector: str = ""
    interrupted: bool = False
    media: str = ""
    media_bytes: int = 0
    clip_offset_seconds: float | None = None
    verdict: Verdict | None = None
    verdict_by: str | None = None
    verdict_at: float | None = None
    node: str = ""

    @property
    def seconds(self) -> float:
        """From its first to its last frame."""
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True)
class NewMessage:
    """A message to be committed together with what it tells of; the fields are those of `models.MessageRow`."""

    key: str
    camera: str
    receiver: str
    kind: MessageKind
    severity: Severity
    payload: Mapping[str, Any]
    event_id: str | None = None
    incident: str = ""


@dataclass(frozen=True)
class Message:
    """A message that is due."""

    id: int
    key: str
    camera: str
    receiver: str
    kind: str
    severity: str
    payload: Mapping[str, Any]
    created_at: float
    attempts: int
    event_id: str | None = None
    refusals: int = 0


@dataclass(frozen=True)
class EventFilter:
    """Which events are asked for; what is None does not matter.

    Attributes:
        verdict: `none` for those without one.
        region: Of that name; empty for the whole picture.
        detector: Digest of the one that made them.
        before: (started_at, id) of the last event of the page before.
    """

    cameras: tuple[str, ...] = ()
    severity: Severity | None = None
    verdict: Literal["confirmed", "false_alarm", "none"] | None = None
    state: Literal["open", "closed"] | None = None
    kind: str | None = None
    region: str | None = None
    detector: str | None = None
    since: float | None = None
    until: float | None = None
    before: tuple[float, str] | None = None


@dataclass(frozen=True)
class ViewRecord:
    """What a camera usually shows; the fields are those of `models.ViewRow`."""

    camera: str
    source: str
    detector: str
    picture: bytes
    level_factor: float
    level_usual: float | None
    seen_at: float


@dataclass(frozen=True)
class Lease:
    """The right of a node to watch a camera, and to write what it sees there.

    Attributes:
        camera: Its name.
        token: Of this life of the node.
        epoch: How often the camera was taken: one that was taken since holds another.
    """

    camera: str
    token: str
    epoch: int


@dataclass(frozen=True)
class NodeRecord:
    """A node as the database knows it; the fields are those of `models.NodeRow`.

    Attributes:
        silent_seconds: Since its last sign of life, by the clock of the database.
    """

    name: str
    token: str
    state: str
    ready: bool
    started_at: float
    heard_at: float
    silent_seconds: float
    address: str = ""
    version: str = ""
    capacity: int | None = None
    status: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class User:
    """Somebody who may log in."""

    name: str
    password_hash: str
    role: Literal["viewer", "admin"]
    created_at: float


@dataclass(frozen=True)
class Login:
    """A login that holds."""

    user: str
    role: Literal["viewer", "admin"]
    csrf: str
    created_at: float
    seen_at: float
