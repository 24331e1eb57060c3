"""Deletes what is old, from a thread of its own."""

import logging
import math
import shutil
import threading
import time
from pathlib import Path

from normalcy.errors import NormalcyError
from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.retention import RetentionReport, apply_retention
from normalcy.live.store.store import Store
from normalcy.live.supervision.notes import Notes

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 300.0
_STOP_SECONDS = 10.0
_JUMP_SECONDS = 3600.0
_FIRST_TRUST_SECONDS = 900.0
_LATER_TRUST_SECONDS = 86_400.0
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
    """

    def __init__(self, store: Store, media: Path, *, notes: Notes) -> None:
        self._store, self._media, self._notes = store, media, notes
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
            report = apply_retention(
                self._store,
                self._media,
                retention,
                now=now,
                free_bytes=lambda: shutil.disk_usage(self._media).free,
            )
        except (NormalcyError, OSError) as error:
            logger.warning("nothing old could be deleted: %s", error)
            return
        if report.freed_bytes or report.stuck:
            logger.info("deleted: %s", report)
        self._notes.put("disk", _lack(report, retention))
        self._has_forgotten |= report.forgotten > 0
        self._notes.put("memory", _FORGOTTEN if self._has_forgotten else "")


def _lack(report: RetentionReport, retention: RetentionConfig) -> str:
    """What the disk lacks, in words that stay the same until there is room again; nothing where it lacks nothing."""
    if report.missing_bytes == 0:
        return ""
    return (
        f"less than {retention.free_gigabytes:g} GB are free, and to delete pictures of events would not make that "
        "room: something else fills the disk"
    )
