"""How it goes with each receiver: totals that retention does not lower, kept in the transactions that mark messages."""

from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from normalcy.live.store.models import MessageRow, ReceiverRow
from normalcy.live.store.upserts import insert_into


@dataclass(frozen=True)
class ReceiverCounts:
    """What became of a receiver's messages; times are seconds since 1970, None where it never happened.

    Attributes:
        waiting: Messages that are not settled, now.
        sent, dead, held: Messages that arrived, were given up, were kept back; since the store was made.
        failed_attempts: Attempts that failed, also of messages that arrived later; since the store was made.
        last_error: Why the last one failed; stays after it was mended.
    """

    waiting: int = 0
    sent: int = 0
    dead: int = 0
    held: int = 0
    failed_attempts: int = 0
    last_error: str = ""
    last_error_at: float | None = None
    last_sent_at: float | None = None


def receiver_counts(session: Session) -> dict[str, ReceiverCounts]:
    """By receiver, of all that messages were ever settled of or wait for."""
    found = {row.receiver: _counts(row) for row in session.scalars(select(ReceiverRow))}
    waiting = select(MessageRow.receiver, func.count()).where(MessageRow.state == "waiting")
    for receiver, count in session.execute(waiting.group_by(MessageRow.receiver)):
        found[receiver] = replace(found.get(receiver, ReceiverCounts()), waiting=count)
    return found


def count_outcome(session: Session, receiver: str, counter: str, **noted: Any) -> None:
    """Adds one to a receiver's counter, and notes values of its other columns."""
    columns = _NOTHING | {counter: 1} | noted
    query = insert_into(session, ReceiverRow).values(receiver=receiver, **columns)
    changed = {counter: getattr(ReceiverRow, counter) + 1} | noted
    session.execute(query.on_conflict_do_update(index_elements=["receiver"], set_=changed))


_NOTHING: dict[str, Any] = {
    field.name: field.default for field in fields(ReceiverCounts) if field.name != "waiting"
}
"""The columns of a receiver that nothing happened with."""


def _counts(row: ReceiverRow) -> ReceiverCounts:
    return ReceiverCounts(**{name: getattr(row, name) for name in _NOTHING})
