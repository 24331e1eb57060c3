"""Messages to receivers: committed together with what they tell of, sent afterwards.

waiting --sent--> sent              waiting --failed--> waiting, due later
waiting --given up--> dead          waiting --rate limit--> held

What becomes of messages is counted for their receiver in the same transaction (`receivers.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from normalcy.live.store.models import MessageRow
from normalcy.live.store.receivers import count_outcome
from normalcy.live.store.records import Message, NewMessage
from normalcy.live.store.upserts import insert_into

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
        "incident": message.incident,
        "camera": message.camera,
        "receiver": message.receiver,
        "kind": message.kind,
        "severity": message.severity,
        "payload": dict(message.payload),
        "created_at": at,
        "due_at": due_at,
    }
    query = insert_into(session, MessageRow).values(**values).on_conflict_do_nothing(index_elements=["key"])
    return session.scalar(query.returning(MessageRow.id)) is not None


def due_messages(
    session: Session,
    *,
    now: float,
    limit: int,
    receivers: Sequence[str] | None = None,
    where: ColumnElement[bool] | None = None,
) -> list[Message]:
    """Messages to be sent now, alerts first, then the longest due; to some receivers only where they are given.

    Where several nodes send, `where` says which are this one's (`claims.may_send`).

    Of an incident a receiver is given only the first that waits. Those after it are left out here and not by whoever
    sends: if many beginnings are not due yet, their ends would fill every page.
    """
    query = select(MessageRow).where(MessageRow.state == "waiting", MessageRow.due_at <= now, ~_has_to_wait())
    if receivers is not None:
        query = query.where(MessageRow.receiver.in_(receivers))
    if where is not None:
        query = query.where(where)
    # By the alphabet `alert` comes before `notice`, and an index may help.
    in_order = query.order_by(MessageRow.severity, MessageRow.due_at, MessageRow.id)
    rows = session.scalars(in_order.limit(limit))
    return [_as_message(row) for row in rows]


def mark_sent(session: Session, message_id: int, *, at: float) -> None:
    """It arrived."""
    values = {"state": "sent", "sent_at": at, "error": "", "attempts": MessageRow.attempts + 1}
    _mark(session, message_id, values, counter="sent", last_sent_at=at)


def mark_failed(
    session: Session, message_id: int, *, error: str, at: float, due_at: float, is_refusal: bool = False
) -> None:
    """An attempt failed, perhaps because of the message itself; the next one is not before `due_at`."""
    values = {
        "error": error,
        "due_at": due_at,
        "attempts": MessageRow.attempts + 1,
        "refusals": MessageRow.refusals + int(is_refusal),
        "claimed_by": None,
    }
    _mark(session, message_id, values, counter="failed_attempts", last_error=error, last_error_at=at)


def mark_dead(session: Session, message_id: int, *, error: str) -> None:
    """It is given up; a last attempt that failed is marked before."""
    _mark(session, message_id, {"state": "dead", "error": error}, counter="dead")


def mark_held(session: Session, message_id: int, reason: str) -> None:
    """It is kept back for good, without an attempt."""
    _mark(session, message_id, {"state": "held", "error": reason}, counter="held")


def open_outages(session: Session, *, cameras: Collection[str] | None = None) -> dict[str, float]:
    """Cameras that somebody was told to be gone, and nobody that they are back: when they went.

    Args:
        session: In whose transaction.
        cameras: Of some cameras only, where they are named: the index finds them.
    """
    query = select(MessageRow.camera, MessageRow.kind, MessageRow.payload).where(
        MessageRow.kind.in_(("camera.offline", "camera.online"))
    )
    if cameras is not None:
        query = query.where(MessageRow.camera.in_(cameras))
    found: dict[str, float] = {}
    for camera, kind, payload in session.execute(query.order_by(MessageRow.id)):
        if kind == "camera.offline":
            found[camera] = payload["offline_at_epoch"]
        else:
            found.pop(camera, None)
    return found


def outbox_counts(session: Session) -> dict[str, int]:
    """How many messages there are in each state, `STATES`."""
    rows = session.execute(select(MessageRow.state, func.count()).group_by(MessageRow.state))
    return dict.fromkeys(STATES, 0) | dict(rows.all())


def _has_to_wait() -> ColumnElement[bool]:
    """Whether an earlier message of the same incident waits for the same receiver."""
    earlier = aliased(MessageRow)
    is_before = and_(
        earlier.receiver == MessageRow.receiver,
        earlier.incident == MessageRow.incident,
        earlier.incident != "",
        earlier.state == "waiting",
        earlier.id < MessageRow.id,
    )
    return exists().where(is_before)


def _mark(
    session: Session, message_id: int, values: Mapping[str, Any], *, counter: str, **noted: Any
) -> None:
    """Changes a message that waits, and counts that for its receiver.

    Nothing where somebody deleted it, or where another node has settled it: one that stood still for a while comes back
    with what it knew.
    """
    is_mine = (MessageRow.id == message_id, MessageRow.state == "waiting")
    query = update(MessageRow).where(*is_mine).values(**values)
    receiver = session.scalar(query.returning(MessageRow.receiver))
    if receiver is not None:
        count_outcome(session, receiver, counter, **noted)


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
        refusals=row.refusals,
        event_id=row.event_id,
    )
