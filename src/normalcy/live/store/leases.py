"""Who watches which camera: leases that hold for as long as their node is heard.

    free --taken--> held --given back--> free
                    held --its node falls silent, another takes it--> held, by another

Each time a lease is taken its epoch grows. Whoever writes what it saw on a camera locks the lease's row in the same
transaction and looks whether it is still its own (`holds`): so nothing is written after another node took the camera,
however long the writer stood still before. All times are of the database's clock.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Double, cast, exists, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from normalcy.live.store.models import LeaseRow, NodeRow
from normalcy.live.store.records import Lease
from normalcy.live.store.upserts import insert_into


@dataclass(frozen=True)
class Held:
    """Who has a camera: name and token of the node; neither where nobody has. `is_heard`: it is alive."""

    node: str
    token: str | None
    epoch: int
    is_heard: bool


def database_now() -> ColumnElement[float]:
    """Seconds since 1970 by the clock of a PostgreSQL server, which goes on within a transaction."""
    return cast(func.extract("epoch", func.clock_timestamp()), Double)


def is_alive(
    token: InstrumentedAttribute[str | None] | InstrumentedAttribute[str] | str, *, lease_seconds: float
) -> ColumnElement[bool]:
    """Whether the node of a token runs and was heard not long ago."""
    return exists().where(
        NodeRow.token == token,
        NodeRow.state == "running",
        NodeRow.heard_at > database_now() - lease_seconds,
    )


def add_cameras(session: Session, cameras: Iterable[str]) -> None:
    """Makes the rows of cameras that nobody watched so far."""
    for camera in sorted(cameras):
        query = insert_into(session, LeaseRow).values(camera=camera, node="", epoch=0)
        session.execute(query.on_conflict_do_nothing(index_elements=["camera"]))


def read_leases(session: Session, *, lease_seconds: float) -> dict[str, Held]:
    """Of all cameras that there ever were, by name."""
    query = select(LeaseRow, is_alive(LeaseRow.token, lease_seconds=lease_seconds))
    return {row.camera: Held(row.node, row.token, row.epoch, heard) for row, heard in session.execute(query)}


def take(
    session: Session,
    cameras: Collection[str],
    *,
    node: str,
    token: str,
    most: int,
    lease_seconds: float,
    of_the_silent: bool,
) -> list[Lease]:
    """Takes cameras that are nobody's, and those of nodes that are silent; never one that somebody else is taking.

    Args:
        session: In whose transaction; a node that waits for its end sees who has them then.
        cameras: That may be taken.
        node: Who takes them.
        token: Of this life of it.
        most: No more than so many.
        lease_seconds: A node that was not heard for so long is silent.
        of_the_silent: Whether those of silent nodes may be taken as well.
    """
    is_free = LeaseRow.token.is_(None)
    is_silent = ~is_alive(LeaseRow.token, lease_seconds=lease_seconds)
    query = (
        select(LeaseRow.camera)
        .where(LeaseRow.camera.in_(cameras), or_(is_free, is_silent) if of_the_silent else is_free)
        .order_by(LeaseRow.camera)
        .limit(max(0, most))
        .with_for_update(skip_locked=True)
    )
    found = list(session.scalars(query))
    values = {"node": node, "token": token, "epoch": LeaseRow.epoch + 1, "taken_at": database_now()}
    taken = update(LeaseRow).where(LeaseRow.camera.in_(found)).values(**values)
    rows = session.execute(taken.returning(LeaseRow.camera, LeaseRow.epoch)).all() if found else []
    return [Lease(camera, token, epoch) for camera, epoch in rows]


def give_back(session: Session, leases: Iterable[Lease]) -> None:
    """Lets others have cameras; of those that somebody else has by now nothing is changed."""
    for lease in leases:
        mine = (LeaseRow.camera == lease.camera, LeaseRow.token == lease.token, LeaseRow.epoch == lease.epoch)
        session.execute(update(LeaseRow).where(*mine).values(node="", token=None))


def give_back_all(session: Session, token: str) -> None:
    """The same with all that a node has."""
    session.execute(update(LeaseRow).where(LeaseRow.token == token).values(node="", token=None))


def holds(session: Session, lease: Lease) -> bool:
    """Whether a lease is still its owner's, which it stays until this transaction ends: nobody takes it meanwhile."""
    mine = (LeaseRow.camera == lease.camera, LeaseRow.token == lease.token, LeaseRow.epoch == lease.epoch)
    query = select(LeaseRow.camera).where(*mine).with_for_update(read=True)
    return session.scalar(query) is not None


def own_leases(held: Mapping[str, Held], token: str) -> dict[str, Lease]:
    """Those of a node."""
    return {name: Lease(name, token, each.epoch) for name, each in held.items() if each.token == token}
