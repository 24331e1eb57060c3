"""What is deleted, and when: by age, by the room that media take, by the room that is left on the disk.

The oldest go first, events that people reviewed last, open ones never. An event goes together with its media, which are
deleted before its row is: after a crash in between the event is still old, and goes the next time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.media import delete_folder
from normalcy.live.store.models import CameraStateRow, EventRow, MessageRow, ScoreRow, SessionRow
from normalcy.live.store.store import Store

_DAY_SECONDS = 86_400.0
_MINUTE_SECONDS = 60
_GIGABYTE = 10**9
_MOST_AT_ONCE = 20
"""Events that are deleted in one transaction: others wait for it."""


@dataclass(frozen=True)
class RetentionReport:
    """What was deleted.

    Attributes:
        expired, over_limit, for_space: Events, by cause: their age, `media_gigabytes`, `free_gigabytes`.
        freed_bytes: What their media took.
        missing_bytes: Room that is missing still, where nothing was left to delete.
        stuck: Ids of events whose media cannot be deleted; they stay.
        score_minutes, camera_states, messages, logins: Rows that were too old.
    """

    expired: int
    over_limit: int
    for_space: int
    freed_bytes: int
    missing_bytes: int
    stuck: tuple[str, ...]
    score_minutes: int
    camera_states: int
    messages: int
    logins: int


def apply_retention(
    store: Store, media: Path, config: RetentionConfig, *, now: float, free_bytes: Callable[[], int]
) -> RetentionReport:
    """Deletes what need not be kept any longer.

    Args:
        store: The event store.
        media: Folder of the media.
        config: How long, and how much.
        now: Seconds since 1970.
        free_bytes: Tells what is free on the disk of the media.

    Raises:
        StoreError: The store refused; what was deleted until then is gone in whole.
    """
    sweep = _Sweep(store, media)
    expired = sweep.delete_events(_is_expired(config, now))
    over_bytes = _media_bytes(store) - round(config.media_gigabytes * _GIGABYTE)
    over_limit = sweep.delete_events(_HAS_MEDIA, bytes_to_free=over_bytes)
    # Measured once: what is deleted may be free only later, and another program may fill the disk meanwhile.
    space_bytes = round(config.free_gigabytes * _GIGABYTE) - free_bytes()
    freed_before = sweep.freed_bytes
    for_space = sweep.delete_events(_HAS_MEDIA, bytes_to_free=space_bytes)
    return RetentionReport(
        expired=expired,
        over_limit=over_limit,
        for_space=for_space,
        freed_bytes=sweep.freed_bytes,
        missing_bytes=max(0, space_bytes - (sweep.freed_bytes - freed_before)),
        stuck=tuple(sorted(sweep.stuck)),
        **_delete_old_rows(store, config, now),
    )


_HAS_MEDIA = EventRow.media_bytes > 0
_IS_REVIEWED = EventRow.verdict.is_not(None)


def _is_expired(config: RetentionConfig, now: float) -> ColumnElement[bool]:
    return or_(
        and_(_IS_REVIEWED, EventRow.ended_at < now - config.reviewed_days * _DAY_SECONDS),
        and_(~_IS_REVIEWED, EventRow.ended_at < now - config.days * _DAY_SECONDS),
    )


@dataclass
class _Sweep:
    """Deletes events, a few at a time, and counts."""

    store: Store
    media: Path
    freed_bytes: int = 0
    stuck: set[str] = field(default_factory=set)

    def delete_events(self, condition: ColumnElement[bool], *, bytes_to_free: float = float("inf")) -> int:
        """Deletes closed events, the least wanted first, until enough is freed; returns how many."""
        count, enough_bytes = 0, self.freed_bytes + bytes_to_free
        while self.freed_bytes < enough_bytes:
            with self.store.transaction() as session:
                batch = self._next_batch(session, condition, enough_bytes - self.freed_bytes)
                deleted = [event for event in batch if self._delete_media(event)]
                ids = [event.id for event in deleted]
                session.execute(delete(EventRow).where(EventRow.id.in_(ids)))
            if not batch:
                break
            count += len(deleted)
            self.freed_bytes += sum(event.media_bytes for event in deleted)
        return count

    def _next_batch(
        self, session: Session, condition: ColumnElement[bool], bytes_to_free: float
    ) -> list[EventRow]:
        is_reviewed = case((_IS_REVIEWED, 1), else_=0)
        query = (
            select(EventRow)
            .where(condition, EventRow.state == "closed", EventRow.id.not_in(self.stuck))
            .order_by(is_reviewed, EventRow.started_at)
            .limit(_MOST_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        batch: list[EventRow] = []
        for event in session.scalars(query):
            if bytes_to_free <= 0:
                break
            batch.append(event)
            bytes_to_free -= event.media_bytes
        return batch

    def _delete_media(self, event: EventRow) -> bool:
        try:
            delete_folder(self.media, event.media)
        except OSError:
            self.stuck.add(event.id)
            return False
        return True


def _media_bytes(store: Store) -> int:
    with store.reading() as session:
        return int(session.scalar(select(func.sum(EventRow.media_bytes))) or 0)


def _delete_old_rows(store: Store, config: RetentionConfig, now: float) -> dict[str, int]:
    """Deletes rows that nothing hangs on; the messages that still wait stay, whatever their age."""
    oldest = now - config.days * _DAY_SECONDS
    oldest_minute = (now - config.scores_days * _DAY_SECONDS) // _MINUTE_SECONDS
    is_done = and_(MessageRow.state != "waiting", MessageRow.created_at < oldest)
    return {
        "score_minutes": _delete(store, ScoreRow, ScoreRow.minute < oldest_minute),
        "camera_states": _delete(store, CameraStateRow, CameraStateRow.at < oldest),
        "messages": _delete(store, MessageRow, is_done),
        "logins": _delete(store, SessionRow, SessionRow.seen_at < oldest),
    }


def _delete(store: Store, table: type[Any], condition: ColumnElement[bool]) -> int:
    with store.transaction() as session:
        return cast("CursorResult[Any]", session.execute(delete(table).where(condition))).rowcount
