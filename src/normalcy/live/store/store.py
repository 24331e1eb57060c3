"""The database of the live engine: opened, migrated, and shared by threads.

SQLite in WAL mode by default: readers never wait for the writer, and a commit is on the disk before it returns.
PostgreSQL by its URL: `postgresql+psycopg://...`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from normalcy.errors import OutputError

BUSY_SECONDS = 5.0
"""How long a writer waits for another before the database counts as locked."""


class StoreError(OutputError):
    """The event store cannot be read or written."""


class Store:
    """The event store.

    Args:
        url: SQLAlchemy's, with its secrets in place.
        migrate: Bring the tables to this version first; one process does.
    """

    def __init__(self, url: str, *, migrate: bool = False) -> None:
        self.url = make_url(url)
        self.engine = _engine(url)
        if migrate:
            from normalcy.live.store.migrate import migrate_to_newest

            migrate_to_newest(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def name(self) -> str:
        """For messages: without a password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed at the end, or rolled back on the way out by an error.

        Raises:
            StoreError: The database refused: it is locked, full, or gone.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except SQLAlchemyError as error:
            raise StoreError(_reason(error), where=self.name) from error

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()


def sqlite_url(folder: Path) -> str:
    """Of the database in a data folder."""
    return f"sqlite:///{(folder / 'events.db').absolute()}"


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not when the driver thinks fit
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    # A transaction that reads first and writes later would fail at once where another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(cause).split())
