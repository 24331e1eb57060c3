"""One engine a database, or the nodes of one fleet.

Engines that know nothing of each other would close each other's events and give up each other's messages. An engine
holds a lock of the server for itself; nodes share the same lock, and so keep it out as it does them.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from normalcy.errors import RunFolderBusy
from normalcy.live.store.refusals import refusal
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_LOCK_NUMBER = 7_667_826  # any number that no other program takes; that of migrations is another
_TAKE_IT = text("SELECT pg_try_advisory_lock(:number, hashtext(current_schema()))")
_SHARE_IT = text("SELECT pg_try_advisory_lock_shared(:number, hashtext(current_schema()))")
_KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""The server gives a machine up that is gone for 25 s; of its own it would wait for two hours."""
_PATIENCE_SECONDS = 40.0
_CHORES_NUMBER = 7_667_827  # likewise
_LOOK_SECONDS = 5.0


class DatabaseClaim:
    """Holds a database for one engine; the server takes the claim back where its process dies.

    Args:
        connection: That holds the lock, open for as long; none where the lock of the data folder is enough.
    """

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    @property
    def is_held(self) -> bool:
        """Whether the connection that holds it is still there: a server that was restarted has forgotten the claim."""
        try:
            return self._connection is None or self._connection.scalar(text("SELECT 1")) == 1
        except SQLAlchemyError:
            return False

    def release(self) -> None:
        """Lets others have it."""
        if self._connection is not None:
            # The pool would keep the connection, and with it the lock.
            self._connection.invalidate()
            self._connection.close()


def claim_database(
    store: Store,
    *,
    wait_seconds: float = _PATIENCE_SECONDS,
    told_to_stop: threading.Event | None = None,
    is_shared: bool = False,
    number: int = _LOCK_NUMBER,
) -> DatabaseClaim:
    """Claims a database for the engine of this process.

    PostgreSQL holds it by the connection: a server that restarts forgets it. SQLite lies in the data folder, which an
    engine holds alone anyway.

    Args:
        store: Of the database.
        wait_seconds: For a machine that lost its power to be given up by the server.
        told_to_stop: Ends the wait.
        is_shared: Together with the other nodes of a fleet, and no engine by itself.
        number: Of the lock.

    Raises:
        RunFolderBusy: Another engine uses it.
        StoreError: The database cannot be reached.
    """
    if store.engine.dialect.name != "postgresql":
        return DatabaseClaim(None)
    try:
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        statement = _SHARE_IT if is_shared else _TAKE_IT
        stopping = told_to_stop or threading.Event()
        is_mine = _is_taken(connection, statement, wait_seconds, stopping, number)
    except SQLAlchemyError as error:
        raise refusal(error, where=store.name) from error
    claim = DatabaseClaim(connection)
    if not is_mine:
        claim.release()
        raise RunFolderBusy(
            "another engine uses this database",
            where=store.name,
            hint="Stop it, or give each a database; to share one, all of them need `fleet`",
        )
    return claim


def _is_taken(
    connection: Connection,
    statement: TextClause,
    wait_seconds: float,
    told_to_stop: threading.Event,
    number: int,
) -> bool:
    for setting, value in _KEEPALIVES.items():
        connection.execute(text(f"SET {setting} = {value}"))
    deadline = time.monotonic() + wait_seconds
    while not (is_mine := bool(connection.scalar(statement, {"number": number}))):
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0.0 or told_to_stop.is_set():
            break
        logger.warning("another engine uses the database; waiting %.0f s for it to end", left_seconds)
        told_to_stop.wait(min(_LOOK_SECONDS, left_seconds))
    return is_mine


@contextmanager
def chores_of(store: Store) -> Iterator[bool]:
    """Whether this node may do, for as long as the block runs, what one node does for all; false where another does.

    Raises:
        StoreError: The database cannot be reached.
    """
    try:
        claim = claim_database(store, wait_seconds=0.0, number=_CHORES_NUMBER)
    except RunFolderBusy:
        yield False
        return
    try:
        yield True
    finally:
        claim.release()
