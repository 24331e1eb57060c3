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

from normalcy.archive.listing import reason
from normalcy.errors import OutputError
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
        try:
            self._files, root = url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError, OSError) as error:
            raise OutputError(f"cannot be opened ({reason(error)})", where=self.shown) from None
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
                self._files.pipe_file(f"{self._root}/{path}", data)

    def get(self, path: str) -> bytes | None:
        """What a file holds; None where there is none.

        Raises:
            OutputError: It cannot be read.
        """
        try:
            found: bytes = self._files.cat_file(f"{self._root}/{path}")
            return found
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path} cannot be read ({reason(error)})", where=self.shown) from None

    def get_all(self, paths: list[str]) -> dict[str, bytes]:
        """What many files hold, those that there are; an object store is asked for several at once."""
        if not paths:
            return {}
        found = self._files.cat([f"{self._root}/{path}" for path in paths], on_error="omit")
        if isinstance(found, bytes):
            return {paths[0]: found}
        return {path[len(self._root) + 1 :]: data for path, data in found.items()}

    def paths(self, folder: str) -> list[str]:
        """All files below a folder, in order."""
        try:
            found = self._files.find(f"{self._root}/{folder}")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(f"cannot be listed ({reason(error)})", where=self.shown) from None
        return sorted(path[len(self._root) + 1 :] for path in found)

    def remove(self, folder: str) -> None:
        """Removes a folder, or a file, with all it holds."""
        with self._writing():
            path = f"{self._root}/{folder}"
            if self._files.exists(path):
                self._files.rm(path, recursive=True)

    @property
    def file_system(self) -> tuple[Any, str]:
        """Of fsspec, and the path of the folder in it."""
        return self._files, self._root

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.local:
            with writing_to(self.local):
                yield
            return
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot be written ({reason(error)})", where=self.shown) from None
