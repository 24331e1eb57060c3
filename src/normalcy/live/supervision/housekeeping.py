"""Deletes what is old, from a thread of its own."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.errors import NormalcyError
from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.claim import chores_of
from normalcy.live.store.nodes import close_unwatched, forget_gone
from normalcy.live.store.outbox import enqueue
from normalcy.live.store.records import EventRecord, NewMessage
from normalcy.live.store.retention import RetentionReport, adopt_media, apply_retention, delete_moved
from normalcy.live.store.store import Store
from normalcy.live.supervision.notes import Notes

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 300.0
_STOP_SECONDS = 10.0
_JUMP_SECONDS = 3600.0
_GONE_SECONDS = 7 * 86_400.0
"""A node that was not heard for so long is none any more."""
_FIRST_TRUST_SECONDS = 900.0
_LATER_TRUST_SECONDS = 86_400.0
_LONGEST_LEASE_SECONDS, _QUIET_SECONDS = 600.0, 3600.0
"""An event that nobody can go on with, at a camera of which no node was heard for so long, ends after an hour."""
_SETTLED_SECONDS, _DAY_SECONDS = 3600.0, 86_400.0
"""Pictures of an event that ended so short a time ago may still be written; times of others' clocks differ less than
a day."""
_FORGOTTEN = (
    "Clips of false alarms were deleted to make room: what a memory learned from them may alarm again. "
    "Give store.retention more gigabytes"
)


class ClockTrust:
    """Whether the wall clock may decide what is old.

    A clock that is weeks ahead for a while, before a time server or a person sets it right, would make everything old.
    It is trusted once it went as fast as the monotonic clock, which nobody sets, for a quarter of an hour since the
    start, and for a day since it jumped by more than an hour.
    """

    def __init__(self, now: float, wall: float) -> None:
        self._offset, self._trusted_at = wall - now, now + _FIRST_TRUST_SECONDS

    def look(self, now: float, wall: float) -> bool:
        """Takes note of both clocks, the monotonic one first; whether the other is trusted."""
        if abs(wall - now - self._offset) > _JUMP_SECONDS:
            logger.warning("the clock jumped: for a day nothing counts as old")
            self._offset, self._trusted_at = wall - now, now + _LATER_TRUST_SECONDS
        return now >= self._trusted_at


class Housekeeping:
    """Applies the retention every few minutes, never twice at once.

    Args:
        store: Of the events.
        media: Folder of their pictures and clips.
        notes: Where a person is told of room that cannot be made.
        node: Name of this node, where there are several.
        told: What is to be told of an event that is closed because no node can go on with it.
    """

    def __init__(
        self,
        store: Store,
        media: Path,
        *,
        notes: Notes,
        node: str = "",
        told: Callable[[EventRecord], Sequence[NewMessage]] = lambda _: (),
    ) -> None:
        self._store, self._media, self._notes, self._node, self._told = store, media, notes, node, told
        self._moved_since = -math.inf
        self._has_adopted = not node
        self._begun, self._thread = -math.inf, threading.Thread()
        self._has_forgotten = False
        self._clock = ClockTrust(time.monotonic(), time.time())

    def tick(self, now: float, retention: RetentionConfig) -> None:
        """Begins where it is time; monotonic clock."""
        is_trusted = self._clock.look(now, wall := time.time())
        if now - self._begun < _EVERY_SECONDS or self._thread.is_alive():
            return
        self._begun = now
        words = (retention, wall if is_trusted else None)
        self._thread = threading.Thread(target=self._clean, args=words, name="retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for the end of what is under way."""
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _clean(self, retention: RetentionConfig, now: float | None) -> None:
        try:
            with chores_of(self._store) if self._node else nullcontext(True) as does_chores:
                report = self._applied(retention, now, does_chores=does_chores)
        except (NormalcyError, OSError) as error:
            logger.warning("nothing old could be deleted: %s", error)
            return
        if report.freed_bytes or report.stuck:
            logger.info("deleted: %s", report)
        self._notes.put("disk", _lack(report, retention))
        self._has_forgotten |= report.forgotten > 0
        self._notes.put("memory", _FORGOTTEN if self._has_forgotten else "")

    def _applied(
        self, retention: RetentionConfig, now: float | None, *, does_chores: bool
    ) -> RetentionReport:
        if not self._has_adopted:
            adopt_media(self._store, self._media, self._node)
            self._has_adopted = True
        if does_chores and self._node:
            with self._store.transaction() as session:
                forget_gone(session, silent_seconds=_GONE_SECONDS)
                self._close_unwatched(session)
        if self._node:
            self._delete_moved()
        return apply_retention(
            self._store,
            self._media,
            retention,
            now=now,
            free_bytes=lambda: shutil.disk_usage(self._media).free,
            node=self._node,
            does_chores=does_chores,
        )

    def _close_unwatched(self, session: Session) -> None:
        closed = close_unwatched(session, lease_seconds=_LONGEST_LEASE_SECONDS, quiet_seconds=_QUIET_SECONDS)
        for message in chain.from_iterable(map(self._told, closed)):
            enqueue(session, message, at=time.time())

    def _delete_moved(self) -> None:
        began = time.time()
        count = delete_moved(
            self._store,
            self._media,
            self._node,
            since=self._moved_since,
            until=began - _SETTLED_SECONDS,
        )
        self._moved_since = began - _SETTLED_SECONDS - _DAY_SECONDS
        if count:
            logger.info("deleted pictures of %d events that other nodes have pictures of by now", count)


def _lack(report: RetentionReport, retention: RetentionConfig) -> str:
    """What the disk lacks, in words that stay the same until there is room again; nothing where it lacks nothing."""
    if report.missing_bytes == 0:
        return ""
    return (
        f"less than {retention.free_gigabytes:g} GB are free, and to delete pictures of events would not make that "
        "room: something else fills the disk"
    )
