"""The thread that writes to the store: in order, together, again where the store refuses; and its end."""

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from live_captures import until
from live_databases import an_event
from sqlalchemy import event, text

from normalcy.live.engine import recorder as recorders
from normalcy.live.engine.recorder import Recorder
from normalcy.live.store.events import EventFilter, find_events, insert_event
from normalcy.live.store.refusals import StoreError

pytest_plugins = ["live_databases"]


class Bell:
    def __init__(self) -> None:
        self.rings = 0

    def release(self) -> None:
        self.rings += 1


@pytest.fixture
def written(sqlite_store):
    """A recorder that is not started yet."""
    made = Recorder(sqlite_store, bell=Bell())
    yield made
    made._is_abandoned.set()


def insert(number):
    return lambda session: insert_event(session, an_event(number))


def stored(store):
    with store.reading() as session:
        return [int(event.id, 16) for event in reversed(find_events(session, EventFilter(), limit=1000))]


@contextmanager
def locked(store):
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(store.url.database, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


def test_jobs_are_written_in_order_and_together(written, sqlite_store):
    order = []

    def noted(number):
        def job(session):
            order.append(
                (number, id(session.connection().connection.dbapi_connection), session.in_transaction())
            )
            insert_event(session, an_event(number))

        return job

    for number in range(120):
        written.record(noted(number))
    written.start()
    assert written.stop(30)
    assert [number for number, _, _ in order] == list(range(120))
    assert stored(sqlite_store) == list(range(120))
    assert written._bell.rings == 3, "fifty at once"


def test_a_job_that_can_never_be_written_costs_only_itself(written, sqlite_store, caplog):
    def poison(_):
        raise KeyError("poison")

    for job in (insert(0), poison, insert(0), insert(1), insert(2)):
        written.record(job)
    written.start()
    assert written.stop(30)
    assert stored(sqlite_store) == [0, 1, 2]
    assert written.lost == 2
    assert "poison" in caplog.text


def test_a_store_that_refuses_for_a_while_gets_everything_in_the_end(written, sqlite_store, monkeypatch):
    monkeypatch.setattr(recorders, "_FIRST_WAIT_SECONDS", 0.01)
    begun, refused = sqlite_store.transaction, 3

    @contextmanager
    def refusing():
        nonlocal refused
        refused -= 1
        if refused >= 0:
            raise StoreError("is locked", transient=True)
        with begun() as session:
            yield session

    monkeypatch.setattr(sqlite_store, "transaction", refusing)
    written.record(insert(7))
    written.start()
    assert written.stop(30)
    assert stored(sqlite_store) == [7]
    assert (written.refusals, written.lost) == (3, 0)


def test_a_locked_store_holds_up_nobody_who_records_and_no_stop(written, sqlite_store, monkeypatch):
    with locked(sqlite_store):
        written.start()
        for number in range(20):
            written.record(insert(number))
        assert not written.stop(0.2)
    assert stored(sqlite_store) in ([], list(range(20))), "all of a transaction, or nothing"


def test_what_is_not_taken_before_the_end_is_counted_and_told(written, sqlite_store, caplog):
    with locked(sqlite_store):
        written.start()
        for number in range(120):
            written.record(insert(number))
        until(lambda: written._jobs.qsize() == 70)
        assert not written.stop(0.1)
        assert written.lost == 120
    assert "the last 120 changes" in caplog.text
    written._thread.join(60)
    assert len(stored(sqlite_store)) in (0, 50), "what was in hand may have been taken; the rest is left"


def test_a_store_that_takes_nothing_before_somebody_mends_it_is_waited_for(written, sqlite_store, tmp_path):
    written.start()
    written.record(insert(1))
    until(lambda: stored(sqlite_store) == [1])
    sqlite_store.close()
    elsewhere = tmp_path.rename(tmp_path.with_name("elsewhere"))
    written.record(insert(2))
    until(lambda: written.refusals > 1)
    elsewhere.rename(tmp_path)
    assert written.stop(60)
    assert (stored(sqlite_store), written.lost) == ([1, 2], 0)


def test_a_connection_that_was_read_only_is_opened_anew(written, sqlite_store):
    """As after a disk was mounted read-only: what was opened then cannot be written for ever."""

    @event.listens_for(sqlite_store.engine, "begin")
    def read_only(connection):
        is_bad = id(connection.connection.dbapi_connection) in bad
        connection.exec_driver_sql(f"PRAGMA query_only={int(is_bad)}")

    bad, good = set(), threading.Event()

    @event.listens_for(sqlite_store.engine, "connect")
    def spoil(connection, _):
        if not good.is_set():
            bad.add(id(connection))

    sqlite_store.close()
    written.start()
    written.record(insert(1))
    until(lambda: written.refusals > 0)
    good.set()
    until(lambda: written.refused_since is None)
    assert written.stop(60)
    assert (stored(sqlite_store), written.lost) == ([1], 0)


@pytest.mark.parametrize("statement", ["INSERT INTO nowhere VALUES (1)", "SELEC", "DROP TABLE nowhere"])
def test_a_statement_that_is_wrong_is_not_waited_for(written, statement):
    written.record(lambda session: session.execute(text(statement)) and None)
    written.start()
    assert written.stop(30)
    assert (written.lost, written.refusals) == (1, 0)


def test_what_is_locked_for_a_moment_is_written_afterwards(written, sqlite_store):
    with locked(sqlite_store):
        written.start()
        written.record(insert(1))
    assert written.stop(60)
    assert stored(sqlite_store) == [1]


def test_timelines_give_way_before_events_and_events_before_the_engine(written, monkeypatch):
    monkeypatch.setattr(recorders, "_MOST_JOBS", 10)
    monkeypatch.setattr(recorders, "_ROOM_FOR_EVENTS", 4)
    monkeypatch.setattr(recorders, "_PATIENCE_SECONDS", 0.01)
    full = Recorder(written._store, bell=Bell())
    for _ in range(8):
        full.record_if_room(insert(0))
    assert (full.gave_way, full._jobs.qsize()) == (2, 6)
    for number in range(4):
        full.record(insert(number))
    assert (full.lost, full._jobs.qsize()) == (0, 10)
    full.record(insert(9))
    assert full.lost == 1


def test_writing_waits_for_nobody(written, sqlite_store):
    """What is recorded while another job is being written is written as well."""
    going, go = threading.Event(), threading.Event()

    def slow(session):
        going.set()
        go.wait(30)
        insert_event(session, an_event(0))

    written.start()
    written.record(slow)
    assert going.wait(30)
    for number in range(1, 5):
        written.record(insert(number))
    go.set()
    until(lambda: written._bell.rings >= 2)
    assert stored(sqlite_store) == [0, 1, 2, 3, 4]
    assert written.stop(30)


def test_what_is_to_follow_follows_the_commit_and_never_a_job_that_is_lost(
    written, sqlite_store, monkeypatch
):
    monkeypatch.setattr(recorders, "_FIRST_WAIT_SECONDS", 0.01)
    done, refusals = [], iter([True, False])

    def refused_once(session):
        insert_event(session, an_event(1))
        if next(refusals):
            raise StoreError("is locked", transient=True)

    def poison(_):
        raise KeyError("poison")

    written.record(refused_once, then=lambda: done.append(stored(sqlite_store)))
    written.start()
    until(lambda: done)
    written.record(poison, then=lambda: done.append("poison"))
    assert written.stop(30)
    assert done == [[1]]


def test_one_that_was_never_started_stops(written):
    assert written.stop(0.1)


def test_a_store_that_takes_nothing_holds_up_scoring_once_and_not_for_each_event(
    written, monkeypatch, sqlite_store
):
    monkeypatch.setattr(recorders, "_PATIENCE_SECONDS", 0.05)
    written._patience_seconds = 0.05
    for _ in range(written._jobs.maxsize):
        written.record(lambda session: None)
    assert not written.has_room
    written.record(insert(1))
    assert (written.lost, written._patience_seconds) == (1, 0.0)
    written.record(insert(2))
    assert written.lost == 2
    written._jobs.get()
    written.record(insert(3))
    assert (written.lost, written._patience_seconds) == (2, 0.05)


def test_it_says_since_when_the_store_refuses(written, sqlite_store, monkeypatch):
    monkeypatch.setattr(recorders, "_FIRST_WAIT_SECONDS", 0.01)
    refuses = threading.Event()
    refuses.set()

    def job(session):
        if refuses.is_set():
            raise StoreError("is locked", transient=True)

    assert written.refused_since is None
    written.record(job)
    written.start()
    until(lambda: written.refusals > 1)
    assert written.refused_since == pytest.approx(time.time(), abs=60)
    refuses.clear()
    until(lambda: written.refused_since is None)
    assert written.stop(10)
