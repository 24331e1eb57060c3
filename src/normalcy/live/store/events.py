"""Events: written by the engine, read by everybody.

All of these take a session of `Store.transaction()` or `Store.reading()`, so that several fit into one transaction.
"""

import math
from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from normalcy.live.store.models import EventRow, TotalRow
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.upserts import insert_into

_FIELDS = tuple(field.name for field in fields(EventRecord))
_VERDICT = {"verdict", "verdict_by", "verdict_at"}
_LONGEST_BUNDLE_NAME = 200
_OPENED = "events."


def insert_event(session: Session, event: EventRecord) -> None:
    """Stores a new event, and counts it."""
    session.add(EventRow(**_values(event)))
    session.flush()
    query = insert_into(session, TotalRow).values(name=_OPENED + event.kind, count=1)
    raised = {"count": TotalRow.count + 1}
    session.execute(query.on_conflict_do_update(index_elements=["name"], set_=raised))


def update_event(session: Session, event: EventRecord) -> bool:
    """Stores what the engine knows of an event by now.

    Its verdict stays as it is, and so does the node that holds its media, and these, and what they take, where the
    record knows nothing of them.

    Returns:
        False where there is no such event.
    """
    values = _values(event)
    unknown = {name for name in ("media", "media_bytes", "clip_offset_seconds") if not values[name]}
    kept = _VERDICT | unknown | {"id", "node"}
    changed = {name: value for name, value in values.items() if name not in kept}
    return _change(session, event.id, **changed)


def set_media(
    session: Session,
    event_id: str,
    *,
    media: str,
    media_bytes: int,
    clip_offset_seconds: float | None = None,
    node: str = "",
    takes_over: bool = False,
) -> bool:
    """Says where an event's pictures are, what they take and where its clip shows it.

    Args:
        session: In whose transaction.
        event_id: Of which event.
        media: Folder below the media folder; empty where there are no pictures.
        media_bytes: What they take.
        clip_offset_seconds: From the first picture of the clip to the event's beginning.
        node: Name of the node that has them, where there are several. Without pictures it changes only its own.
        takes_over: Whether its pictures are those of the event from now on, though another node has some: it watches
            the camera now.

    Returns:
        False where nothing was changed: there is no such event, or another node has its pictures.
    """
    values = {"media": media, "media_bytes": media_bytes, "clip_offset_seconds": clip_offset_seconds}
    if not node:
        return _change(session, event_id, **values)
    query = update(EventRow).where(EventRow.id == event_id).values(**values, node=node)
    if not media:
        query = query.where(EventRow.node == node)
    elif not takes_over:
        query = query.where(EventRow.node.in_((node, "")))
    return session.scalar(query.returning(EventRow.id)) is not None


def open_events(session: Session, *, cameras: Collection[str] | None = None) -> list[EventRecord]:
    """All that are open, oldest first; of some cameras only where they are named."""
    query = select(EventRow).where(EventRow.state == "open")
    if cameras is not None:
        query = query.where(EventRow.camera.in_(cameras))
    return [as_event(row) for row in session.scalars(query.order_by(EventRow.started_at))]


def close_forgotten(
    session: Session, *, watched: ColumnElement[bool], ended_before: ColumnElement[float]
) -> list[EventRecord]:
    """Closes open events that nobody goes on with; returns them, closed.

    Args:
        session: In whose transaction.
        watched: Whether somebody may go on with an event.
        ended_before: Its last frame is older than this.
    """
    forgotten = (EventRow.state == "open", EventRow.ended_at < ended_before, ~watched)
    query = update(EventRow).where(*forgotten).values(state="closed", interrupted=True)
    return [as_event(row) for row in session.scalars(query.returning(EventRow))]


def find_event(session: Session, event_id: str) -> EventRecord | None:
    """An event by its id."""
    row = session.get(EventRow, event_id)
    return None if row is None else as_event(row)


def find_events(session: Session, wanted: EventFilter, *, limit: int) -> list[EventRecord]:
    """A page of events, newest first; `wanted.before` is where the page before ended."""
    query = (
        select(EventRow).where(*_conditions(wanted)).order_by(EventRow.started_at.desc(), EventRow.id.desc())
    )
    return [as_event(row) for row in session.scalars(query.limit(limit))]


def count_events(session: Session, wanted: EventFilter) -> int:
    """How many events there are on all pages."""
    conditions = _conditions(replace(wanted, before=None))
    return session.scalar(select(func.count()).select_from(EventRow).where(*conditions)) or 0


def opened_events(session: Session) -> dict[str, int]:
    """How many events there ever were by kind, those that are deleted by now among them."""
    rows = session.execute(select(TotalRow.name, TotalRow.count).where(TotalRow.name.startswith(_OPENED)))
    return {name.removeprefix(_OPENED): count for name, count in rows}


def events_overlapping(
    session: Session, camera: str, since: float, until: float, *, limit: int
) -> list[EventRecord]:
    """Events of a camera that go on at some time from `since` to `until`, newest first, and no more than so many."""
    goes_on = or_(EventRow.state == "open", EventRow.ended_at >= since)
    query = select(EventRow).where(EventRow.camera == camera, EventRow.started_at <= until, goes_on)
    newest_first = query.order_by(EventRow.started_at.desc(), EventRow.id.desc())
    return [as_event(row) for row in session.scalars(newest_first.limit(limit))]


def as_event(row: EventRow) -> EventRecord:
    """A row as plain data."""
    values = {name: getattr(row, name) for name in _FIELDS}
    left_top_right_bottom = values["box"]
    values["box"] = None if left_top_right_bottom is None else tuple(left_top_right_bottom)
    return EventRecord(**values)


def _values(event: EventRecord) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in _FIELDS}
    parts = {name: float(value) for name, value in event.parts.items()}
    values["parts"] = {name: value for name, value in parts.items() if math.isfinite(value)}
    values["box"] = None if event.box is None else [float(side) for side in event.box]
    # PostgreSQL would refuse the event for the sake of a name.
    values["bundle"] = event.bundle[:_LONGEST_BUNDLE_NAME]
    return values


def _change(session: Session, event_id: str, **values: Any) -> bool:
    query = update(EventRow).where(EventRow.id == event_id).values(**values).returning(EventRow.id)
    return session.scalar(query) is not None


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    equal = {
        EventRow.severity: wanted.severity,
        EventRow.state: wanted.state,
        EventRow.kind: wanted.kind,
        EventRow.region: wanted.region,
        EventRow.detector: wanted.detector,
    }
    found: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if wanted.cameras:
        found.append(EventRow.camera.in_(wanted.cameras))
    if wanted.verdict is not None:
        found.append(
            EventRow.verdict.is_not_distinct_from(None if wanted.verdict == "none" else wanted.verdict)
        )
    if wanted.since is not None:
        found.append(EventRow.started_at >= wanted.since)
    if wanted.until is not None:
        found.append(EventRow.started_at < wanted.until)
    if wanted.before is not None:
        found.append(tuple_(EventRow.started_at, EventRow.id) < tuple_(*wanted.before))
    return found
