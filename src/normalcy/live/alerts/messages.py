"""Who is told of what, and what they are told.

An incident is told once to each receiver, whatever happens to the processes: the key of a message is made of the
incident, what happened to it, and the receiver, and the outbox takes a key once.

    event.opened      receivers that take its severity
    event.escalated   a notice became an alert: receivers that were told of the notice. To those that take alerts alone
                      it is news, so it is `event.opened` to them.
    event.closed      those told of its opening; not to apprise: nobody's phone rings because something is over
    camera.offline    everybody who is told of that camera: one that sees nothing is as bad as an alert
    camera.online     those told that it was gone
    alerts.held       how many were kept back by the rate limit; made by the sender
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from normalcy.live.config.alerts import ReceiverConfig
from normalcy.live.config.live import LiveConfig
from normalcy.live.store.records import EventRecord, MessageKind, NewMessage, Severity

EventKind = Literal["event.opened", "event.escalated", "event.closed"]
CameraKind = Literal["camera.offline", "camera.online"]

# What must have been told before, of the same incident to the same receiver, for a message to mean anything.
BEGINNINGS: dict[str, tuple[MessageKind, ...]] = {
    "event.escalated": ("event.opened",),
    "event.closed": ("event.opened", "event.escalated"),
    "camera.online": ("camera.offline",),
}
UPDATES = frozenset({"event.closed", "camera.online"})
"""Kinds that are sent only to whom the beginning was told."""


def message_key(incident: str, *, kind: str, receiver: str) -> str:
    """Idempotency key of a message."""
    return f"{incident}:{kind}:{receiver}"


def incident_of(key: str, *, kind: str) -> str:
    """The incident that a message tells of, from its key.

    >>> incident_of("4f2a:event.closed:webhook:guard", kind="event.closed")
    '4f2a'
    """
    return key.partition(f":{kind}:")[0]


def event_messages(event: EventRecord, kind: EventKind, *, config: LiveConfig) -> list[NewMessage]:
    """What an event that opened, became worse or closed is to be told, in the transaction that stores it.

    Only anomalies are told: a changed view or darkness is shown, and alarms nobody.
    """
    if event.kind != "anomaly":
        return []
    return [
        _event_message(event, told, receiver, config)
        for receiver, told in _event_receivers(event, kind, config)
    ]


def camera_messages(
    camera: str, kind: CameraKind, *, config: LiveConfig, offline_at: float, at: float, reason: str = ""
) -> list[NewMessage]:
    """What a camera that went or came back is to be told.

    Args:
        camera: Name.
        kind: Which of both.
        config: In force.
        offline_at: When it went; the same in both messages, because it names the outage.
        at: Now, in seconds since 1970.
        reason: Why it went; without credentials.
    """
    incident = f"{camera}@{offline_at:.0f}"
    seconds = at - offline_at if kind == "camera.online" else None
    content = {
        "camera": camera,
        "title": title_of(camera, config),
        "severity": "alert",
        "state": kind.partition(".")[2],
        **_time("at", at),
        **_time("offline_at", offline_at),
        "offline_seconds": seconds,
        "reason": reason,
        "links": _links(config, camera=camera),
    }
    return [
        _message(incident, kind, receiver, camera=camera, severity="alert", content=content)
        for receiver, settings in config.alerts.receivers.items()
        if _takes(settings, camera=camera, severity="alert")
    ]


def held_message(camera: str, receiver: str, *, since: float, until: float, config: LiveConfig) -> NewMessage:
    """The one message on all that the rate limit keeps back in a window; it gets their number when it is sent."""
    content = {
        "camera": camera,
        "title": title_of(camera, config),
        "severity": "notice",
        **_time("since", since),
        **_time("until", until),
        "per_camera_per_hour": config.alerts.per_camera_per_hour,
        "links": _links(config, camera=camera),
    }
    incident = f"{camera}@{since:.0f}"
    return _message(incident, "alerts.held", receiver, camera=camera, severity="notice", content=content)


def title_of(camera: str, config: LiveConfig) -> str:
    """What people call a camera."""
    settings = config.cameras.get(camera)
    return (settings.title if settings else "") or camera


def _event_receivers(
    event: EventRecord, kind: EventKind, config: LiveConfig
) -> Iterator[tuple[str, EventKind]]:
    for receiver, settings in config.alerts.receivers.items():
        if not _takes(settings, camera=event.camera, severity=event.severity):
            continue
        if kind == "event.closed" and receiver.startswith("apprise:"):
            continue
        is_news = kind == "event.escalated" and settings.severity == "alert"
        yield receiver, "event.opened" if is_news else kind


def _takes(settings: ReceiverConfig, *, camera: str, severity: Severity) -> bool:
    wants_camera = not settings.cameras or camera in settings.cameras
    return wants_camera and (severity == "alert" or settings.severity == "notice")


def _event_message(event: EventRecord, kind: EventKind, receiver: str, config: LiveConfig) -> NewMessage:
    content = {
        "id": event.id,
        "camera": event.camera,
        "title": title_of(event.camera, config),
        "region": event.region,
        "severity": event.severity,
        "state": event.state,
        **_time("started_at", event.started_at),
        **_time("alarmed_at", event.alarmed_at),
        **_time("ended_at", event.ended_at if event.state == "closed" else None),
        "seconds": _number(event.seconds),
        "peak_score": _number(event.peak_score),
        "threshold": _number(event.threshold),
        "rate_per_day": _number(event.rate_per_day),
        "sentence": event.sentence,
        "box": None if event.box is None else [_number(each) for each in event.box],
        "bundle": event.bundle,
        "links": _links(config, camera=event.camera, event=event.id),
    }
    return _message(
        event.id,
        kind,
        receiver,
        camera=event.camera,
        severity=event.severity,
        content=content,
        event_id=event.id,
    )


def _message(
    incident: str,
    kind: MessageKind,
    receiver: str,
    *,
    camera: str,
    severity: Severity,
    content: dict[str, Any],
    event_id: str | None = None,
) -> NewMessage:
    key = message_key(incident, kind=kind, receiver=receiver)
    payload = {"type": kind, "key": key, **content}
    return NewMessage(
        key=key,
        camera=camera,
        receiver=receiver,
        kind=kind,
        severity=severity,
        payload=payload,
        event_id=event_id,
        incident=incident,
    )


def _time(name: str, at: float | None) -> dict[str, Any]:
    """A time twice: for people and programs that read dates, and in seconds since 1970."""
    if at is None:
        return {name: None, f"{name}_epoch": None}
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {name: text, f"{name}_epoch": round(float(at), 3)}


def _number(value: float | None) -> float | None:
    """As JSON can hold it: no infinity."""
    return float(value) if value is not None and math.isfinite(value) else None


def _links(config: LiveConfig, *, camera: str, event: str | None = None) -> dict[str, str]:
    """Into the dashboard; a clip is there once its event is over."""
    if config.alerts.public_url is None:
        return {}
    base = config.alerts.public_url.rstrip("/")
    if event is None:
        return {"dashboard": f"{base}/cameras/{camera}"}
    media = f"{base}/api/v1/events/{event}/media"
    return {
        "dashboard": f"{base}/review?event={event}",
        "snapshot": f"{media}/snapshot.jpg",
        "clip": f"{media}/clip.mp4",
    }
