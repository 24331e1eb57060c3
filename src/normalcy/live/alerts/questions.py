"""What sending has to ask the outbox beyond what is due."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from normalcy.live.alerts.planning import NEWS
from normalcy.live.store.models import EventRow, MessageRow


def states_of(session: Session, keys: Collection[str]) -> dict[str, str]:
    """States of messages by key; those that are not there are left out."""
    if not keys:
        return {}
    rows = session.execute(select(MessageRow.key, MessageRow.state).where(MessageRow.key.in_(keys)))
    return {row.key: row.state for row in rows}


def news_sent(
    session: Session, receiver: str, *, cameras: Collection[str], since: float, created_since: float
) -> dict[tuple[str, str], int]:
    """How much news a receiver was sent since a time, by (camera, severity).

    Args:
        session: Of the store.
        receiver: Who was told.
        cameras: Of these.
        since: Sent since then.
        created_since: None of them is older; spares looking through the whole outbox.
    """
    query = (
        select(MessageRow.camera, MessageRow.severity, func.count())
        .where(
            MessageRow.camera.in_(cameras),
            MessageRow.created_at >= created_since,
            MessageRow.receiver == receiver,
            MessageRow.state == "sent",
            MessageRow.sent_at >= since,
            MessageRow.kind.in_(NEWS),
        )
        .group_by(MessageRow.camera, MessageRow.severity)
    )
    return {(camera, severity): count for camera, severity, count in session.execute(query)}


def held_count(session: Session, camera: str, receiver: str, *, since: float, until: float) -> int:
    """How much news of a camera was kept back from a receiver, of all that was created in a time."""
    query = select(func.count()).where(
        MessageRow.camera == camera,
        MessageRow.receiver == receiver,
        MessageRow.state == "held",
        MessageRow.kind.in_(NEWS),
        MessageRow.created_at >= since,
        MessageRow.created_at < until,
    )
    return session.scalar(query) or 0


def orphaned(session: Session, receivers: Collection[str], *, created_before: float) -> list[int]:
    """Messages to receivers that are not configured any more; younger ones may be to one that is new."""
    query = select(MessageRow.id).where(
        MessageRow.state == "waiting",
        MessageRow.receiver.not_in(receivers),
        MessageRow.created_at < created_before,
    )
    return list(session.scalars(query))


def media_of(session: Session, event_id: str) -> str | None:
    """An event's folder below that of all media; None where it has none."""
    return session.scalar(select(EventRow.media).where(EventRow.id == event_id)) or None
