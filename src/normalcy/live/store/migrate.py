"""Brings the tables of a database to the version of this package, all steps in one transaction or none.

Processes that start at once take turns: SQLite by its write lock, PostgreSQL by an advisory lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from normalcy.live.store.refusals import StoreError

_FOLDER = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 7_667_825  # any number that no other program takes
_WAIT_SECONDS = 60


def newest_version() -> str:
    """The version that this package makes."""
    return _scripts().get_current_head() or ""


def version_of(connection: Connection) -> str | None:
    """The version of a database; None where it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate_to_newest(engine: Engine) -> None:
    """Makes or changes the tables as far as that is needed.

    Raises:
        StoreError: The database is of a newer version; nothing was changed.
    """
    with _alone(engine) as connection:
        version = version_of(connection)
        scripts = _scripts()
        known = {script.revision for script in scripts.walk_revisions()}
        if version is not None and version not in known:
            raise StoreError(
                f"was made by a newer normalcy (its version is {version}, this one knows {newest_version()})",
                where=engine.url.database,
                hint="Update normalcy, or choose another database",
            )
        if version != newest_version():
            _take_steps(connection, scripts)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction while which nobody else migrates; its connection is not used again."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if is_sqlite:
            _prepare(connection.connection)
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
                yield connection
        finally:
            connection.invalidate()


def _prepare(connection: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={_WAIT_SECONDS * 1000}")
    # To change a table may mean to copy it and drop the old one, which must not take along what refers to it.
    connection.execute("PRAGMA foreign_keys=OFF")


def _take_steps(connection: Connection, scripts: ScriptDirectory) -> None:
    def steps(revision: Any, _: MigrationContext) -> list[MigrationStep]:
        path = reversed(list(scripts.iterate_revisions("head", revision or "base")))
        return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in path]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    with Operations.context(context):
        context.run_migrations()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER)])
