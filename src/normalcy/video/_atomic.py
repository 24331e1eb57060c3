"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from normalcy.errors import DiskFull, OutputError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def temporary_path(path: Path) -> Path:
    """A hidden name beside the target, on the same disk."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def delete(path: Path) -> None:
    """Deletes a file where there is one; an error on the way is not worth hiding the first one."""
    with contextlib.suppress(OSError):
        path.unlink()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path to write to, which takes the place of `path` at the end and is deleted on an error.

    Raises:
        DiskFull: No room is left.
        OutputError: The folder cannot be written to.
    """
    temporary = temporary_path(path)
    try:
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        delete(temporary)


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says while writing into errors that name the target."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                "the disk is full", where=path, hint="Free some space; the unfinished file was deleted."
            ) from error
        raise OutputError(
            f"cannot be written ({error.strerror or error})",
            where=path,
            hint="Check the folder and its permissions.",
        ) from error
