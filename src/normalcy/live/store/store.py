"""The database of the live engine: opened, migrated, and shared by threads.

SQLite in WAL mode by default: readers never wait for the writer, and a commit is on the disk before it returns.
PostgreSQL by its URL: `postgresql+psycopg://...`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from normalcy.errors import ConfigError
from normalcy.live.store.connections import BUSY_SECONDS, READ_ONLY, open_engine
from normalcy.live.store.refusals import StoreError, refusal
from normalcy.video.urls import redact

__all__ = ["BUSY_SECONDS", "Store", "StoreError", "sqlite_url"]

_BACKENDS = ("sqlite", "postgresql")


class Store:
    """The event store. Threads may share it; each process opens its own.

    Args:
        url: SQLAlchemy's, with its secrets in place.
        migrate: Bring the tables to this version first; one process does.

    Raises:
        ConfigError: The URL is none, or of a database that is not known.
        StoreError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str, *, migrate: bool = False) -> None:
        self.url = _parsed(url)
        self.engine = open_engine(self.url)
        if migrate:
            from normalcy.live.store.migrate import migrate_to_newest

            with self._refusals():
                migrate_to_newest(self.engine)
        self._writers = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(self.engine.execution_options(**READ_ONLY), expire_on_commit=False)

    @property
    def name(self) -> str:
        """For messages: without a password."""
        if self.url.get_backend_name() == "sqlite":
            return str(self.url.database)
        return redact(self.url.render_as_string(hide_password=True))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed at the end, or rolled back on the way out by an error.

        SQLite lets one write at a time: nothing slow belongs inside.

        Raises:
            StoreError: The database refused: it is locked, full, or gone.
        """
        with self._refusals(), self._writers.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: it neither waits for a writer nor makes one wait. Writing is refused.

        Raises:
            StoreError: The database refused: it is gone, or something was to be written.
        """
        with self._refusals(), self._readers.begin() as session:
            yield session

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise refusal(error, where=self.name) from error


def sqlite_url(folder: Path) -> str:
    """Of the database in a data folder."""
    return URL.create("sqlite", database=str((folder / "events.db").absolute())).render_as_string()


def _parsed(url: str) -> URL:
    hint = "Write it as postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("is not a URL of a database", where="store.url", hint=hint) from error
    if parsed.get_backend_name() not in _BACKENDS:
        raise ConfigError(f"{parsed.get_backend_name()} is not supported", where="store.url", hint=hint)
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("names no database", where="store.url", hint=hint)
    return parsed
