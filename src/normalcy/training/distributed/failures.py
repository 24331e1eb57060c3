"""How processes fail together: the first to fail says why, and the others end with the same error.

What is said lies in the store by which the processes found each other, under one key, as plain text.
"""

import json
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from normalcy import errors
from normalcy.errors import NormalcyError, TrainingError
from normalcy.training.distributed.group import Deserted, Place
from normalcy.training.distributed.stores import Store

log = logging.getLogger(__name__)

_KEY = "failed"
_PATIENCE_SECONDS = 3.0  # what a process says before it goes is there at once


@contextmanager
def failing_together(place: Place, store: Store) -> Iterator[None]:
    """Tells the others of an error here; where another failed first, raises its error.

    Raises:
        KeyboardInterrupt: It was Ctrl-C, here or there.
    """
    try:
        yield
    except Deserted as error:
        raise (_found(store, deadline=time.monotonic() + _PATIENCE_SECONDS) or error) from error
    except BaseException as error:
        say_failure(store, place.rank, error)
        raise


def say_failure(store: Store, rank: int, error: BaseException) -> None:
    """Says why this process failed, unless another did already."""
    said = {"rank": rank, "kind": type(error).__name__, "what": str(error) or type(error).__name__}
    if isinstance(error, NormalcyError):
        said |= {"what": error.what, "where": error.where, "hint": error.hint}
    said["trace"] = "".join(traceback.format_exception(error))
    try:
        store.compare_set(_KEY, "", json.dumps(said))
    except RuntimeError as gone:  # the process that held the store went first
        log.info("nobody was there to be told: %s", gone)


def read_failure(store: Store) -> BaseException | None:
    """The error of the first that failed; None where none did.

    Raises:
        RuntimeError: The process that held the store is gone.
    """
    return _rebuilt(json.loads(store.get(_KEY))) if store.check([_KEY]) else None


def _found(store: Store, *, deadline: float) -> BaseException | None:
    """What was said; None where a process ended without a word."""
    try:
        while (failure := read_failure(store)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
    except RuntimeError:
        return None
    return failure


def _rebuilt(said: dict[str, str]) -> BaseException:
    """The error of another process, of the same kind where that is one that a user can mend."""
    log.info("process %s failed:\n%s", said["rank"], said["trace"])
    if said["kind"] in ("KeyboardInterrupt", "SystemExit"):
        return KeyboardInterrupt()
    kind = getattr(errors, said["kind"], None)
    if isinstance(kind, type) and issubclass(kind, NormalcyError):
        return kind(said["what"], where=said["where"], hint=said["hint"])
    return TrainingError(
        f"{said['kind']}: {said['what']}", where=f"process {said['rank']}", hint="--debug shows where"
    )
