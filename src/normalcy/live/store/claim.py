"""One engine a database: two would close each other's events and give up each other's messages."""

import logging
import threading
import time

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from normalcy.errors import RunFolderBusy
from normalcy.live.store.refusals import refusal
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_LOCK_NUMBER = 7_667_826  # any number that no other program takes; that of migrations is another
_TAKE_IT = text("SELECT pg_try_advisory_lock(:number, hashtext(current_schema()))")
_KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""The server gives a machine up that is gone for 25 s; of its own it would wait for two hours."""
_PATIENCE_SECONDS = 40.0
_LOOK_SECONDS = 5.0


class DatabaseClaim:
    """Holds a database for one engine; the server takes the claim back where its process dies.

    Args:
        connection: That holds the lock, open for as long; none where the lock of the data folder is enough.
    """

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def release(self) -> None:
        """Lets others have it."""
        if self._connection is not None:
            # The pool would keep the connection, and with it the lock.
            self._connection.invalidate()
            self._connection.close()


def claim_database(
    store: Store, *, wait_seconds: float = _PATIENCE_SECONDS, told_to_stop: threading.Event | None = None
) -> DatabaseClaim:
    """Claims a database for the engine of this process.

    PostgreSQL holds it by the connection: a server that restarts forgets it. SQLite lies in the data folder, which an
    engine holds alone anyway.

    Args:
        store: Of the database.
        wait_seconds: For a machine that lost its power to be given up by the server.
        told_to_stop: Ends the wait.

    Raises:
        RunFolderBusy: Another engine uses it.
        StoreError: The database cannot be reached.
    """
    if store.engine.dialect.name != "postgresql":
        return DatabaseClaim(None)
    try:
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        is_mine = _is_taken(connection, wait_seconds, told_to_stop or threading.Event())
    except SQLAlchemyError as error:
        raise refusal(error, where=store.name) from error
    claim = DatabaseClaim(connection)
    if not is_mine:
        claim.release()
        raise RunFolderBusy(
            "another engine uses this database", where=store.name, hint="Stop it, or give each a database"
        )
    return claim


def _is_taken(connection: Connection, wait_seconds: float, told_to_stop: threading.Event) -> bool:
    for setting, value in _KEEPALIVES.items():
        connection.execute(text(f"SET {setting} = {value}"))
    deadline = time.monotonic() + wait_seconds
    while not (is_mine := bool(connection.scalar(_TAKE_IT, {"number": _LOCK_NUMBER}))):
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0.0 or told_to_stop.is_set():
            break
        logger.warning("another engine uses the database; waiting %.0f s for it to end", left_seconds)
        told_to_stop.wait(min(_LOOK_SECONDS, left_seconds))
    return is_mine
