"""The tables: migrated ones are those of the models, for processes that start at once, and never downwards."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from live_databases import an_event
from sqlalchemy import inspect, text

from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.migrate import newest_version, version_of
from normalcy.live.store.models import Base
from normalcy.live.store.store import Store, StoreError

pytest_plugins = ["live_databases"]

OPEN_IT = "import sys; from normalcy.live.store.store import Store; Store(sys.argv[1], migrate=True).close()"


@pytest.fixture
def store(database_url):
    """A store of its own, whose tables may be spoilt."""
    store = Store(database_url, migrate=True)
    yield store
    store.close()


def test_migrated_tables_are_those_of_the_models(store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert version_of(connection) == newest_version()


def test_migrating_again_changes_nothing(store, database_url):
    with store.transaction() as session:
        insert_event(session, an_event(1))
    again = Store(database_url, migrate=True)
    with again.reading() as session:
        assert find_event(session, an_event(1).id) == an_event(1)
    again.close()


def test_processes_that_start_at_once_take_turns(database_url):
    command = [sys.executable, "-W", "error", "-c", OPEN_IT, database_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in started] == [""] * 3
    assert [process.returncode for process in started] == [0] * 3


def test_a_database_of_a_newer_version_is_refused_and_not_touched(store, database_url):
    with store.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.execute(text("DROP TABLE tokens"))
    with pytest.raises(StoreError, match=r"newer normalcy .*9999") as raised:
        Store(database_url, migrate=True)
    assert not raised.value.transient
    assert "tokens" not in inspect(store.engine).get_table_names()


def test_a_migration_that_fails_leaves_nothing(database_url):
    store = Store(database_url)
    with store.transaction() as session:
        session.execute(text("CREATE TABLE users (name TEXT)"))
    with pytest.raises(StoreError, match="users"):
        Store(database_url, migrate=True)
    assert inspect(store.engine).get_table_names() == ["users"]
    store.close()
