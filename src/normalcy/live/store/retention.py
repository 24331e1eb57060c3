"""What is deleted, and when: events by their age, media also by the room that they take or that the disk lacks.

The oldest go first, events that people reviewed last, and of those false alarms, from whose clips a memory learns for
as long as they are there; open ones never. For room only pictures and clips go: what happened, and what people said of
it, is small and stays until it is old. Media are deleted before the row says so: after a crash in between the row still
names them, and is mended the next time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, case, delete, func, or_, select, true, update
from sqlalchemy.orm import Session

from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.media import delete_folder, event_folder
from normalcy.live.store.models import (
    CameraStateRow,
    EventRow,
    MessageRow,
    NodeRow,
    ScoreRow,
    SessionRow,
    ViewRow,
)
from normalcy.live.store.nodes import nodes_elsewhere
from normalcy.live.store.outbox import open_outages
from normalcy.live.store.store import Store

_DAY_SECONDS = 86_400.0
_MINUTE_SECONDS = 60
_GIGABYTE = 10**9
_MOST_ADOPTED = 1000
_MOST_AT_ONCE = 20
"""Events that are deleted in one transaction: others wait for it."""


@dataclass(frozen=True)
class RetentionReport:
    """What was deleted.

    Attributes:
        expired: Events that were too old.
        over_limit, for_space: Events that lost their media, by cause: `media_gigabytes`, `free_gigabytes`.
        freed_bytes: What all these media took.
        missing_bytes: Room that the disk lacks still.
        stuck: Ids of events whose media cannot be deleted; they stay.
        forgotten: False alarms that lost their media for room: no memory learns from them any more.
        score_minutes, camera_states, messages, logins, views: Rows that were too old.
    """

    expired: int
    over_limit: int
    for_space: int
    freed_bytes: int
    missing_bytes: int
    stuck: tuple[str, ...]
    forgotten: int = 0
    score_minutes: int = 0
    camera_states: int = 0
    messages: int = 0
    logins: int = 0
    views: int = 0


def apply_retention(
    store: Store,
    media: Path,
    config: RetentionConfig,
    *,
    now: float | None,
    free_bytes: Callable[[], int],
    node: str = "",
    does_chores: bool = True,
) -> RetentionReport:
    """Deletes what need not be kept any longer.

    Args:
        store: The event store.
        media: Folder of the media.
        config: How long, and how much.
        now: Seconds since 1970; None where the clock cannot be trusted: nothing is too old then.
        free_bytes: Tells what is free on the disk of the media.
        node: Name of this node, where there are several: each deletes what its own folder holds.
        does_chores: Whether it also deletes what is nobody's: one node at a time does.

    Raises:
        StoreError: The store refused; what was deleted until then is gone in whole.
    """
    own = EventRow.node == node if node else true()
    sweep = _Sweep(store, media, own)
    mine = or_(own, EventRow.node.not_in(select(NodeRow.name))) if does_chores else own
    expired = 0 if now is None else sweep.delete_events(and_(mine, _is_expired(config, now)))
    expired_alarms = sweep.false_alarms
    over_limit = sweep.delete_media(_media_bytes(store, own) - round(config.media_gigabytes * _GIGABYTE))
    # Measured once: what is deleted may be free only later, and another program may fill the disk meanwhile.
    space_bytes = round(config.free_gigabytes * _GIGABYTE) - free_bytes()
    freed_before, for_space = sweep.freed_bytes, 0
    # Where all of them would not be enough, somebody else fills the disk, and would fill that room too.
    if space_bytes <= _media_bytes(store, own, _MAY_GO):
        for_space = sweep.delete_media(space_bytes)
    return RetentionReport(
        expired=expired,
        over_limit=over_limit,
        for_space=for_space,
        freed_bytes=sweep.freed_bytes,
        missing_bytes=max(0, space_bytes - (sweep.freed_bytes - freed_before)),
        stuck=tuple(sorted(sweep.stuck)),
        forgotten=sweep.false_alarms - expired_alarms,
        **(_delete_old_rows(store, config, now) if does_chores and now is not None else {}),
    )


def adopt_media(store: Store, media: Path, node: str) -> int:
    """Takes on what this node's folder holds from when it was the only engine; returns of how many events."""
    unowned = select(EventRow.id, EventRow.media).where(EventRow.node == "", EventRow.media != "")
    with store.reading() as session:
        rows = session.execute(unowned).all()
    here = [row.id for row in rows if (folder := event_folder(media, row.media)) and folder.is_dir()]
    with store.transaction() as session:
        for first in range(0, len(here), _MOST_ADOPTED):
            some = EventRow.id.in_(here[first : first + _MOST_ADOPTED])
            session.execute(update(EventRow).where(some).values(node=node))
    return len(here)


def delete_moved(store: Store, media: Path, node: str, *, since: float, until: float) -> int:
    """Deletes what this node's folder holds of events whose pictures another node has: it went on with them.

    Args:
        store: The event store.
        media: Folder of the media.
        node: Name of this node.
        since: Events that ended before, in seconds since 1970, were looked at.
        until: Pictures of those that ended later may still be written.

    Returns:
        Of how many events; a folder that cannot be deleted is tried again the next time.
    """
    elsewhere = (EventRow.node.in_(nodes_elsewhere(node)), EventRow.media != "", _IS_CLOSED)
    query = select(EventRow.media).where(*elsewhere, EventRow.ended_at < until)
    with store.reading() as session:
        names = session.scalars(query if math.isinf(since) else query.where(EventRow.ended_at >= since)).all()
    here = [name for name in names if (folder := event_folder(media, name)) and folder.is_dir()]
    return sum(_is_deleted(media, name) for name in here)


def _is_deleted(media: Path, name: str) -> bool:
    try:
        delete_folder(media, name)
    except OSError:
        return False
    return True


_IS_CLOSED = EventRow.state == "closed"
_MAY_GO = and_(_IS_CLOSED, EventRow.media_bytes > 0)
_IS_REVIEWED = EventRow.verdict.is_not(None)


def _is_expired(config: RetentionConfig, now: float) -> ColumnElement[bool]:
    return or_(
        and_(_IS_REVIEWED, EventRow.ended_at < now - config.reviewed_days * _DAY_SECONDS),
        and_(~_IS_REVIEWED, EventRow.ended_at < now - config.days * _DAY_SECONDS),
    )


@dataclass
class _Sweep:
    """Deletes the least wanted first, a few at a time, and counts."""

    store: Store
    media: Path
    own: ColumnElement[bool]
    freed_bytes: int = 0
    false_alarms: int = 0
    stuck: set[str] = field(default_factory=set)

    def delete_events(self, condition: ColumnElement[bool]) -> int:
        """Deletes closed events with their media; returns how many."""
        count = 0
        while (batch := self._swept(and_(condition, _IS_CLOSED), _delete_rows)) is not None:
            count += len(batch)
        return count

    def delete_media(self, bytes_to_free: int) -> int:
        """Deletes media until enough is freed; returns of how many events."""
        count, enough_bytes = 0, self.freed_bytes + bytes_to_free
        while self.freed_bytes < enough_bytes:
            batch = self._swept(
                and_(self.own, _MAY_GO), _forget_media, most_bytes=enough_bytes - self.freed_bytes
            )
            if batch is None:
                break
            count += len(batch)
        return count

    def _swept(
        self,
        condition: ColumnElement[bool],
        settle: Callable[[Session, list[str]], None],
        *,
        most_bytes: float = math.inf,
    ) -> list[str] | None:
        """Deletes the media of the next few, no more than needed, and settles their rows; None where none is left."""
        with self.store.transaction() as session:
            batch = self._next_batch(session, condition, most_bytes)
            deleted = [event for event in batch if self._delete_media(event)]
            ids, taken_bytes = [event.id for event in deleted], sum(event.media_bytes for event in deleted)
            settle(session, ids)
            false_alarms = sum(event.verdict == "false_alarm" for event in deleted)
        self.freed_bytes += taken_bytes
        self.false_alarms += false_alarms
        return ids if batch else None

    def _next_batch(
        self, session: Session, condition: ColumnElement[bool], most_bytes: float
    ) -> list[EventRow]:
        worth = case((EventRow.verdict == "false_alarm", 2), (_IS_REVIEWED, 1), else_=0)
        query = (
            select(EventRow)
            .where(condition, EventRow.id.not_in(self.stuck))
            .order_by(worth, EventRow.started_at)
            .limit(_MOST_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        batch: list[EventRow] = []
        for event in session.scalars(query):
            if most_bytes <= 0:
                break
            batch.append(event)
            most_bytes -= event.media_bytes
        return batch

    def _delete_media(self, event: EventRow) -> bool:
        is_deleted = _is_deleted(self.media, event.media)
        if not is_deleted:
            self.stuck.add(event.id)
        return is_deleted


def _delete_rows(session: Session, ids: list[str]) -> None:
    session.execute(delete(EventRow).where(EventRow.id.in_(ids)))


def _forget_media(session: Session, ids: list[str]) -> None:
    session.execute(update(EventRow).where(EventRow.id.in_(ids)).values(media="", media_bytes=0))


def _media_bytes(store: Store, *conditions: ColumnElement[bool]) -> int:
    with store.reading() as session:
        return int(session.scalar(select(func.sum(EventRow.media_bytes)).where(*conditions)) or 0)


def _delete_old_rows(store: Store, config: RetentionConfig, now: float) -> dict[str, int]:
    """Deletes rows that nothing hangs on."""
    oldest = now - config.days * _DAY_SECONDS
    oldest_minute = (now - config.scores_days * _DAY_SECONDS) // _MINUTE_SECONDS
    is_done = and_(MessageRow.created_at < oldest, MessageRow.state != "waiting", ~_is_built_on(store))
    return {
        "score_minutes": _delete(store, ScoreRow, ScoreRow.minute < oldest_minute),
        "camera_states": _delete(store, CameraStateRow, CameraStateRow.at < oldest),
        "messages": _delete(store, MessageRow, is_done),
        "logins": _delete(store, SessionRow, SessionRow.seen_at < oldest),
        "views": _delete(store, ViewRow, ViewRow.seen_at < oldest),
    }


def _is_built_on(store: Store) -> ColumnElement[bool]:
    """Whether a message tells of what goes on still: its end is sent only to whom the beginning was told."""
    with store.reading() as session:
        cameras = open_outages(session).keys()
    is_gone = and_(MessageRow.kind == "camera.offline", MessageRow.camera.in_(cameras))
    return or_(is_gone, MessageRow.incident.in_(select(EventRow.id).where(EventRow.state == "open")))


def _delete(store: Store, table: type[Any], condition: ColumnElement[bool]) -> int:
    with store.transaction() as session:
        return cast("CursorResult[Any]", session.execute(delete(table).where(condition))).rowcount
