"""The engine of Ray Data: a fixed pool of actors, on one machine or on many.

    items, a block each --in order--> map(Actor), one item at a time each --as they are done--> iter_rows

Ray starts an actor anew that died, and gives it its item again. How often an item was begun is counted by an actor of
its own, which needs no core: an item that each of its workers died of is given up.
"""

import io
import logging
import os
import pickle
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TextIO, cast

from normalcy.engines.answers import Answer, Refusal, answer, opened
from normalcy.engines.contract import Item, Job, Outcome, Result
from normalcy.engines.local import MOST_TRIES, died_too_often
from normalcy.errors import ConfigError

logger = logging.getLogger(__name__)

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_OBJECT_STORE_BYTES = 256 * 1024**2
"""Items and results are small; footage never passes through Ray."""


class RayEngine:
    """Actors of Ray.

    Args:
        workers: How many; one for each core of the cluster without.
        address: Of a cluster that runs; one of this machine alone is started without, and ended with this.
    """

    name = "ray"

    def __init__(self, workers: int | None, *, address: str | None = None) -> None:
        self.workers = workers or 0
        self._address = address
        self._held = ExitStack()

    def __enter__(self) -> Self:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import ray

        with ExitStack() as held:
            held.enter_context(_without_words_of_ray())
            if not ray.is_initialized():
                self._connect()
                held.callback(ray.shutdown)
            self._held = held.pop_all()
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self.workers = self.workers or max(1, int(resources.get("CPU", 1)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def run(self, job: Job[Item, Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Works on all items; outcomes come as they are done, each once.

        Raises:
            NormalcyError: A worker could not open the job, or cannot write.
        """
        for row in self._rows(job, items) if items else ():
            found = cast(Answer, pickle.loads(row["answer"]))
            if found.refusal:
                raise found.refusal.error()
            result = None if found.result is None else pickle.loads(found.result)
            yield Outcome(row["place"], result, found.error, row["tries"])

    def _connect(self) -> None:
        import ray

        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            if self._address:
                ray.init(address=self._address, **quiet)
            else:
                cores = self.workers or None
                store = _OBJECT_STORE_BYTES
                ray.init(
                    address="local",  # not a cluster that happens to run on this machine
                    num_cpus=cores,
                    include_dashboard=False,
                    object_store_memory=store,
                    **quiet,
                )
        except (ConnectionError, ValueError, RuntimeError) as error:
            hint = "Start one with `ray start --head`, or leave --address out"
            what = f"no Ray cluster answers ({' '.join(str(error).split())[:150]})"
            raise ConfigError(what, where="--address", hint=hint) from error

    def _rows(self, job: Any, items: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """A row for each item."""
        import ray.data

        _without_bars()
        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Tries).remote()
        rows = [{"place": place, "item": pickle.dumps(item)} for place, item in enumerate(items)]
        pool = ray.data.ActorPoolStrategy(size=min(self.workers, len(items)), max_tasks_in_flight_per_actor=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A block for each item: whatever else there is in its block would be worked on again with it.
            blocks = ray.data.from_items(rows, override_num_blocks=len(rows))
            answers = blocks.map(
                cast(Any, _Actor), fn_constructor_args=(pickle.dumps(job), tries), compute=pool, num_cpus=1
            )
            rows_done = iter(answers.iter_rows())
        yield from rows_done


def _without_bars() -> None:
    """No bars and no tables of Ray's."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


class _Tries:
    """Counts how often each item was begun."""

    def __init__(self) -> None:
        self._of: Counter[int] = Counter()

    def begin(self, place: int) -> int:
        """Once more; how often it is by now."""
        self._of[place] += 1
        return self._of[place]


class _Actor:
    """A worker of Ray: holds the opened job."""

    def __init__(self, job: bytes, tries: Any) -> None:
        self._work, self._tries = opened(lambda: pickle.loads(job).open()), tries

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import ray

        tries = cast(int, ray.get(self._tries.begin.remote(row["place"])))
        found = self._answer(row["item"], tries=tries)
        return {"place": row["place"], "answer": pickle.dumps(found), "tries": min(tries, MOST_TRIES)}

    def _answer(self, item: bytes, *, tries: int) -> Answer:
        if isinstance(self._work, Refusal):
            return Answer(refusal=self._work)
        if tries > MOST_TRIES:
            return Answer(error=died_too_often("Ray knows why"))
        return answer(self._work, pickle.loads(item))


@contextmanager
def _without_words_of_ray() -> Iterator[None]:
    """What Ray prints from a thread of its own, of workers that died, goes to the log, not into what is piped."""
    before = sys.stdout
    sys.stdout = cast(TextIO, _OtherThreads(before))
    try:
        yield
    finally:
        sys.stdout = before


class _OtherThreads(io.TextIOBase):
    """Passes on what all threads but Ray's write."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def write(self, text: str) -> int:
        """Writes, or logs."""
        if threading.current_thread().name.startswith("ray_"):
            logger.debug("%s", text.strip())
            return len(text)
        return self._target.write(text)

    def flush(self) -> None:
        """What lies below."""
        self._target.flush()

    def isatty(self) -> bool:
        """Whether that below is a terminal."""
        return self._target.isatty()

    def fileno(self) -> int:
        """Of what lies below."""
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of what lies below."""
        return self._target.encoding
