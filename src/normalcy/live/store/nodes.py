"""The nodes of a fleet as the database knows them: their signs of life are what their leases hang on."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from normalcy.live.store.events import close_forgotten
from normalcy.live.store.leases import database_now, is_alive
from normalcy.live.store.models import EventRow, LeaseRow, MessageRow, NodeRow, VerdictRow
from normalcy.live.store.records import EventRecord, NodeRecord
from normalcy.live.store.upserts import insert_into

_FIELDS = frozenset(each.name for each in fields(NodeRecord)) - {"silent_seconds"}


def keep_short(session: Session, seconds: float) -> None:
    """Neither an answer nor a lock is waited for longer, in this transaction."""
    milliseconds = round(1000 * seconds)
    session.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
    session.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))


def register(
    session: Session, *, name: str, token: str, folder: str, capacity: int | None, lease_seconds: float
) -> bool:
    """Begins a life of a node; what its life before had is free at once.

    Args:
        session: In whose transaction.
        name: Of the node.
        token: Of this life.
        folder: Of its data folder: who holds that knows that no other life goes on.
        capacity: Cameras at most.
        lease_seconds: A node of that name with another folder must have been silent for so long.

    Returns:
        False where another node of that name is alive.
    """
    before = session.scalar(select(NodeRow.token).where(NodeRow.name == name).with_for_update())
    now = database_now()
    life = {"token": token, "folder": folder, "capacity": capacity, "started_at": now, "heard_at": now}
    life |= {"state": "running", "ready": False, "address": "", "version": ""}
    is_gone = or_(
        NodeRow.folder == folder, NodeRow.state != "running", NodeRow.heard_at <= now - lease_seconds
    )
    query = insert_into(session, NodeRow).values(name=name, status={}, **life)
    added = query.on_conflict_do_update(index_elements=["name"], set_={**life, "status": {}}, where=is_gone)
    if session.scalar(added.returning(NodeRow.name)) is None:
        return False
    if before is not None:
        forget_life(session, before)
    return True


def forget_life(session: Session, token: str) -> None:
    """Gives back what a life of a node had: cameras, and messages that it was about to send."""
    session.execute(update(LeaseRow).where(LeaseRow.token == token).values(node="", token=None))
    session.execute(update(MessageRow).where(MessageRow.claimed_by == token).values(claimed_by=None))


def beat(
    session: Session, *, token: str, ready: bool, address: str, version: str, status: Mapping[str, Any]
) -> bool:
    """A sign of life; False where another life of the node has begun, or the node was taken out."""
    values = {"heard_at": database_now(), "ready": ready, "address": address[:200], "version": version[:40]}
    query = update(NodeRow).where(NodeRow.token == token, NodeRow.state == "running")
    return session.scalar(query.values(**values, status=dict(status)).returning(NodeRow.name)) is not None


def stop(session: Session, token: str) -> None:
    """A node ends by itself: everything it had is free."""
    forget_life(session, token)
    session.execute(update(NodeRow).where(NodeRow.token == token).values(state="stopped", ready=False))


def silence_of(session: Session, token: str) -> float | None:
    """Seconds since a life of a node was heard; None where it is forgotten, or another one has begun."""
    return session.scalar(select(database_now() - NodeRow.heard_at).where(NodeRow.token == token))


def read_nodes(session: Session, *, with_status: bool = False) -> list[NodeRecord]:
    """All that there are, by name; what they say of themselves, by far the most of it, only where asked for."""
    names = _FIELDS if with_status else _FIELDS - {"status"}
    wanted = [column for column in NodeRow.__table__.columns if column.name in names]
    silent_seconds = (database_now() - NodeRow.heard_at).label("silent_seconds")
    rows = session.execute(select(*wanted, silent_seconds).order_by(NodeRow.name)).mappings()
    return [NodeRecord(**{**row, "silent_seconds": max(0.0, row["silent_seconds"])}) for row in rows]


def forget_gone(session: Session, *, silent_seconds: float) -> list[str]:
    """Takes nodes out that were not heard for so long; returns their names."""
    gone = delete(NodeRow).where(NodeRow.heard_at < database_now() - silent_seconds)
    return list(session.scalars(gone.returning(NodeRow.name)))


def nodes_elsewhere(node: str) -> Select[str]:
    """Names of the nodes that are known to have another data folder than this one.

    One that is called otherwise by now is none of them: its pictures lie where they lay.
    """
    own = select(NodeRow.folder).where(NodeRow.name == node).scalar_subquery()
    return select(NodeRow.name).where(NodeRow.folder != own)


def close_unwatched(session: Session, *, lease_seconds: float, quiet_seconds: float) -> list[EventRecord]:
    """Closes events of cameras that no living node watches, such as those that are in no configuration any more.

    Returns them, closed: whoever was told that they began is told that they are over, in the same transaction.

    Args:
        session: In whose transaction.
        lease_seconds: A node that was not heard for so long watches nothing.
        quiet_seconds: They may have had their last frame so short a time ago, and go on: another node may come.
    """
    watched = exists().where(
        LeaseRow.camera == EventRow.camera, is_alive(LeaseRow.token, lease_seconds=lease_seconds)
    )
    return close_forgotten(session, watched=watched, ended_before=database_now() - quiet_seconds)


def newest_verdict(session: Session) -> int:
    """Number of the verdict that was given last; 0 before there is one."""
    return session.scalar(select(func.max(VerdictRow.id))) or 0


def judged_since(session: Session, verdict: int) -> set[str]:
    """Cameras of whose events people said something since a verdict."""
    query = select(EventRow.camera).join(VerdictRow, VerdictRow.event_id == EventRow.id)
    return set(session.scalars(query.where(VerdictRow.id > verdict).distinct()))
