"""One engine a database."""

import subprocess
import sys
import threading
import time

import pytest
from live_captures import until

from normalcy.errors import RunFolderBusy
from normalcy.live.store import claim as claiming
from normalcy.live.store.claim import claim_database
from normalcy.live.store.store import Store, StoreError

pytest_plugins = ["live_databases"]

HOLD_IT = """
import sys
from normalcy.live.store.claim import claim_database
from normalcy.live.store.store import Store
claim = claim_database(Store(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_engine_is_kept_out_until_the_first_is_gone(postgresql_url):
    first, second = Store(postgresql_url), Store(postgresql_url)
    claim = claim_database(first)
    for _ in range(2):
        with pytest.raises(RunFolderBusy, match="another engine uses this database") as raised:
            claim_database(second, wait_seconds=0.0)
    assert "s3cret" not in str(raised.value)
    with second.reading():
        pass  # others may read and write it: `live check`, somebody who adds a user
    claim.release()
    claim_database(second).release()
    claim_database(first).release()
    for store in (first, second):
        store.close()


def test_other_databases_of_the_server_are_free(postgresql_server):
    stores = [Store(postgresql_server.new_database()) for _ in range(2)]
    for claim in [claim_database(store) for store in stores]:
        claim.release()
    for store in stores:
        store.close()


def test_a_process_that_is_killed_holds_nothing(postgresql_url):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_IT, postgresql_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    store = Store(postgresql_url)
    with pytest.raises(RunFolderBusy):
        claim_database(store, wait_seconds=0.0)
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    until(lambda: is_free(store))
    store.close()


def is_free(store: Store) -> bool:
    try:
        claim_database(store, wait_seconds=0.0).release()
    except RunFolderBusy:
        return False
    return True


def test_an_engine_that_is_about_to_end_is_waited_for(postgresql_url, monkeypatch):
    monkeypatch.setattr(claiming, "_LOOK_SECONDS", 0.02)
    first, second = Store(postgresql_url), Store(postgresql_url)
    leaving = threading.Timer(0.3, claim_database(first).release)
    leaving.start()
    claim_database(second).release()
    leaving.join()
    for store in (first, second):
        store.close()


def test_who_is_told_to_stop_waits_no_longer(postgresql_url, monkeypatch):
    monkeypatch.setattr(claiming, "_LOOK_SECONDS", 30.0)
    first, second, told = Store(postgresql_url), Store(postgresql_url), threading.Event()
    claim = claim_database(first)
    telling, started = threading.Timer(0.3, told.set), time.monotonic()
    telling.start()
    with pytest.raises(RunFolderBusy):
        claim_database(second, wait_seconds=30.0, told_to_stop=told)
    assert time.monotonic() - started < 25.0
    claim.release()
    for store in (first, second):
        store.close()


def test_sqlite_is_held_by_its_folder(sqlite_store):
    claim_database(sqlite_store).release()
    claim_database(sqlite_store).release()


def test_a_server_that_is_away_is_said(postgresql_url):
    store = Store(postgresql_url.replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(StoreError) as raised:
        claim_database(store)
    assert raised.value.transient
    store.close()
