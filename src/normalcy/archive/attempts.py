"""Calls to file systems: what may pass is tried again, and what does not is said in this project's words."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from normalcy.archive.listing import reason
from normalcy.errors import NormalcyError

T = TypeVar("T")

PAUSES_SECONDS = (0.5, 2.0)
"""Between one attempt and the next; clients of object stores have tried again by themselves each time."""

_LASTING = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ImportError,
    NotImplementedError,
    TypeError,
    ValueError,
    NormalcyError,
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def attempted(call: Callable[[], T]) -> T:
    """What a call gives, which is repeated where its error may pass."""
    for seconds in PAUSES_SECONDS:
        try:
            return call()
        except Exception as error:
            if not _may_pass(error):
                raise
        time.sleep(seconds)
    return call()


def _may_pass(error: Exception) -> bool:
    """Whatever is not known to last: clients have errors of their own, of any class."""
    lasting = isinstance(error, _LASTING) or "Credential" in type(error).__name__
    return not lasting and getattr(error, "errno", None) not in _FULL


@contextmanager
def told(kind: type[NormalcyError], what: str, *, where: str) -> Iterator[None]:
    """Turns any error of a file system or its client, which need be no OSError, into one that says what and where."""
    try:
        yield
    except NormalcyError:
        raise
    except Exception as error:
        raise kind(f"{what} ({reason(error)})", where=where) from None
