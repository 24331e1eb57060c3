"""The tables. Times are seconds since 1970, UTC, as floats: they mean the same in every database and time zone."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class EventRow(Base):
    """One incident on one camera.

    Attributes:
        id: 32 hexadecimal digits, given by the engine.
        camera, region: Where; no region where the whole picture is watched.
        kind: `anomaly`, or what the view did: `scene_change`, `dark`.
        severity: `notice` or `alert`.
        state: `open` or `closed`.
        started_at: First frame of the first span, which is before its alarm shows.
        alarmed_at: When the alarm showed.
        ended_at: Last frame of the last span so far.
        peak_at, peak_score, threshold: Of the smoothed score.
        rate_per_day: How often normal video reaches the peak; none where not calibrated.
        parts: Terms of the score at the peak.
        sentence: Why, in words.
        box: Where: left, top, right, bottom as parts of the picture; none where the map does not say.
        bundle: Name of the detector.
        detector: Digest of its settings, weights and calibration: scores of another one mean something else.
        interrupted: Its end was not seen: the engine was stopped from outside.
        media: Folder of its pictures below the media folder; empty where there are none.
        media_bytes: What they take.
        clip_offset_seconds: From the first picture of its clip to its own beginning; none where there is no clip.
        verdict: `confirmed` or `false_alarm`; none where nobody said.
        node: That holds its pictures and clip; empty where one engine has the database for itself.
    """

    __tablename__ = "events"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    camera: Mapped[str] = mapped_column(String(40))
    region: Mapped[str] = mapped_column(String(60), default="")
    kind: Mapped[str] = mapped_column(String(20), default="anomaly")
    severity: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[float]
    alarmed_at: Mapped[float]
    ended_at: Mapped[float]
    peak_at: Mapped[float]
    peak_score: Mapped[float]
    threshold: Mapped[float]
    rate_per_day: Mapped[float | None]
    parts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    sentence: Mapped[str] = mapped_column(Text, default="")
    box: Mapped[list[float] | None] = mapped_column(JSON, default=None)
    bundle: Mapped[str] = mapped_column(String(200), default="")
    detector: Mapped[str] = mapped_column(String(64), default="")
    interrupted: Mapped[bool] = mapped_column(default=False)
    media: Mapped[str] = mapped_column(String(200), default="")
    media_bytes: Mapped[int] = mapped_column(default=0)
    clip_offset_seconds: Mapped[float | None] = mapped_column(default=None)
    verdict: Mapped[str | None] = mapped_column(String(20), default=None)
    verdict_by: Mapped[str | None] = mapped_column(String(60), default=None)
    verdict_at: Mapped[float | None] = mapped_column(default=None)
    node: Mapped[str] = mapped_column(String(60), default="", server_default=text("''"))

    __table_args__ = (
        Index("events_by_time", "started_at"),
        Index("events_by_camera", "camera", "started_at"),
        Index("events_by_state", "state"),
    )


class VerdictRow(Base):
    """Who said what of an event, and when; the last one holds. No verdict takes the one before back."""

    __tablename__ = "verdicts"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[str | None] = mapped_column(String(20))
    by: Mapped[str] = mapped_column(String(60))
    at: Mapped[float]


class MessageRow(Base):
    """A message to one receiver: committed together with what it tells of, sent afterwards.

    Attributes:
        key: Idempotency key; a receiver that has seen it may take a message for a repetition.
        receiver: `webhook:NAME`, `apprise:NAME` or `mqtt`.
        kind: `records.MessageKind`.
        incident: What it tells of: messages of one incident to a receiver keep their order; empty where it is of none.
        payload: What is sent.
        state: `waiting`, `sent`, `dead` (given up) or `held` (the camera's rate limit).
        due_at: Not tried before.
        attempts: That failed, or arrived.
        refusals: Attempts that failed because of the message itself.
        claimed_by: Token of the node that sends it; none where nobody does, or where one engine sends everything.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    event_id: Mapped[str | None] = mapped_column(String(32), default=None)
    incident: Mapped[str] = mapped_column(String(80), default="")
    camera: Mapped[str] = mapped_column(String(40))
    receiver: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(30))
    severity: Mapped[str] = mapped_column(String(10))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    created_at: Mapped[float]
    due_at: Mapped[float]
    attempts: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[float | None] = mapped_column(default=None)
    error: Mapped[str] = mapped_column(Text, default="")
    claimed_by: Mapped[str | None] = mapped_column(String(32), default=None)

    __table_args__ = (
        Index("outbox_by_receiver", "state", "receiver", "severity", "due_at"),
        Index("outbox_by_incident", "receiver", "incident"),
        Index("outbox_by_camera", "camera", "created_at"),
        Index("outbox_by_kind", "camera", "kind"),
    )


class ReceiverRow(Base):
    """Totals of a receiver, and what happened last: they stay where its messages are deleted.

    Attributes:
        receiver: As the outbox calls it.
        sent, dead, held: Messages.
        failed_attempts: Of all messages.
        last_error: Why the last attempt that failed did.
    """

    __tablename__ = "receivers"

    receiver: Mapped[str] = mapped_column(String(80), primary_key=True)
    sent: Mapped[int] = mapped_column(default=0)
    dead: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    failed_attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    last_error_at: Mapped[float | None] = mapped_column(default=None)
    last_sent_at: Mapped[float | None] = mapped_column(default=None)


class TotalRow(Base):
    """Something that is counted and never falls: how often a `name` happened."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int]


class ScoreRow(Base):
    """A minute of a camera's scores.

    Attributes:
        minute: Minutes since 1970.
        threshold: That held at its end.
        scores: 60 float32, little endian: the highest smoothed score of each second; NaN where there was none.
    """

    __tablename__ = "scores"

    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    region: Mapped[str] = mapped_column(String(60), primary_key=True, default="")
    minute: Mapped[int] = mapped_column(primary_key=True)
    threshold: Mapped[float | None]
    scores: Mapped[bytes] = mapped_column(LargeBinary)


class ViewRow(Base):
    """What a camera usually shows, for the engine that comes next.

    Attributes:
        source: Digest of what the camera watches: of something else nothing is known.
        detector: Digest of the one whose scores `level_factor` and `level_usual` are of.
        picture: Coarse, as `engine.scene.Coarse` writes it.
        level_factor: What scores are multiplied by, because a view that the detector never saw scores higher.
        level_usual: What they usually are then; none before that is known.
    """

    __tablename__ = "views"

    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    detector: Mapped[str] = mapped_column(String(64))
    picture: Mapped[bytes] = mapped_column(LargeBinary)
    level_factor: Mapped[float]
    level_usual: Mapped[float | None]
    seen_at: Mapped[float]


class CameraStateRow(Base):
    """A camera changed its state."""

    __tablename__ = "camera_states"

    id: Mapped[int] = mapped_column(primary_key=True)
    camera: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[float]

    __table_args__ = (Index("camera_states_by_camera", "camera", "at"),)


class NodeRow(Base):
    """An engine that shares the database with others.

    Attributes:
        token: Of this life of it: another start has another one.
        folder: Tells its data folder from all others: who holds that folder is this node, and nobody else is.
        state: `running` or `stopped`.
        ready: Whether its detectors are open: before that it takes no camera.
        heard_at: Its last sign of life, by the clock of the database.
        address: Of its dashboard; empty without one.
        capacity: Cameras that it takes at most; none without a limit.
        status: What its dashboard would say, for those of others.
    """

    __tablename__ = "nodes"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    folder: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(10))
    ready: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[float]
    heard_at: Mapped[float]
    address: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[str] = mapped_column(String(40), default="")
    capacity: Mapped[int | None] = mapped_column(default=None)
    status: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class LeaseRow(Base):
    """Which node watches a camera. It holds for as long as that node is heard, or until another one takes it.

    Attributes:
        node, token: Whose it is; no token where it is nobody's.
        epoch: How often it was taken: what was taken before may write nothing any more.
        taken_at: By the clock of the database.
    """

    __tablename__ = "leases"

    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    node: Mapped[str] = mapped_column(String(60), default="")
    token: Mapped[str | None] = mapped_column(String(32), default=None)
    epoch: Mapped[int] = mapped_column(default=0)
    taken_at: Mapped[float | None] = mapped_column(default=None)


class UserRow(Base):
    """Somebody who may log in; `role` is `viewer` or `admin`."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[float]


class SessionRow(Base):
    """A login; of its token only a digest is kept."""

    __tablename__ = "sessions"

    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float]
    seen_at: Mapped[float]


class TokenRow(Base):
    """A token for programs; of it only a digest is kept."""

    __tablename__ = "tokens"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[float]
