"""The folder of one run, and who may write in it.

runs/<name>/    config.yaml  bundle/  checkpoints/  finetuning/  logs/  metrics.json  scores.parquet  events.json
                report.html  videos/

Without pyarrow, scores are in scores.csv.
"""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from normalcy.errors import DiskFull, OutputError, RunFolderBusy, RunFolderExists

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


class RunFolder:
    """Paths of a run, and the lock that keeps a second writer out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.bundle = path / "bundle"
        self.checkpoints = path / "checkpoints"
        self.snapshots = self.checkpoints / "snapshots"
        self.finished = self.checkpoints / "finished.json"
        self.finetuning = path / "finetuning"
        self.logs = path / "logs"
        self.metrics = path / "metrics.json"
        self.scores = path / "scores.parquet"
        self.events = path / "events.json"
        self.report = path / "report.html"
        self.videos = path / "videos"

    def snapshot(self, epochs: int) -> Path:
        """Weights that were kept aside after so many epochs."""
        return self.snapshots / f"epochs-{epochs}.ckpt"

    @contextmanager
    def claimed(self, *, go_on: str = "give the same command again") -> Iterator[None]:
        """Holds the folder for writing.

        Args:
            go_on: What to do once a full disk has room again.

        Raises:
            RunFolderBusy: Another process holds it.
            DiskFull: Something inside ran out of room.
            OutputError: Something inside could not be written.
        """
        with writing_to(self.path, go_on=go_on):
            _make_folder(self.path)
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

    def clear(self) -> None:
        """Removes what an earlier run left here: checkpoints, logs, bundle and verdicts."""
        if not self.config.is_file():
            return  # no run was started here: a folder `videos` is somebody else's
        for path in self._results:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def require_empty(self) -> None:
        """Checks that no run was started here, and that nothing here has the name of what a run writes.

        Raises:
            RunFolderExists: It was, or something has.
        """
        if self.config.exists():
            raise RunFolderExists(
                "holds a run already",
                where=self.path,
                hint="Use --resume to go on with it, --overwrite to start again, or another --out",
            )
        taken = [path.name for path in self._results if path.exists()]
        if taken:
            raise RunFolderExists(
                f"holds {', '.join(taken)} already, and no run",
                where=self.path,
                hint="Choose another folder with --out",
            )

    @property
    def _results(self) -> tuple[Path, ...]:
        """All that a run writes but its configuration."""
        folders = (self.checkpoints, self.finetuning, self.logs, self.bundle, self.videos)
        scores = (self.scores, self.scores.with_suffix(".csv"))
        return (*folders, self.metrics, *scores, self.events, self.report)


@contextmanager
def writing_to(path: Path, *, go_on: str = "give the same command again") -> Iterator[None]:
    """Turns the operating system's refusals to write into errors that say where and why.

    Args:
        path: What is written; refusals about files elsewhere pass, but for a full disk.
        go_on: What to do once a full disk has room again.
    """
    try:
        yield
    except OSError as error:
        is_here = error.filename is None or _belongs(Path(os.fsdecode(error.filename)), path)
        if error.errno in _NO_ROOM:
            raise DiskFull(
                "no room left on the disk",
                where=path if is_here else error.filename,
                hint=f"Make room there, then {go_on}; what was written before is whole",
            ) from error
        if is_here and error.errno in _REFUSED:
            raise OutputError(f"cannot be written ({error.strerror})", where=path) from error
        raise


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` that takes its place at the end, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        # An error here is not worth hiding the first one.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Writes indented JSON like `write_text`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _make_folder(path: Path) -> None:
    """Makes a folder for output; OutputError where something else has its name or it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(
            "is a file, not a folder", where=path, hint="Choose another folder with --out"
        ) from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        hint = "Choose another folder with --out"
        raise OutputError(f"cannot be made ({error.strerror})", where=path, hint=hint) from error


def _belongs(file: Path, path: Path) -> bool:
    """Whether a file lies in `path`, is a folder that `path` lies in, or is a temporary beside one of these."""
    file, path = file.absolute(), path.absolute()
    is_temporary = file.name.startswith(".") and path.is_relative_to(file.parent)
    return is_temporary or file.is_relative_to(path) or path.is_relative_to(file)
