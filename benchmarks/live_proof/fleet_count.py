"""From what was noted to numbers: what the footage held, what the store has of it, and what was told.

An anomaly is *owed* where a node that lived watched its camera from before it began until after it ended. One that fell
into the time between a node's death and the first verdicts of the next is *unwatched*: nobody saw it.

An event belongs to an anomaly if it reaches into it. One that ended before is another: the threshold of the floor of
optical flow lies within what walking scores, and now and then an alarm is over before the run begins. Whatever events
are of, two of a camera may not come closer than the cool-down, for an alarm so soon after another belongs to it: where
they do, something was stored twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from live_proof.fleet_truth import Heard, Noted

Span = tuple[float, float]

BEFORE_DEATH_SECONDS = 1.0
"""What ended so shortly before a node was killed may not have been scored."""
AFTER_BEGIN_SECONDS = 2.0
"""A camera that begins needs so long before it can tell anything."""
COOL_DOWN_SECONDS = 0.5
_LATE_SECONDS = 0.5
"""What is captured so much later than it was filmed still counts for it."""
_ROUNDING_SECONDS = 0.001
_NEAR_SECONDS = 30.0
_TOLD = (
    "id",
    "node",
    "token",
    "epoch",
    "taken_at",
    "state",
    "started_at",
    "alarmed_at",
    "ended_at",
    "peak_score",
    "interrupted",
)


@dataclass(frozen=True)
class Event:
    """An event as the store had it in the end, and how often its row was inserted."""

    id: str
    camera: str
    span: Span
    state: str
    inserted: int


@dataclass(frozen=True)
class Counts:
    """What came of a time.

    Attributes:
        anomalies: In the footage.
        owed: Of these, seen by a node that lived.
        lost: Of those, without an event.
        unwatched: Of the anomalies, those that nobody saw.
        events: In the store that belong to an anomaly.
        other_events: That belong to none.
        duplicates: Anomalies with more than one event.
        within_cool_down: Events that began within the cool-down of another one of their camera.
        alerts_owed: Messages of all events of the time: an opening each, and an ending where they ended.
        alerts_missing: Of these, never received.
        told_twice: Anomalies of which more than one event was told.
        repeated_keys: Messages that were received more than once, with the same idempotency key.
    """

    anomalies: int
    owed: int
    lost: int
    unwatched: int
    events: int
    other_events: int
    duplicates: int
    within_cool_down: int
    alerts_owed: int
    alerts_missing: int
    told_twice: int
    repeated_keys: int


def events_of(noted: Sequence[Noted]) -> list[Event]:
    """All events that were ever stored, from what the triggers noted."""
    rows: dict[str, dict[str, object]] = {}
    inserted: Counter[str] = Counter()
    for each in noted:
        if each.place == "events":
            rows[each.row["id"]] = each.row
            inserted[each.row["id"]] += each.what == "INSERT"
    return [
        Event(
            str(row["id"]),
            str(row["camera"]),
            (float(str(row["started_at"])), float(str(row["ended_at"]))),
            str(row["state"]),
            inserted[str(row["id"])],
        )
        for row in rows.values()
        if row["kind"] == "anomaly"
    ]


def count(
    anomalies: Mapping[str, Sequence[Span]],
    watched: Mapping[str, Sequence[Span]],
    events: Sequence[Event],
    heard: Sequence[Heard],
) -> Counts:
    """Counts.

    Args:
        anomalies: Of the time that is judged, by camera.
        watched: When cameras were watched by a node that lived, to its margins.
        events: All that there are.
        heard: All messages that were received.
    """
    keys = Counter(str(each.payload["key"]) for each in heard)
    told = Counter(str(each.payload["id"]) for each in heard if each.payload["type"] == "event.opened")
    found = {
        (camera, span): _covering(camera, span, events)
        for camera, spans in anomalies.items()
        for span in spans
    }
    owed = {each for each in found if any(_within(each[1], time) for time in watched[each[0]])}
    mine = {event.id: event for covering in found.values() for event in covering}
    others = {event.id: event for event in _between(anomalies, events) if event.id not in mine}
    judged = mine | others
    wanted = [key for event in judged.values() for key in _keys_of(event)]
    return Counts(
        anomalies=len(found),
        owed=len(owed),
        lost=sum(not found[each] for each in owed),
        unwatched=sum(not covering for each, covering in found.items() if each not in owed),
        events=len(mine),
        other_events=len(others),
        duplicates=sum(sum(event.inserted for event in covering) > 1 for covering in found.values()),
        within_cool_down=_within_cool_down(list(judged.values())),
        alerts_owed=len(wanted),
        alerts_missing=sum(key not in keys for key in wanted),
        told_twice=sum(sum(event.id in told for event in covering) > 1 for covering in found.values()),
        repeated_keys=sum(times > 1 for key, times in keys.items() if key.partition(":")[0] in judged),
    )


def _within_cool_down(events: Sequence[Event]) -> int:
    found = 0
    for camera in {event.camera for event in events}:
        spans = sorted(event.span for event in events if event.camera == camera)
        ends = accumulate((end for _, end in spans), max)
        gaps = [later[0] - end for end, later in zip(ends, spans[1:], strict=False)]
        found += sum(gap < COOL_DOWN_SECONDS - _ROUNDING_SECONDS for gap in gaps)
    return found


def doubled(
    anomalies: Mapping[str, Sequence[Span]], events: Sequence[Event], noted: Sequence[Noted]
) -> list[dict[str, object]]:
    """Anomalies that have more than one event, with all that was noted of these and of their camera at that time."""
    found: list[dict[str, object]] = []
    for camera, spans in anomalies.items():
        for span in spans:
            covering = _covering(camera, span, events)
            if sum(event.inserted for event in covering) > 1:
                ids = {event.id for event in covering}
                rows = [each for each in noted if _belongs(each, camera, ids, around=span)]
                lines = [(round(each.at, 3), each.place, each.what, _told_of(each.row)) for each in rows]
                found.append({"camera": camera, "anomaly": span, "noted": lines})
    return found


def _belongs(noted: Noted, camera: str, events: set[str], *, around: Span) -> bool:
    if noted.place == "leases":
        near = around[0] - _NEAR_SECONDS <= noted.at <= around[1] + _NEAR_SECONDS
        return near and noted.row["camera"] == camera
    return noted.place == "events" and noted.row["id"] in events


def _told_of(row: Mapping[str, object]) -> dict[str, object]:
    return {name: row[name] for name in _TOLD if name in row}


def _covering(camera: str, span: Span, events: Sequence[Event]) -> list[Event]:
    return [each for each in events if each.camera == camera and _overlap(each.span, span)]


def _overlap(event: Span, anomaly: Span) -> bool:
    return event[0] <= anomaly[1] + _LATE_SECONDS and event[1] >= anomaly[0]


def _within(span: Span, time: Span) -> bool:
    return time[0] <= span[0] and span[1] <= time[1]


def _between(anomalies: Mapping[str, Sequence[Span]], events: Sequence[Event]) -> list[Event]:
    """Events that began in the time of their camera's anomalies."""
    times = {camera: (spans[0][0], spans[-1][0]) for camera, spans in anomalies.items() if spans}
    return [
        each
        for each in events
        if each.camera in times and times[each.camera][0] <= each.span[0] <= times[each.camera][1]
    ]


def _keys_of(event: Event) -> list[str]:
    kinds = ["event.opened", *(["event.closed"] if event.state == "closed" else [])]
    return [f"{event.id}:{kind}:mqtt" for kind in kinds]
