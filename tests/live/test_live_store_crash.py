"""Writers that are killed at any moment lose nothing that they committed, and leave nothing half-done.

Run as a script, this file is the driver: it forks writers, kills them while they write, and prints what was
committed.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time

from live_databases import an_event
from sqlalchemy import text

from normalcy.live.store.events import find_events, insert_event, set_media
from normalcy.live.store.outbox import due_messages, enqueue
from normalcy.live.store.records import EventFilter, NewMessage
from normalcy.live.store.store import Store, StoreError

pytest_plugins = ["live_databases"]

ROUNDS, WRITERS = 12, 2
PER_WRITER = 1_000_000


def test_writers_killed_at_random_points_lose_no_commit(any_store):
    url = any_store.url.render_as_string(hide_password=False)
    command = [sys.executable, "-W", "error", __file__, url, str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    committed = {int(number) for number in done.stdout.split()}
    assert len({number // PER_WRITER for number in committed}) == ROUNDS * WRITERS
    with any_store.reading() as session:
        events = find_events(session, EventFilter(), limit=1_000_000)
        messages = due_messages(session, now=1.0, limit=1_000_000)
        if any_store.engine.dialect.name == "sqlite":
            assert session.scalars(text("PRAGMA integrity_check")).all() == ["ok"]
    numbers = {int(event.id, 16) for event in events}
    assert committed <= numbers
    # At most one of each writer was committed and not told of any more; each is whole, with its message.
    assert len(numbers - committed) <= ROUNDS * WRITERS
    assert all(event.media_bytes == 1 for event in events)
    assert {int(message.key) for message in messages} == numbers


def write_for_ever(url: str, first: int, told: int) -> None:
    """Commits events with a message each, and tells of each commit."""
    store, number = Store(url), first
    while True:
        try:
            write_one(store, number)
        except StoreError as error:
            if not error.transient:
                raise
            continue  # on a busy machine another may hold the lock for seconds
        os.write(told, f"{number}\n".encode())
        number += 1


def write_one(store: Store, number: int) -> None:
    """One transaction."""
    with store.transaction() as session:
        insert_event(session, an_event(number, sentence="long " * 500))
        enqueue(session, NewMessage(str(number), "yard", "mqtt", "event.opened", "alert", {}), at=0.0)
        set_media(session, an_event(number).id, media="m", media_bytes=1)


def start_writer(url: str, first: int) -> tuple[int, int]:
    """Its process, and the pipe that it tells through."""
    reads, told = os.pipe()
    process = os.fork()
    if process == 0:
        write_for_ever(url, first, told)
    os.close(told)
    return process, reads


def kill_while_writing(url: str, firsts: list[int], *, seconds: float) -> bytes:
    """What writers told of that worked at once, and were killed some seconds after their first commits."""
    writers = [start_writer(url, first) for first in firsts]
    for _, reads in writers:
        select.select([reads], [], [], 60)
    time.sleep(seconds)
    for process, _ in writers:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    told = b""
    for _, reads in writers:
        with os.fdopen(reads, "rb") as pipe:
            told += pipe.read()
    return told


def drive(url: str, rounds: int) -> None:
    moments = random.Random(0)
    for each in range(rounds):
        firsts = [(WRITERS * each + writer) * PER_WRITER for writer in range(WRITERS)]
        told = kill_while_writing(url, firsts, seconds=moments.uniform(0.0, 0.04))
        sys.stdout.write(told.decode())


if __name__ == "__main__":
    drive(sys.argv[1], int(sys.argv[2]))
