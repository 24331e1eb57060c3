"""Messages in words, for people who read them on a phone."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any


def title_and_text(payload: Mapping[str, Any], *, zone: tzinfo | None = None) -> tuple[str, str]:
    """Title and body of a message.

    Args:
        payload: As the outbox holds it.
        zone: Of the times that are shown; that of the machine without.
    """
    title, sentences = _WRITERS[payload["type"]](payload, zone)
    link = payload.get("links", {}).get("dashboard")
    return title, "\n".join([" ".join(sentences), *([link] if link else [])])


def _opened(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    what = "Alert" if payload["severity"] == "alert" else "Notice"
    sentences = [f"Something unusual since {_clock(payload['started_at_epoch'], zone)}{_where(payload)}."]
    return f"{what}: {payload['title']}", [*sentences, *_why(payload), *_how_rare(payload)]


def _escalated(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    since = _clock(payload["started_at_epoch"], zone)
    sentences = [f"What began at {since} as a notice{_where(payload)} is now an alert."]
    return f"Alert: {payload['title']}", [*sentences, *_why(payload), *_how_rare(payload)]


def _closed(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    since = _clock(payload["started_at_epoch"], zone)
    sentences = [f"What began at {since}{_where(payload)} is over. It lasted {_span(payload['seconds'])}."]
    return f"Over: {payload['title']}", [*sentences, *_why(payload)]


def _offline(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    sentences = [f"No picture since {_clock(payload['offline_at_epoch'], zone)}."]
    return f"Camera gone: {payload['title']}", [*sentences, *_sentence(payload["reason"])]


def _online(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    sentences = [f"The picture is there again, after {_span(payload['offline_seconds'])}."]
    return f"Camera back: {payload['title']}", sentences


def _held(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    count = payload.get("held", 0)
    since, until = (_clock(payload[key], zone) for key in ("since_epoch", "until_epoch"))
    limit = payload["per_camera_per_hour"]
    messages = "1 message was" if count == 1 else f"{count} messages were"
    sentences = [
        f"{messages} kept back between {since} and {until}, because at most {limit} an hour are sent of one camera.",
        "The dashboard shows all of them.",
    ]
    return f"Kept back: {payload['title']}", sentences


def _test(payload: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, list[str]]:
    return "Test", [payload["sentence"]]


_WRITERS = {
    "event.opened": _opened,
    "event.escalated": _escalated,
    "event.closed": _closed,
    "camera.offline": _offline,
    "camera.online": _online,
    "alerts.held": _held,
    "test": _test,
}


def _clock(at: float, zone: tzinfo | None) -> str:
    """Time of day; with the day, because messages may arrive late."""
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    return f"{local:%H:%M:%S} on {local.day} {local:%B}"


def _where(payload: Mapping[str, Any]) -> str:
    return f" in {payload['region']}" if payload["region"] else ""


def _why(payload: Mapping[str, Any]) -> list[str]:
    return _sentence(payload["sentence"])


def _sentence(text: str) -> list[str]:
    """With a capital and a full stop; none of nothing."""
    text = text.strip()
    if not text:
        return []
    return [text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")]


def _how_rare(payload: Mapping[str, Any]) -> list[str]:
    rate = payload["rate_per_day"]
    if rate is None or rate <= 0.0:
        return []
    if rate >= 1.0:
        return [f"Normal video looks like this about {rate:.0f} times a day."]
    return [f"Normal video looks like this about once in {_span(86400.0 / rate)}."]


def _span(seconds: float) -> str:
    """A time span, roughly.

    >>> _span(8.2), _span(95.0), _span(7200.0), _span(86400.0 * 30)
    ('8 seconds', '2 minutes', '2 hours', '30 days')
    """
    for unit, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}s"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
