"""Deletes what is old, from a thread of its own."""

import logging
import math
import shutil
import threading
import time
from pathlib import Path

from normalcy.errors import NormalcyError
from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.retention import apply_retention
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 300.0
_STOP_SECONDS = 10.0


class Housekeeping:
    """Applies the retention every few minutes, never twice at once.

    Args:
        store: Of the events.
        media: Folder of their pictures and clips.
    """

    def __init__(self, store: Store, media: Path) -> None:
        self._store, self._media = store, media
        self._begun, self._thread = -math.inf, threading.Thread()

    def tick(self, now: float, retention: RetentionConfig) -> None:
        """Begins where it is time; monotonic clock."""
        if now - self._begun < _EVERY_SECONDS or self._thread.is_alive():
            return
        self._begun = now
        self._thread = threading.Thread(target=self._clean, args=(retention,), name="retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for the end of what is under way."""
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _clean(self, retention: RetentionConfig) -> None:
        try:
            report = apply_retention(
                self._store,
                self._media,
                retention,
                now=time.time(),
                free_bytes=lambda: shutil.disk_usage(self._media).free,
            )
        except (NormalcyError, OSError) as error:
            logger.warning("nothing old could be deleted: %s", error)
            return
        if report.freed_bytes or report.stuck:
            logger.info("deleted: %s", report)
