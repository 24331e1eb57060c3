"""Writes to the store from a thread of its own, so that a slow or locked database never holds up scoring.

Jobs are written in order, several in one transaction; one that the store refuses is tried again until it is taken. So
what is on its way is bounded: score timelines give way first, and are counted; events do not.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from normalcy.live.bells import Bell, ring
from normalcy.live.store.refusals import StoreError
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

Job = Callable[[Session], None]

_MOST_JOBS = 10_000
_ROOM_FOR_EVENTS = 2_000
_MOST_AT_ONCE = 50
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 2.0


class Recorder:
    """The thread that writes.

    Args:
        store: Where to.
        bell: Rung after each commit: there may be messages to send.
    """

    def __init__(self, store: Store, *, bell: Bell) -> None:
        self._store, self._bell = store, bell
        self._jobs: queue.Queue[Job | None] = queue.Queue(_MOST_JOBS)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._is_abandoned = threading.Event()
        self.lost_timelines = self.lost_jobs = 0
        self.refusals = 0

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def record(self, job: Job) -> None:
        """Writes an event; waits where ten thousand jobs do."""
        self._jobs.put(job)

    def record_timeline(self, job: Job) -> None:
        """Writes a part of a score timeline, or counts it as lost where too much waits."""
        if self._jobs.qsize() >= _MOST_JOBS - _ROOM_FOR_EVENTS:
            self.lost_timelines += 1
        else:
            self._jobs.put(job)

    def stop(self, timeout_seconds: float) -> bool:
        """Writes what waits and ends; False where the store did not take it in time."""
        self._jobs.put(None)
        self._thread.join(timeout_seconds)
        self._is_abandoned.set()
        return not self._thread.is_alive()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._next_batch()
            if batch:
                self._write(batch)

    def _next_batch(self) -> tuple[list[Job], bool]:
        batch: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) >= _MOST_AT_ONCE or self._jobs.empty():
                return batch, False
            job = self._jobs.get()
        return batch, True

    def _write(self, batch: Sequence[Job]) -> None:
        """Writes jobs together; one that can never be written costs only itself."""
        try:
            self._insist(batch)
        except Exception as error:
            if len(batch) > 1:
                for job in batch:
                    self._write([job])
                return
            self.lost_jobs += 1
            logger.exception("a job of the recorder can never be written: %s", error)
        else:
            ring(self._bell)

    def _insist(self, batch: Sequence[Job]) -> None:
        """Writes jobs in one transaction, again and again while the store is locked, full or gone."""
        wait_seconds = _FIRST_WAIT_SECONDS
        while not self._is_abandoned.is_set():
            try:
                with self._store.transaction() as session:
                    for job in batch:
                        job(session)
            except StoreError as error:
                if not error.transient:
                    raise
                self.refusals += 1
                logger.warning("the store refused, trying again: %s", error)
                self._is_abandoned.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
            else:
                return
