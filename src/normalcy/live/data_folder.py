"""The data folder of an engine, which no other engine may use meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from normalcy.errors import RunFolderBusy
from normalcy.run_folder import writing_to


@contextmanager
def alone_in(data: Path) -> Iterator[None]:
    """Holds the folder while the block runs. Raises as `claimed`."""
    claim = claimed(data)
    try:
        yield
    finally:
        claim.release()


def make_private(data: Path) -> None:
    """Makes the folder where it is not there: nobody else on the machine reads pictures, or digests of passwords."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)


def claimed(data: Path) -> FileLock:
    """Makes the folder, with its `media`, and holds it; the lock of an engine that was killed holds nothing.

    Raises:
        RunFolderBusy: Another engine holds it.
        DiskFull: There is no room left.
        OutputError: It cannot be written.
    """
    lock = FileLock(data / ".lock", timeout=0)
    try:
        with writing_to(data):
            make_private(data)
            (data / "media").mkdir(exist_ok=True)
            lock.acquire()
    except Timeout as error:
        raise RunFolderBusy(
            "another engine is running here", where=data, hint="Stop it, or give `data` another folder"
        ) from error
    return lock
