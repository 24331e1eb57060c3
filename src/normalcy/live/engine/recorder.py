"""Writes to the store from a thread of its own, so that a slow or locked database never holds up scoring.

Jobs are written in order, several in one transaction; one that the store refuses is tried again until it is taken,
unless the job itself is at fault, or the store is damaged: then it is lost, and others may still be taken. So what is
on its way is bounded. Score timelines, and what grown events are by now, give way first: another part comes, or the
event's end says it. For another change of an event the engine waits a while before it is lost; for those after it no
more until there is room again, so that scoring goes on. All are counted.

Among several nodes a job comes with the lease that it was seen under: where another node has taken the camera since,
the transaction that would write it sees so, and it is not written.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.orm import Session

from normalcy.live.bells import Bell, ring
from normalcy.live.store.leases import holds
from normalcy.live.store.records import Lease
from normalcy.live.store.refusals import StoreError
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

Job = Callable[[Session], None]
Then = Callable[[], None]


@dataclass(frozen=True)
class _Entry:
    """A job, and what is to be done once it is committed."""

    job: Job
    then: Then | None = None


_MOST_JOBS = 10_000
_ROOM_FOR_EVENTS = 2_000
_MOST_AT_ONCE = 50
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 2.0


class Recorder:
    """The thread that writes.

    Args:
        store: Where to.
        bell: Rung after each commit: there may be messages to send.

    Attributes:
        gave_way: Jobs that were left out because too much waited.
        lost: Jobs that could never be written.
        refusals: How often the store refused for a while.
        fenced: Jobs that were not written because another node has their camera by now.
        refused_since: Wall clock, since when it refuses now; None where it takes what comes.
    """

    def __init__(self, store: Store, *, bell: Bell) -> None:
        self._store, self._bell = store, bell
        self._jobs: queue.Queue[_Entry] = queue.Queue(_MOST_JOBS)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._stopping, self._is_abandoned = threading.Event(), threading.Event()
        self.gave_way = self.lost = self.refusals = self.fenced = 0
        self.refused_since: float | None = None
        self._patience_seconds = _PATIENCE_SECONDS

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def record(self, job: Job, lease: Lease | None = None, *, then: Then | None = None) -> None:
        """Writes what must not be lost; where ten thousand jobs wait, it waits for half a minute itself, once.

        Args:
            job: That writes.
            lease: Of the camera that it is of: it is written only where that still holds. Without, it is in any case.
            then: Called by the recorder's thread after the commit; not where the job is lost.
        """
        try:
            self._jobs.put(_Entry(self._fenced(job, lease), then), timeout=self._patience_seconds)
        except queue.Full:
            self._patience_seconds = 0.0
            self._lose("nothing was written for too long")
        else:
            self._patience_seconds = _PATIENCE_SECONDS

    def record_if_room(self, job: Job, lease: Lease | None = None) -> None:
        """Writes what is worth less than an event, or counts it where too much waits."""
        if self.has_room:
            self._jobs.put(_Entry(self._fenced(job, lease)))
        else:
            self.gave_way += 1

    @property
    def has_room(self) -> bool:
        """Whether something is taken that is worth less than an event."""
        return self._jobs.qsize() < _MOST_JOBS - _ROOM_FOR_EVENTS

    def stop(self, timeout_seconds: float) -> bool:
        """Writes what waits and ends; False where the store did not take it in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        is_written = not self._thread.is_alive()
        if not is_written:
            self._abandon()
        return is_written

    def _fenced(self, job: Job, lease: Lease | None) -> Job:
        if lease is None:
            return job

        def fenced(session: Session) -> None:
            if holds(session, lease):
                job(session)
            else:
                self.fenced += 1
                logger.warning("camera %s: another node has it, what was seen is not stored", lease.camera)

        return fenced

    def _abandon(self) -> None:
        """Counts what waits and what is in hand; of that the store may take the last transaction still."""
        left = self._jobs.unfinished_tasks
        self._is_abandoned.set()
        self.lost += left
        logger.error("the store did not take the last %d changes in time: they are lost", left)

    def _run(self) -> None:
        while not (self._is_abandoned.is_set() or (self._stopping.is_set() and self._jobs.empty())):
            if batch := self._next_batch():
                self._write(batch)
                for _ in batch:
                    self._jobs.task_done()

    def _next_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        with suppress(queue.Empty):
            batch.append(self._jobs.get(timeout=_LOOK_SECONDS))
            while len(batch) < _MOST_AT_ONCE:
                batch.append(self._jobs.get_nowait())
        return batch

    def _write(self, batch: Sequence[_Entry]) -> None:
        """Writes jobs together; one that can never be written costs only itself."""
        try:
            is_committed = self._insist([entry.job for entry in batch])
        except Exception as error:
            if len(batch) > 1:
                for entry in batch:
                    self._write([entry])
                return
            self._lose(f"{type(error).__name__}: {error}")
            return
        if is_committed:
            for entry in batch:
                if entry.then is not None:
                    entry.then()
        ring(self._bell)

    def _lose(self, why: str) -> None:
        self.lost += 1
        logger.error("the store did not take a change: %s", why)

    def _insist(self, batch: Sequence[Job]) -> bool:
        """Writes jobs in one transaction, again and again while the store is locked, full, read-only or gone.

        Returns:
            False where they were given up before the store took them.
        """
        wait_seconds = _FIRST_WAIT_SECONDS
        while not self._is_abandoned.is_set():
            try:
                with self._store.transaction() as session:
                    for job in batch:
                        job(session)
            except StoreError as error:
                if not error.may_pass:
                    raise
                if not error.transient:
                    self._store.close()  # what was opened while it was read-only would stay so
                self.refusals += 1
                self.refused_since = self.refused_since or time.time()
                logger.warning("the store refused, trying again: %s", error)
                self._is_abandoned.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
            else:
                self.refused_since = None
                return True
        return False
