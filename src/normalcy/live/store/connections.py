"""How a database is connected to: what keeps commits safe, and waits short."""

import json
import math
import sqlite3
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from normalcy.errors import MissingPackage

BUSY_SECONDS = 5.0
"""How long a writer waits for another before the database counts as locked."""

READ_ONLY: Final[dict[str, Any]] = {"normalcy_reads": True, "postgresql_readonly": True}
"""Execution options of a connection that only reads."""

_CONNECT_SECONDS = 5
_STANDSTILL_SECONDS = 10
"""What a process holds that stands still in the middle of a transaction is given to others after this."""
_SILENT_SERVER_SECONDS = 15
_RETRY_SECONDS = 0.02
_NO_WAL = "its disk cannot be shared by processes (no WAL): keep it on a local one"
_NOT_ALONE = "is in use, and was not made by normalcy: it is not in WAL mode"


def open_engine(url: URL) -> Engine:
    """An engine for a database; nothing is connected to yet.

    Raises:
        MissingPackage: The driver that the URL names is not installed.
    """
    open_it = _open_sqlite if url.get_backend_name() == "sqlite" else _open_postgresql
    try:
        return open_it(url)
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"{error.name} is not installed", where=f"store.url {url.drivername}://"
        ) from error


def _open_sqlite(url: URL) -> Engine:
    engine = _create(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not when the driver thinks fit
    _require_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _require_wal(connection: sqlite3.Connection) -> None:
    """Puts a new database into WAL mode, which it stays in."""
    if _pragma(connection, "journal_mode") == "wal":
        return
    deadline = time.monotonic() + BUSY_SECONDS
    while (mode := _switched_to_wal(connection)) is None and time.monotonic() < deadline:
        time.sleep(_RETRY_SECONDS)
    if mode != "wal":
        raise sqlite3.OperationalError(_NO_WAL if mode else _NOT_ALONE)


def _switched_to_wal(connection: sqlite3.Connection) -> str | None:
    """The mode it is in now; None where others use it, for whom SQLite does not wait here by itself."""
    try:
        return _pragma(connection, "journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        return None


def _pragma(connection: sqlite3.Connection, text: str) -> str:
    return str(connection.execute(f"PRAGMA {text}").fetchone()[0])


def _begin_sqlite(connection: Connection) -> None:
    reads = bool(connection.get_execution_options().get("normalcy_reads"))
    connection.exec_driver_sql(f"PRAGMA query_only={int(reads)}")
    # A transaction that reads first and writes later would fail at once where another wrote in between.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _open_postgresql(url: URL) -> Engine:
    limits = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": _SILENT_SERVER_SECONDS * 1000,
        "keepalives_idle": _SILENT_SERVER_SECONDS,
    }
    unsaid = {key: value for key, value in limits.items() if key not in url.query}
    engine = _create(url, connect_args=unsaid, pool_pre_ping=True)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_STANDSTILL_SECONDS}s'")
    connection.commit()


def _create(url: URL, **options: Any) -> Engine:
    # No value of a statement may get into a log or an error: digests and addresses are among them.
    return create_engine(url, hide_parameters=True, json_serializer=to_json, **options)


def to_json(value: Any) -> str:
    """As JSON that every database and receiver reads: there is neither NaN nor infinity in it.

    >>> to_json({"score": 1.5, "parts": [float("nan")]})
    '{"score": 1.5, "parts": [null]}'
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
