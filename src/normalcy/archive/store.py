"""The output of an archive: a folder here or in an object store, whose files appear whole or not at all.

job.json                                                       what made it
scores/day=2026-03-01/video=door%2Fa.mp4/part-00000.parquet    a row for each frame
events/day=.../video=.../part-00000.parquet                    a row for each event; none where there was none
videos/day=.../video=.../part-00000.parquet                    one row: how it went
_work/video=.../...                                            what long videos need until they are done
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from normalcy.archive.attempts import attempted, told
from normalcy.errors import InputError, OutputError
from normalcy.run_folder import whole_file, writing_to
from normalcy.video.urls import redact

PARTS = "scores", "events", "videos"
WORK = "_work"


class Store:
    """Files by their paths below one folder.

    Args:
        url: Of the folder: a path, or a URL that fsspec knows.

    Raises:
        OutputError: There is no such file system.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem

        self.shown = redact(url)
        with told(OutputError, "cannot be opened", where=self.shown):
            self._files, root = url_to_fs(url, use_listings_cache=False)
        self._root = root.rstrip("/")
        self.local = Path(self._root) if isinstance(self._files, LocalFileSystem) else None

    def put(self, path: str, data: bytes) -> None:
        """Writes a file, whole or not at all.

        Raises:
            OutputError: It cannot be written; DiskFull where no room is left.
        """
        with self._writing():
            if self.local:
                with whole_file(self.local / path) as temporary:
                    temporary.write_bytes(data)
            else:
                attempted(lambda: self._files.pipe_file(f"{self._root}/{path}", data))

    def get(self, path: str) -> bytes | None:
        """What a file holds; None where there is none.

        Raises:
            InputError: It cannot be read, which others need not suffer from.
        """
        with told(InputError, f"{path} cannot be read", where=self.shown):
            try:
                found: bytes = attempted(lambda: self._files.cat_file(f"{self._root}/{path}"))
                return found
            except FileNotFoundError:
                return None

    def get_all(self, paths: list[str]) -> dict[str, bytes]:
        """What many files hold, those that there are; an object store is asked for several at once.

        Raises:
            InputError: One is there and cannot be read.
        """
        if len(paths) < 2:
            alone = ((path, self.get(path)) for path in paths)
            return {path: data for path, data in alone if data is not None}
        with told(InputError, "cannot be read", where=self.shown):
            found = self._files.cat([f"{self._root}/{path}" for path in paths], on_error="return")
        for whole, data in found.items():
            if isinstance(data, Exception):
                found[whole] = self.get(whole[len(self._root) + 1 :])
        return {path[len(self._root) + 1 :]: data for path, data in found.items() if data is not None}

    def paths(self, folder: str) -> list[str]:
        """All files below a folder, in order.

        Raises:
            OutputError: They cannot be listed.
        """
        with told(OutputError, "cannot be listed", where=self.shown):
            try:
                found = attempted(lambda: self._files.find(f"{self._root}/{folder}"))
            except FileNotFoundError:
                return []
        return sorted(path[len(self._root) + 1 :] for path in found)

    def remove(self, folder: str) -> None:
        """Removes a folder, or a file, with all it holds."""
        with self._writing():
            attempted(lambda: self._remove(f"{self._root}/{folder}"))

    @property
    def file_system(self) -> tuple[Any, str]:
        """Of fsspec, and the path of the folder in it."""
        return self._files, self._root

    def _remove(self, path: str) -> None:
        if self._files.exists(path):
            self._files.rm(path, recursive=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.local:
            with writing_to(self.local):
                yield
            return
        with told(OutputError, "cannot be written", where=self.shown):
            yield
