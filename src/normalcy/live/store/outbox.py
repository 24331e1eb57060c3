"""Messages to receivers: committed together with what they tell of, sent afterwards.

waiting --sent--> sent              waiting --failed--> waiting, due later
waiting --given up--> dead          waiting --rate limit--> held
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Insert, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from normalcy.live.store.models import MessageRow
from normalcy.live.store.records import Message, NewMessage

STATES = ("waiting", "sent", "dead", "held")


AT_ONCE = 0.0
"""A message is due at once whatever the wall clock does: one that is set back by a day holds nothing up."""


def enqueue(session: Session, message: NewMessage, *, at: float, due_at: float = AT_ONCE) -> bool:
    """Puts a message into the outbox.

    Args:
        session: In whose transaction.
        message: What to send.
        at: Now.
        due_at: Not sent before.

    Returns:
        False where its key is there already: nothing is changed then.
    """
    values = {
        "key": message.key,
        "event_id": message.event_id,
        "camera": message.camera,
        "receiver": message.receiver,
        "kind": message.kind,
        "severity": message.severity,
        "payload": dict(message.payload),
        "created_at": at,
        "due_at": due_at,
    }
    query = _insert_where_absent(session).values(**values).returning(MessageRow.id)
    return session.scalar(query) is not None


def due_messages(
    session: Session, *, now: float, limit: int, receivers: Sequence[str] | None = None
) -> list[Message]:
    """Messages to be sent now, the longest due first; to some receivers only where they are given."""
    query = select(MessageRow).where(MessageRow.state == "waiting", MessageRow.due_at <= now)
    if receivers is not None:
        query = query.where(MessageRow.receiver.in_(receivers))
    rows = session.scalars(query.order_by(MessageRow.due_at, MessageRow.id).limit(limit))
    return [_as_message(row) for row in rows]


def mark_sent(session: Session, message_id: int, *, at: float) -> None:
    """It arrived."""
    _mark(session, message_id, state="sent", sent_at=at, error="", attempts=MessageRow.attempts + 1)


def mark_failed(session: Session, message_id: int, *, error: str, due_at: float) -> None:
    """An attempt failed; the next one is not before `due_at`."""
    _mark(session, message_id, error=error, due_at=due_at, attempts=MessageRow.attempts + 1)


def mark_dead(session: Session, message_id: int, *, error: str) -> None:
    """The last attempt failed: it is given up."""
    _mark(session, message_id, state="dead", error=error, attempts=MessageRow.attempts + 1)


def mark_held(session: Session, message_id: int, reason: str) -> None:
    """It is kept back for good, without an attempt."""
    _mark(session, message_id, state="held", error=reason)


def next_due_at(session: Session) -> float | None:
    """When the next message is due; None where none waits."""
    return session.scalar(select(func.min(MessageRow.due_at)).where(MessageRow.state == "waiting"))


def sent_since(session: Session, camera: str, receiver: str, since: float) -> int:
    """How many messages on a camera a receiver got since a time."""
    query = select(func.count()).where(
        MessageRow.camera == camera,
        MessageRow.receiver == receiver,
        MessageRow.state == "sent",
        MessageRow.sent_at >= since,
    )
    return session.scalar(query) or 0


def outbox_counts(session: Session) -> dict[str, int]:
    """How many messages there are in each state, `STATES`."""
    rows = session.execute(select(MessageRow.state, func.count()).group_by(MessageRow.state))
    return dict.fromkeys(STATES, 0) | dict(rows.all())


def _insert_where_absent(session: Session) -> Insert:
    # The two databases mean the same by it, but SQLAlchemy has no common word.
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(MessageRow).on_conflict_do_nothing(index_elements=["key"])
    return postgresql.insert(MessageRow).on_conflict_do_nothing(index_elements=["key"])


def _mark(session: Session, message_id: int, **values: Any) -> None:
    session.execute(update(MessageRow).where(MessageRow.id == message_id).values(**values))


def _as_message(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        key=row.key,
        camera=row.camera,
        receiver=row.receiver,
        kind=row.kind,
        severity=row.severity,
        payload=row.payload,
        created_at=row.created_at,
        attempts=row.attempts,
        event_id=row.event_id,
    )
