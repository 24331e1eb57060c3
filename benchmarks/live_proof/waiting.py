"""Waiting for something to come about."""

import sqlite3
import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.1


class NotRecovered(Exception):
    """Something did not come about in time."""


def wait_until(what: str, holds: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> float:
    """Waits; how long it took, in seconds.

    Args:
        what: What is waited for.
        holds: Whether it has come about. One that cannot be told, because nobody answers, has not.
        seconds: Patience.

    Raises:
        NotRecovered: It took longer.
    """
    started = time.monotonic()
    while not _tells(holds):
        if time.monotonic() - started > seconds:
            raise NotRecovered(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - started


def _tells(holds: Callable[[], object]) -> bool:
    try:
        return bool(holds())
    except (OSError, KeyError, sqlite3.Error):
        return False
