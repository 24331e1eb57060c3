"""What people say of events, and what is learned from it."""

from dataclasses import dataclass
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from normalcy.errors import InputError
from normalcy.live.store.models import EventRow, VerdictRow
from normalcy.live.store.records import Verdict


class UnknownEvent(InputError):
    """There is no such event, or it is gone by now."""


@dataclass(frozen=True)
class GivenVerdict:
    """Who said what, and when (seconds since 1970); None took the one before back."""

    verdict: Verdict | None
    by: str
    at: float


def give_verdict(session: Session, event_id: str, verdict: Verdict | None, *, by: str, at: float) -> None:
    """Puts a verdict on an event, or takes it back with None; what was said before stays in its history.

    Raises:
        UnknownEvent: There is none of that id.
    """
    holds = {"verdict_by": by, "verdict_at": at} if verdict else {"verdict_by": None, "verdict_at": None}
    query = update(EventRow).where(EventRow.id == event_id).values(verdict=verdict, **holds)
    if session.scalar(query.returning(EventRow.id)) is None:
        raise UnknownEvent(f"there is no event {event_id!r}")
    session.add(VerdictRow(event_id=event_id, verdict=verdict, by=by, at=at))
    session.flush()


def verdict_history(session: Session, event_id: str) -> list[GivenVerdict]:
    """All that was said of an event, in order."""
    query = select(VerdictRow).where(VerdictRow.event_id == event_id).order_by(VerdictRow.id)
    return [
        GivenVerdict(cast("Verdict | None", row.verdict), row.by, row.at) for row in session.scalars(query)
    ]


def false_alarms_by_region(session: Session, camera: str, *, detector: str) -> dict[str, list[float]]:
    """Peak scores of a camera's events that are marked as false alarms now, by region, oldest first.

    Args:
        session: Of the store.
        camera: Whose.
        detector: `EventRecord.detector` of the one that scores now: a score of another one says nothing of it.
    """
    query = select(EventRow.region, EventRow.peak_score).where(
        EventRow.camera == camera, EventRow.verdict == "false_alarm", EventRow.detector == detector
    )
    found: dict[str, list[float]] = {}
    for region, peak in session.execute(query.order_by(EventRow.started_at, EventRow.id)):
        found.setdefault(region, []).append(peak)
    return found
