"""The engine of local processes: each opens the job once, and is replaced where it dies.

States of a worker:

    OPENING  --opened-->   IDLE     --item-->  WORKING  --answer-->  IDLE
             --died-->     replaced (three in a row end the run)
                           IDLE     --died-->  replaced
                                               WORKING  --died-->    replaced; three die of one item at most

Workers stay for the next run of the same job.
"""

import heapq
import multiprocessing
import pickle
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from normalcy.engines.answers import Answer, Refusal, answer, opened
from normalcy.engines.contract import Item, Job, Outcome, Result
from normalcy.engines.lifetime import deaf_to_ctrl_c, end_with_parent
from normalcy.errors import NormalcyError

MOST_TRIES = 3
_CONTEXT = multiprocessing.get_context("spawn")
_END_SECONDS = 5.0


class LocalEngine:
    """Processes of this machine.

    Args:
        workers: How many, at least 1.
    """

    name = "local"

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._crew = _Crew(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.end()

    def run(self, job: Job[Item, Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Works on all items; outcomes come as they are done, each once.

        Raises:
            NormalcyError: A worker could not open the job, or cannot write.
        """
        pickled = pickle.dumps(job)
        if pickled != self._crew.job:
            self._crew.end()
            self._crew = _Crew(pickled)
        run, is_done = _Run(self._crew, items, self.workers), False
        try:
            yield from run.outcomes()
            is_done = True
        finally:
            if not is_done:
                self._crew.end()


class _State(Enum):
    OPENING = auto()
    IDLE = auto()
    WORKING = auto()


class _Worker:
    """A process with its state; `place` is that of the item it works on."""

    def __init__(self, job: bytes) -> None:
        self.connection, theirs = _CONTEXT.Pipe()
        self.state, self.place = _State.OPENING, -1
        self.process = _CONTEXT.Process(target=_work, args=(job, theirs), daemon=True)
        with deaf_to_ctrl_c():
            self.process.start()
        theirs.close()

    def give(self, place: int, item: Any) -> None:
        """An item; where the process died meanwhile, that is found when its answer is awaited."""
        self.state, self.place = _State.WORKING, place
        with suppress(OSError):
            self.connection.send_bytes(pickle.dumps(item))

    def said(self) -> Answer | None:
        """What came from it; None where it died."""
        try:
            if self.connection.poll():
                found: Answer = pickle.loads(self.connection.recv_bytes())
                return found
        except (EOFError, OSError):
            pass
        return None

    def how_it_died(self) -> str:
        """In words, once it has."""
        self.process.join(_END_SECONDS)
        code = self.process.exitcode
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit status {code}"

    def end(self) -> None:
        """At once: what it holds is begun anew elsewhere, or wanted no more."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.process.close()


class _Crew:
    """The workers of one job."""

    def __init__(self, job: bytes) -> None:
        self.job = job
        self.workers: list[_Worker] = []
        self._early_deaths = 0

    def hire(self, count: int) -> None:
        """Until there are so many."""
        while len(self.workers) < count:
            self.workers.append(_Worker(self.job))

    def speaking(self) -> list[_Worker]:
        """Waits for workers that say something, or died."""
        ready = set(wait([handle for each in self.workers for handle in _handles(each)]))
        return [each for each in self.workers if not ready.isdisjoint(_handles(each))]

    def opened(self) -> None:
        """One is ready."""
        self._early_deaths = 0

    def bury(self, worker: _Worker) -> str:
        """Takes a dead worker out; how it died.

        Raises:
            NormalcyError: It is not the first that died before it was ready.
        """
        how = worker.how_it_died()
        self.workers.remove(worker)
        worker.end()
        self._early_deaths += worker.state is _State.OPENING
        if self._early_deaths >= MOST_TRIES:
            raise NormalcyError(
                f"workers died while they made themselves ready ({how})", hint="Take fewer workers"
            )
        return how

    def end(self) -> None:
        """Ends all."""
        for worker in self.workers:
            worker.end()
        self.workers = []


def _handles(worker: _Worker) -> tuple[Any, Any]:
    return worker.connection, worker.process.sentinel


class _Run:
    """A crew on some items."""

    def __init__(self, crew: _Crew, items: Sequence[Any], workers: int) -> None:
        self._crew, self._items, self._workers = crew, items, workers
        self._waiting = list(range(len(items)))
        self._tries: Counter[int] = Counter()
        self._left = len(items)

    def outcomes(self) -> Iterator[Outcome[Any]]:
        """Of all items, as they come."""
        while self._left:
            self._crew.hire(min(self._workers, self._left))
            self._give_out()
            for worker in self._crew.speaking():
                if outcome := self._listen(worker):
                    self._left -= 1
                    yield outcome

    def _give_out(self) -> None:
        """To whoever is idle, the first items first."""
        for worker in self._crew.workers:
            if worker.state is _State.IDLE and self._waiting:
                place = heapq.heappop(self._waiting)
                self._tries[place] += 1
                worker.give(place, self._items[place])

    def _listen(self, worker: _Worker) -> Outcome[Any] | None:
        said = worker.said()
        if said is None:
            return self._lost(worker)
        if said.refusal:
            raise said.refusal.error()
        was, worker.state = worker.state, _State.IDLE
        if was is _State.OPENING:
            self._crew.opened()
            return None
        result = None if said.result is None else pickle.loads(said.result)
        return Outcome(worker.place, result, said.error, self._tries[worker.place])

    def _lost(self, worker: _Worker) -> Outcome[Any] | None:
        """The item of a dead worker is tried again, or failed."""
        how, place = self._crew.bury(worker), worker.place
        if worker.state is _State.WORKING and self._tries[place] < MOST_TRIES:
            heapq.heappush(self._waiting, place)
        elif worker.state is _State.WORKING:
            return Outcome(place, None, died_too_often(how), self._tries[place])
        return None


def died_too_often(how: str) -> str:
    """Why an item failed that each of its workers died of."""
    return f"each of {MOST_TRIES} workers that tried died ({how})"


def _work(job: bytes, connection: Connection) -> None:
    """What a worker does: opens the job, says so, and answers items until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    work = opened(lambda: pickle.loads(job).open())
    if isinstance(work, Refusal):
        connection.send_bytes(pickle.dumps(Answer(refusal=work)))
        return
    connection.send_bytes(pickle.dumps(Answer()))
    with suppress(EOFError):
        while True:
            item = pickle.loads(connection.recv_bytes())
            connection.send_bytes(pickle.dumps(answer(work, item)))
