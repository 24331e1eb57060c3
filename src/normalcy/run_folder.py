"""The folder of one run, and who may write in it.

runs/<name>/    config.yaml  bundle/  checkpoints/  logs/  metrics.json  scores.parquet  events.json
                report.html  videos/
"""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from normalcy.errors import DiskFull, OutputError, RunFolderBusy, RunFolderExists


class RunFolder:
    """Paths of a run, and the lock that keeps a second writer out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.bundle = path / "bundle"
        self.checkpoints = path / "checkpoints"
        self.logs = path / "logs"
        self.metrics = path / "metrics.json"
        self.scores = path / "scores.parquet"
        self.events = path / "events.json"
        self.report = path / "report.html"
        self.videos = path / "videos"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Holds the folder for writing.

        Raises:
            RunFolderBusy: Another process holds it.
            DiskFull: Something inside ran out of room.
            OutputError: Something inside could not be written.
        """
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise RunFolderBusy(
                    "another normalcy is writing here",
                    where=self.path,
                    hint="Wait for it, or choose another folder with --out",
                ) from error
            try:
                yield
            finally:
                lock.release()

    def require_same_config(self, text: str) -> None:
        """Checks that a run to be resumed had this resolved configuration.

        Raises:
            RunFolderExists: It had another one.
        """
        if self.config.is_file() and self.config.read_text(encoding="utf-8") != text:
            raise RunFolderExists(
                "holds a run with another configuration",
                where=self.path,
                hint="Resume with the same settings (see config.yaml there), or choose another --out",
            )

    def require_empty(self) -> None:
        """Checks that no run was started here.

        Raises:
            RunFolderExists: One was.
        """
        if self.config.exists():
            raise RunFolderExists(
                "holds a run already",
                where=self.path,
                hint="Use --resume to go on with it, --overwrite to start again, or another --out",
            )


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals to write into errors that say where and why."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "no room left on the disk", where=path, hint="Free some room and use --resume"
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise OutputError(f"cannot be written ({error.strerror})", where=path) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a file under a temporary name and renames it, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    """Writes indented JSON like `write_text`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
