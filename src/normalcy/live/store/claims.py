"""Which node sends which message, where several share the outbox.

A message is claimed before it is sent, by one node. The claim holds for as long as that node is heard, so what a dead
one was about to send is sent by another. A node leaves messages on cameras of others to these for a while: they have
the pictures, and were told of the message at once.
"""

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from normalcy.live.store.leases import is_alive
from normalcy.live.store.models import LeaseRow, MessageRow


def may_send(token: str, *, lease_seconds: float, now: float) -> ColumnElement[bool]:
    """Whether a message is for a node to send.

    Args:
        token: Of the node.
        lease_seconds: A node that is not heard for so long has lost its claims, and others need not wait longer for
            what it does not send.
        now: Seconds since 1970.
    """
    watched_elsewhere = exists().where(
        LeaseRow.camera == MessageRow.camera,
        LeaseRow.token != token,
        is_alive(LeaseRow.token, lease_seconds=lease_seconds),
    )
    is_late = MessageRow.created_at < now - lease_seconds
    return and_(_is_claimable(token, lease_seconds), or_(~watched_elsewhere, is_late))


def claim(session: Session, message_id: int, *, token: str, lease_seconds: float) -> bool:
    """Claims a message; False where another node has it, or sent it meanwhile.

    A node that is not heard itself claims nothing: it has half of a lease to send what it claims, and needs to be
    taken for alive for so long.
    """
    query = (
        select(MessageRow.id)
        .where(MessageRow.id == message_id, MessageRow.state == "waiting")
        .where(_is_claimable(token, lease_seconds), is_alive(token, lease_seconds=lease_seconds / 2))
        .with_for_update(skip_locked=True)
    )
    if session.scalar(query) is None:
        return False
    session.execute(update(MessageRow).where(MessageRow.id == message_id).values(claimed_by=token))
    return True


def _is_claimable(token: str, lease_seconds: float) -> ColumnElement[bool]:
    claimed_by = MessageRow.claimed_by
    is_free = or_(claimed_by.is_(None), claimed_by == token)
    return or_(is_free, ~is_alive(claimed_by, lease_seconds=lease_seconds))
