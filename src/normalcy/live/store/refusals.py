"""What a database says when it refuses, in one clear line, and whether trying again may help."""

import sqlite3

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError,
)

from normalcy.errors import OutputError


class StoreError(OutputError):
    """The event store cannot be read or written.

    Attributes:
        transient: The same may succeed later, without anybody mending the store itself: another process holds a lock,
            the disk is full, the server is out of reach.
        may_pass: The same may succeed once somebody mended the store, as where it is read-only, or without that.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = "",
        hint: str = "",
        transient: bool = False,
        may_pass: bool = False,
    ) -> None:
        self.transient, self.may_pass = transient, transient or may_pass
        super().__init__(what, where=where, hint=hint)


_MAKE_ROOM = "Make room on the disk; what was committed is whole"
_LOCKED = "is locked: another process has been writing for too long"
_FOR_GOOD = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_AT_FAULT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
# What was said, what to do, whether trying again may help.
_Refusal = tuple[str, str, bool]
_SQLITE: dict[int, _Refusal] = {
    sqlite3.SQLITE_BUSY: (_LOCKED, "", True),
    sqlite3.SQLITE_LOCKED: (_LOCKED, "", True),
    sqlite3.SQLITE_FULL: ("no room left on the disk", _MAKE_ROOM, True),
    sqlite3.SQLITE_IOERR: ("the disk failed or is full", _MAKE_ROOM, True),
    sqlite3.SQLITE_READONLY: ("is read-only", "Give this user the right to write it and its folder", False),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "Its folder must exist, and this user may write there",
        False,
    ),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "Restore it from a copy, or move it away to start anew", False),
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", "Move it away, or choose another place", False),
}
_POSTGRESQL: dict[str, _Refusal] = {
    "25P03": ("this process stood still in the middle of a transaction, so the server ended it", "", True),
    "25006": ("the server is read-only", "Connect to the one that may be written", False),
    "40001": ("two transactions were in each other's way", "", True),
    "40P01": ("two transactions were in each other's way", "", True),
    "53100": ("the server has no room left on its disk", _MAKE_ROOM, True),
    "53300": ("the server has too many connections", "", True),
    "55P03": (_LOCKED, "", True),
    "57014": ("it took too long to answer", "", True),
}
_SERVER_GOES = ("08", "57P")


def refusal(error: SQLAlchemyError, *, where: str) -> StoreError:
    """What a database's error means; neither a password nor a value of the statement is shown."""
    what, hint, transient = _meaning(error)
    may_pass = not (_is_at_fault(error) or _is_for_good(error))
    return StoreError(what, where=where, hint=hint, transient=transient, may_pass=may_pass)


def _is_at_fault(error: SQLAlchemyError) -> bool:
    """Whether it is the statement that was wrong, or its values."""
    is_from_database = isinstance(error, DBAPIError)
    return not is_from_database or isinstance(error, _AT_FAULT)


def _is_for_good(error: SQLAlchemyError) -> bool:
    """Whether SQLite says so, for which a table that is not there is an error like any other."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _FOR_GOOD


def _meaning(error: SQLAlchemyError) -> _Refusal:
    if isinstance(error, TimeoutError):
        return "all connections were in use for too long", "", True
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, sqlite3.Error):
        # The low byte is the error, the others say more of it.
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return _SQLITE.get(code, (_one_line(cause), "", False))
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # Without a state it comes from the connection, not from the server.
        is_connection = isinstance(error, DBAPIError) and type(cause).__name__ == "OperationalError"
        return _one_line(cause), "", is_connection
    return _POSTGRESQL.get(state, (_one_line(cause), "", state.startswith(_SERVER_GOES)))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
