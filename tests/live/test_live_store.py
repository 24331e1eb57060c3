"""The store itself: what a transaction promises, and what is said when the database refuses."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from live_databases import PASSWORD, an_event, free_port
from sqlalchemy import event, text

from normalcy.errors import ConfigError
from normalcy.live.store import connections
from normalcy.live.store.events import find_event, insert_event, open_events
from normalcy.live.store.store import Store, StoreError, sqlite_url

pytest_plugins = ["live_databases"]


def test_sqlite_keeps_commits_on_the_disk(sqlite_store):
    with sqlite_store.transaction() as session:
        said = {name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")}
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    assert said == {"journal_mode": "wal", "synchronous": 2}


def test_a_transaction_is_taken_back_whole(any_store):
    def fail_half_way() -> None:
        with any_store.transaction() as session:
            insert_event(session, an_event(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    with any_store.reading() as session:
        assert find_event(session, an_event(1).id) is None


def test_what_reads_cannot_write_and_leaves_the_connection_fit_for_writing(any_store):
    with pytest.raises(StoreError), any_store.reading() as session:
        insert_event(session, an_event(1))
    with any_store.transaction() as session:
        insert_event(session, an_event(1))
    with any_store.reading() as session:
        assert find_event(session, an_event(1).id) == an_event(1)


def test_readers_do_not_wait_for_a_writer_and_see_what_was_committed(any_store):
    with any_store.transaction() as writer:
        insert_event(writer, an_event(1, state="open"))
        with any_store.reading() as reader:
            assert open_events(reader) == []
    with any_store.reading() as reader:
        assert len(open_events(reader)) == 1


def test_a_reader_does_not_make_a_writer_wait(any_store):
    with any_store.reading() as reader:
        assert open_events(reader) == []
        with any_store.transaction() as writer:
            insert_event(writer, an_event(1))


def test_a_locked_database_is_an_error_in_time_and_heals(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    store = Store(sqlite_url(tmp_path), migrate=True)
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as raised, store.transaction() as session:
            open_events(session)
        assert raised.value.transient
        with store.reading() as session:
            assert open_events(session) == []
        other.execute("COMMIT")
    with store.transaction() as session:
        insert_event(session, an_event(1))
    store.close()


def test_a_locked_row_of_postgresql_is_an_error_in_time(postgresql_url, monkeypatch):
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    store = Store(postgresql_url, migrate=True)
    with store.transaction() as session:
        session.execute(text("LOCK TABLE events"))
        with pytest.raises(StoreError, match="locked") as raised, store.transaction() as second:
            insert_event(second, an_event(1))
    assert raised.value.transient
    store.close()


def test_a_full_disk_is_an_error_that_loses_nothing(sqlite_store):
    with sqlite_store.transaction() as session:
        insert_event(session, an_event(0))
    limits = [f"max_page_count={pages}" for pages in (1, 1_000_000)]
    event.listen(sqlite_store.engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA {limits[0]}"))
    with pytest.raises(StoreError, match="no room left") as raised, sqlite_store.transaction() as session:
        insert_event(session, an_event(1, sentence="long " * 100_000))
    assert raised.value.transient
    limits.pop(0)
    with sqlite_store.transaction() as session:
        insert_event(session, an_event(2))
    with sqlite_store.reading() as session:
        assert [find_event(session, an_event(number).id) is None for number in range(3)] == [
            False,
            True,
            False,
        ]


def test_a_read_only_database_says_so(tmp_path):
    Store(sqlite_url(tmp_path), migrate=True).close()
    store = Store(f"sqlite:///file:{tmp_path / 'events.db'}?mode=ro&uri=true")
    with pytest.raises(StoreError, match="is read-only") as raised, store.transaction() as session:
        insert_event(session, an_event(1))
    assert not raised.value.transient
    assert raised.value.may_pass, "once somebody made it writable"
    store.close()


def test_a_disk_that_processes_cannot_share_is_refused(tmp_path):
    store = Store(f"sqlite:///file:{tmp_path / 'events.db'}?vfs=unix-dotfile&uri=true")
    with pytest.raises(StoreError, match="keep it on a local one"), store.reading() as session:
        open_events(session)


@pytest.mark.parametrize(
    ("content", "said"), [(b"no database at all" * 100, "no SQLite database"), (None, "cannot be")]
)
def test_what_is_no_database_is_one_clear_line(tmp_path, content, said):
    place = tmp_path / "events.db" if content else tmp_path / "nowhere"
    if content:
        place.write_bytes(content)
    with pytest.raises(StoreError, match=said) as raised:
        Store(sqlite_url(tmp_path if content else place), migrate=True)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_out_of_reach_is_one_line_without_the_password():
    url = f"postgresql+psycopg://guard:{PASSWORD}@127.0.0.1:{free_port()}/events?application_name={PASSWORD}"
    store = Store(url)
    with pytest.raises(StoreError) as raised, store.transaction() as session:
        open_events(session)
    assert raised.value.transient
    assert PASSWORD not in str(raised.value)
    assert PASSWORD not in repr(raised.value.__cause__)
    assert "\n" not in str(raised.value)


def test_a_wrong_password_is_not_shown(postgresql_url):
    store = Store(postgresql_url.replace(PASSWORD, "another-secret"))
    with pytest.raises(StoreError, match="authentication failed") as raised, store.reading() as session:
        open_events(session)
    assert "another-secret" not in str(raised.value)


def test_a_server_that_closed_its_connections_is_connected_to_anew(postgresql_server, postgresql_url):
    store = Store(postgresql_url, migrate=True)
    with store.transaction() as session:
        insert_event(session, an_event(1))
    postgresql_server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
    )
    with store.transaction() as session:
        insert_event(session, an_event(2))
    store.close()


@pytest.mark.parametrize(
    "url", ["nothing", "mysql://host/events", "sqlite://", "sqlite:///:memory:", "postgresql://"]
)
def test_what_cannot_be_a_store_is_a_mistake_of_the_configuration(url):
    with pytest.raises(ConfigError, match=r"^store\.url"):
        Store(url)


def test_an_error_holds_no_values(any_store):
    query = "INSERT INTO tokens (name, token_digest, role, created_at) VALUES ('same', :digest, '', 0)"

    def insert() -> None:
        with any_store.transaction() as session:
            session.execute(text(query), {"digest": "digest-of-a-token"})

    insert()
    with pytest.raises(StoreError) as raised:
        insert()
    assert "digest-of-a-token" not in f"{raised.value} {raised.value.__cause__}"
    assert not raised.value.may_pass


def test_threads_share_a_store(any_store):
    def write(first: int) -> None:
        for number in range(first, first + 10):
            with any_store.transaction() as session:
                insert_event(session, an_event(number, state="open"))

    threads = [threading.Thread(target=write, args=(10 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.reading() as session:
        assert [found.id for found in open_events(session)] == [an_event(number).id for number in range(40)]


def test_a_folder_with_odd_signs_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    Store(sqlite_url(folder), migrate=True).close()
    assert Path(folder / "events.db").is_file()
