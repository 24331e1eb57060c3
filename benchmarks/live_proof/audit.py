"""What became of events and alerts, counted once the engine has stopped."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from live_proof.configuration import COOL_DOWN_SECONDS, RECEIVER
from live_proof.ledger import Row, Sighting
from normalcy.live.alerts.messages import message_key

_CLOCK_SECONDS = 0.05


@dataclass(frozen=True)
class Audit:
    """The counts of one engine's life.

    Attributes:
        committed: Events that were ever seen in the database.
        lost: Of these, not there at the end.
        owed: Messages: an opening for each event, an ending for each that is closed, and whatever else was committed.
        received: Of these, received and signed rightly.
        missing: Of these, not received.
        duplicate_incidents: Incidents that were told of twice: by two messages, or as two events.
        repeated_keys: Messages that were received more than once, with the same key.
        violations: Everything that must not be, in words.
    """

    committed: int
    lost: int
    owed: int
    received: int
    missing: int
    duplicate_incidents: int
    repeated_keys: int
    violations: tuple[str, ...]


def audit(
    seen: Mapping[str, Sighting], events: Sequence[Row], outbox: Sequence[Row], *, genuine: Sequence[str]
) -> Audit:
    """Counts.

    Args:
        seen: Events as they were looked at all the time.
        events, outbox: What the database holds at the end.
        genuine: Keys that the receiver believed, in order.
    """
    kept, arrived = {event["id"] for event in events}, set(genuine)
    committed = {message["key"] for message in outbox}
    owed = committed | {key for event in events for key in _keys_of(event)}
    duplicates = [*_told_twice(outbox), *_split(list(seen.values()))]
    lost = seen.keys() - kept
    violations = [
        *(f"event {each} was lost" for each in sorted(lost)),
        *(f"event {event['id']} is open, and nobody owns it" for event in events if event["state"] == "open"),
        *(f"no message {key} was committed" for key in sorted(owed - committed)),
        *(f"{key} was received, and is not in the outbox" for key in sorted(arrived - committed)),
        *(
            f"{each['key']} is {each['state']}, and was not received"
            for each in outbox
            if each["key"] not in arrived
        ),
        *duplicates,
    ]
    return Audit(
        committed=len(seen.keys() | kept),
        lost=len(lost),
        owed=len(owed),
        received=len(owed & arrived),
        missing=len(owed - arrived),
        duplicate_incidents=len(duplicates),
        repeated_keys=sum(count > 1 for count in Counter(genuine).values()),
        violations=tuple(violations),
    )


def _keys_of(event: Row) -> list[str]:
    """Messages that there must be of an event, whatever happened."""
    if event["kind"] != "anomaly":
        return []
    kinds = ["event.opened", *(["event.closed"] if event["state"] == "closed" else [])]
    return [message_key(event["id"], kind=kind, receiver=RECEIVER) for kind in kinds]


def _told_twice(outbox: Sequence[Row]) -> list[str]:
    told = Counter((each["event_id"], each["kind"], each["receiver"]) for each in outbox if each["event_id"])
    return [
        f"{kind} of event {event} is told {count} times"
        for (event, kind, _), count in told.items()
        if count > 1
    ]


def _split(seen: Sequence[Sighting]) -> list[str]:
    """Events that belong to the one before: their alarm came within its cool-down, and nobody set the clock."""
    places: dict[tuple[str, str], list[Sighting]] = {}
    for each in sorted(seen, key=lambda each: (each.first_clock, each.row["alarmed_at"])):
        places.setdefault((each.row["camera"], each.row["region"]), []).append(each)
    pairs = [pair for place in places.values() for pair in pairwise(place)]
    return [
        f"events {a.row['id']} and {b.row['id']} are one incident of camera {a.row['camera']}"
        for a, b in pairs
        if a.first_clock == a.last_clock == b.first_clock
        and b.row["alarmed_at"] < a.row["ended_at"] + COOL_DOWN_SECONDS - _CLOCK_SECONDS
    ]
