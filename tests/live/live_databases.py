"""Databases of tests: SQLite, and a PostgreSQL server of its own on loopback. PYTEST_DONT_REWRITE

A test module takes the fixtures with `pytest_plugins = ["live_databases"]`.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import text

from normalcy.live.store.models import Base
from normalcy.live.store.records import EventRecord
from normalcy.live.store.store import Store, sqlite_url

PASSWORD = "s3cret-of-postgres"
BACKENDS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on loopback."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """As its administrator."""
        about = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "password": PASSWORD}
        with psycopg.connect(**about, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"test_{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server for all tests of this process; skips where PostgreSQL is not installed."""
    with running_server(is_safe=False) as server:
        yield server


@contextmanager
def running_server(*, is_safe: bool = True, options: str = "") -> Iterator[Server]:
    """A server that ends with the block; one that is not safe loses what it holds where the machine loses its power.

    `options` are PostgreSQL's own, beside those that it needs here.
    """
    programs = _programs()
    # pytest's own folders are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="normalcy-postgresql-"))
    as_user = _give_to_server_user(folder)
    server = Server(free_port())
    data, password = folder / "data", folder / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    password.chmod(0o644)
    make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync"]
    control = [*as_user, programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {options}"
    options += "" if is_safe else " -c fsync=off"
    try:
        _run([*as_user, *make, f"--pwfile={password}"])
        _run([*control, "start", "-o", options])
        yield server
    finally:
        subprocess.run([*map(str, control), "stop", "-m", "immediate"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """Of an empty database."""
    return postgresql_server.new_database()


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return sqlite_url(tmp_path)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    Store(sqlite_url(folder), migrate=True).close()
    return folder / "events.db"


@pytest.fixture(scope="session")
def migrated_database(postgresql_server: Server) -> Iterator[Store]:
    """A migrated database of the server, to be emptied."""
    store = Store(postgresql_server.new_database(), migrate=True)
    yield store
    store.close()


@pytest.fixture(params=BACKENDS)
def any_store(request: pytest.FixtureRequest) -> Store:
    """A migrated store without any rows, of each kind of database in turn."""
    if request.param == "sqlite":
        return cast(Store, request.getfixturevalue("sqlite_store"))
    store = cast(Store, request.getfixturevalue("migrated_database"))
    tables = ", ".join(Base.metadata.tables)
    with store.transaction() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    return store


@pytest.fixture
def sqlite_store(migrated_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A migrated store in a file."""
    shutil.copy(migrated_file, tmp_path / "events.db")
    store = Store(sqlite_url(tmp_path))
    yield store
    store.close()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """An empty media folder, beside the database."""
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


def an_event(number: int, **values: Any) -> EventRecord:
    """The event of a number: ten seconds long, a hundred after the one before, closed."""
    start = 1_000_000.0 + 100 * number
    event = EventRecord(
        id=f"{number:032x}",
        camera="yard",
        severity="notice",
        state="closed",
        started_at=start,
        alarmed_at=start + 1,
        ended_at=start + 10,
        peak_at=start + 5,
        peak_score=2.0 + number,
        threshold=1.5,
    )
    return replace(event, **values)


def _programs() -> Path:
    """Where Debian puts them, or where the newest on the path is."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not installed and on_path is None:
        pytest.skip("PostgreSQL is not installed")
    return installed[-1].parent if installed else Path(str(on_path)).parent


def _give_to_server_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: what runs a command as the user that gets the folder."""
    if os.geteuid() != 0:
        return []
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    shutil.chown(folder, "postgres", "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _run(command: list[Any]) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode:
        pytest.fail(f"{command[-1]}: {done.stdout[-1000:]} {done.stderr[-1000:]}")
