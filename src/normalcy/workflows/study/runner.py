"""Makes the cells of a study, several at once, each in a process of its own."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from normalcy.progress import Progress
from normalcy.workflows.study.cells import Cell

_PATIENCE_SECONDS = 20.0
_SAID = 400  # characters of a dead process's last words


@dataclass(frozen=True)
class Failure:
    """A cell that could not be made.

    Attributes:
        cell: Which.
        why: The last that its process said.
    """

    cell: Cell
    why: str


def make_cells(
    cells: Sequence[Cell],
    *,
    jobs: int = 1,
    minutes: float | None = None,
    on_made: Callable[[Cell, Failure | None], None] | None = None,
    progress: Progress | None = None,
) -> list[Failure]:
    """Makes what is not made yet; a cell that fails stops no other.

    Args:
        cells: Of one study; cells that share a folder are made once.
        jobs: How many at once.
        minutes: None is begun after so many; those are left for another time, and are no failures.
        on_made: Called after each, from this thread.
        progress: Called with what is being done, how many are done and how many there are.

    Returns:
        What could not be made.
    """
    waiting = {cell.folder: cell for cell in cells if cell.read() is None}
    total, failures = len(waiting), []
    stop = threading.Event()
    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    if progress:
        progress("making cells", 0, total)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        made = {
            pool.submit(_make, cell, jobs=jobs, until=until, stop=stop): cell for cell in waiting.values()
        }
        try:
            for number, future in enumerate(as_completed(made), start=1):
                failure = future.result()
                if failure:
                    failures.append(failure)
                if on_made and (failure or made[future].read() is not None):
                    on_made(made[future], failure)
                if progress:
                    progress("making cells", number, total)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return failures


def _make(cell: Cell, *, jobs: int, until: float, stop: threading.Event) -> Failure | None:
    if time.monotonic() >= until:
        return None
    try:
        return _made_by_process(cell, jobs=jobs, stop=stop)
    except OSError as error:
        return Failure(cell, f"{type(error).__name__}: {error}")


def _made_by_process(cell: Cell, *, jobs: int, stop: threading.Event) -> Failure | None:
    cell.prepare()
    words = [sys.executable, "-m", cell.module]
    words += [str(cell.settings), str(cell.run), str(cell.outcome), *cell.more]
    with cell.log.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=_environment(jobs))
        while True:
            try:
                code = process.wait(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    _end(process)
                    return Failure(cell, "interrupted")
    if code == 0 and cell.read() is not None:
        return None
    return Failure(cell, _last_words(cell, code))


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would, which leaves a fit that can be gone on with; less kindly where that does not help."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process.send_signal(ending)
        try:
            process.wait(timeout=_PATIENCE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue


def _environment(jobs: int) -> dict[str, str]:
    """This process's own, with the cores shared out."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"OMP_NUM_THREADS": str(max(1, cores // jobs)), **os.environ}


def _last_words(cell: Cell, code: int) -> str:
    said = cell.log.read_text(encoding="utf-8", errors="replace").strip()
    last = said.splitlines()[-1][-_SAID:] if said else "said nothing"
    ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{last} ({ended})"
