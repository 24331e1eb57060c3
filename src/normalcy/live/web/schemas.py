"""What the API answers, as pydantic models; the keys are a promise to programs."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from normalcy.live.status import (
    CalibrationView,
    CameraStatus,
    NodeState,
    NodeStatus,
    Note,
    StageStatus,
    VerdictEffect,
)
from normalcy.live.store.records import EventRecord, Verdict
from normalcy.live.web.words import shown_state


class CameraOut(BaseModel):
    """A camera as it is now; times are seconds since 1970, `source` is without credentials."""

    name: str
    title: str
    source: str
    state: Literal["connecting", "online", "stalled", "offline", "disabled", "failed"]
    state_since: float
    reason: str
    frame_age_seconds: float | None
    width_px: int
    height_px: int
    source_fps: float
    codec: str
    frames_in: int
    frames_scored: int
    dropped: dict[str, int]
    waiting: int
    reconnects: int
    score: float | None
    threshold: float | None
    rate_per_day: float | None
    alarmed: bool
    event: str | None
    scene: str
    watching: bool
    scored_age_seconds: float | None
    node: str = Field(description="That watches it, where several share the database; empty where none does")
    shown: str = Field(description="What people are told: the state, or `not_scored`")

    @classmethod
    def of(cls, status: CameraStatus) -> Self:
        """From what `shown_cameras` says."""
        height_px, width_px = status.size_px
        plain = {key: getattr(status, key) for key in cls.model_fields if hasattr(status, key)}
        said = {"state": status.state.name.lower(), "shown": shown_state(status)}
        return cls.model_validate({**plain, **said, "width_px": width_px, "height_px": height_px})


class EventOut(BaseModel):
    """One incident; times are seconds since 1970, `box` is left, top, right, bottom as parts of the picture."""

    id: str
    camera: str
    region: str
    kind: str
    severity: Literal["notice", "alert"]
    state: Literal["open", "closed"]
    started_at: float
    alarmed_at: float
    ended_at: float
    peak_at: float
    peak_score: float
    threshold: float
    rate_per_day: float | None
    parts: dict[str, float]
    sentence: str
    box: tuple[float, float, float, float] | None
    bundle: str
    interrupted: bool
    media: list[str] = Field(description="Files to be had at /api/v1/events/{id}/media/{file}")
    verdict: Verdict | None
    verdict_by: str | None
    verdict_at: float | None
    node: str = Field(description="That keeps its media; empty where one engine has the database for itself")

    @classmethod
    def of(cls, event: EventRecord, *, media: list[str]) -> Self:
        """From what the store holds, and the files there are."""
        plain: dict[str, Any] = {key: getattr(event, key) for key in cls.model_fields if key != "media"}
        return cls(**{**plain, "parts": dict(event.parts)}, media=media)


class EventPage(BaseModel):
    """Events, newest first; `next` is the `before` of the page after this one."""

    events: list[EventOut]
    next: str | None


class NodeOut(BaseModel):
    """One of several engines that share the database; times are seconds since 1970."""

    name: str
    state: NodeState
    is_here: bool = Field(description="Whether it is the one that answers")
    silent_seconds: float
    started_at: float
    cameras: list[str]
    capacity: int | None
    frames_per_second: float
    version: str
    address: str = Field(description="Of its dashboard")
    unlike: list[str] = Field(description="Cameras whose settings differ from those of the one that answers")

    @classmethod
    def of(cls, node: NodeStatus) -> Self:
        """From what the engine says."""
        plain = {key: getattr(node, key) for key in cls.model_fields}
        return cls.model_validate({**plain, "cameras": list(node.cameras), "unlike": list(node.unlike)})


class VerdictIn(BaseModel):
    """What somebody says of an event; null takes the last verdict back."""

    verdict: Verdict | None


class VerdictOut(BaseModel):
    """One verdict of an event's history."""

    verdict: Verdict | None
    by: str
    at: float


class EffectOut(BaseModel):
    """What marking an event as a false alarm does to its camera."""

    threshold_before: float
    threshold_after: float
    silenced: list[str]
    silenced_confirmed: list[str]

    @classmethod
    def of(cls, effect: VerdictEffect) -> Self:
        """From what the engine says."""
        return cls(
            threshold_before=effect.threshold_before,
            threshold_after=effect.threshold_after,
            silenced=list(effect.silenced),
            silenced_confirmed=list(effect.silenced_confirmed),
        )


class ScoresOut(BaseModel):
    """Scores of a span: the highest of each stretch; null where there was none."""

    at: list[float]
    score: list[float | None]
    threshold: list[float | None]


class CalibrationPoint(BaseModel):
    """What a rate would have meant."""

    false_alarms_per_day: float
    threshold: float
    events: int


class CalibrationOut(BaseModel):
    """The threshold of one area of a camera; of the whole picture where `region` is empty."""

    region: str
    false_alarms_per_day: float
    threshold: float
    described: str
    observed_days: float
    learned: int
    preview: list[CalibrationPoint]

    @classmethod
    def of(cls, view: CalibrationView) -> Self:
        """From what the engine says."""
        points = [
            CalibrationPoint(false_alarms_per_day=rate, threshold=threshold, events=events)
            for rate, threshold, events in view.preview
        ]
        plain = {key: getattr(view, key) for key in cls.model_fields if key != "preview"}
        return cls(**plain, preview=points)


class CalibrationIn(BaseModel):
    """At which rate an area or a camera may alarm on normal video.

    Null is the one that holds without it: for an area that of its camera, for a camera that which all cameras share, or
    else that of its detector.
    """

    false_alarms_per_day: float | None = Field(gt=0, le=1e6)


class StageOut(BaseModel):
    """One process of the engine."""

    name: str
    state: Literal["running", "restarting", "stopped", "failed"]
    pid: int | None
    restarts: int
    reason: str
    memory_bytes: int | None

    @classmethod
    def of(cls, stage: StageStatus) -> Self:
        """From what the engine says."""
        return cls.model_validate({key: getattr(stage, key) for key in cls.model_fields})


class DiskOut(BaseModel):
    """The disk that holds the media."""

    free_bytes: int
    total_bytes: int


class NoteOut(BaseModel):
    """Something that a person should look at."""

    topic: str
    text: str
    at: float

    @classmethod
    def of(cls, note: Note) -> Self:
        """From what the engine says."""
        return cls(topic=note.topic, text=note.text, at=note.at)


class HealthOut(BaseModel):
    """Whether everything that should run does."""

    ready: bool
    problems: list[str] = Field(description="A sentence for each; none where everything runs")
    database: str = Field(description="`ok`, or why it does not answer")
    notes: list[NoteOut]
    stages: list[StageOut]
    alerts: dict[str, int] = Field(description="Messages by state")
    disk: DiskOut | None


class MeOut(BaseModel):
    """Who asks. `csrf` is what a browser's changes carry in X-CSRF-Token; programs use a token instead."""

    name: str
    role: Literal["viewer", "admin"]
    csrf: str | None
