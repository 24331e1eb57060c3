"""When something is deleted, and what a person is told of it."""

import shutil
import time

import pytest
from live_captures import until
from live_databases import an_event

from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.events import count_events, insert_event
from normalcy.live.store.records import EventFilter
from normalcy.live.supervision import housekeeping
from normalcy.live.supervision.housekeeping import ClockTrust, Housekeeping
from normalcy.live.supervision.notes import Notes

pytest_plugins = ["live_databases"]

QUARTER, DAY = 900.0, 86_400.0


def test_a_clock_is_trusted_a_quarter_of_an_hour_after_the_start():
    clock = ClockTrust(100.0, 1e9)
    assert not clock.look(100.0 + QUARTER - 1, 1e9 + QUARTER - 1)
    assert clock.look(100.0 + QUARTER, 1e9 + QUARTER)
    # A time server may set it by a little.
    assert clock.look(200.0 + QUARTER, 1e9 + QUARTER + 3000)


@pytest.mark.parametrize("jump", [-30 * DAY, 30 * DAY])
def test_a_clock_that_jumps_is_trusted_after_a_day_and_one_that_jumps_back_after_another(jump):
    clock = ClockTrust(0.0, 1e9)
    assert clock.look(QUARTER, 1e9 + QUARTER)
    assert not clock.look(1000.0, 1e9 + 1000 + jump)
    assert not clock.look(2000.0, 1e9 + 2000)
    assert not clock.look(2000.0 + DAY - 1, 1e9 + 2000 + DAY)
    assert clock.look(2000.0 + DAY, 1e9 + 2000 + DAY)


@pytest.fixture
def keeping(sqlite_store, media):
    notes = Notes()
    made = Housekeeping(sqlite_store, media, notes=notes)
    yield made, notes
    made.stop()


def count(store) -> int:
    with store.reading() as session:
        return count_events(session, EventFilter())


def test_what_is_old_goes_once_the_clock_is_trusted(keeping, sqlite_store, monkeypatch):
    house, _ = keeping
    with sqlite_store.transaction() as session:
        insert_event(session, an_event(1))
    start, ran = time.monotonic(), []
    apply = housekeeping.apply_retention

    def applied(*args, **words):
        report = apply(*args, **words)
        ran.append(report)
        return report

    monkeypatch.setattr(housekeeping, "apply_retention", applied)
    house.tick(start + 1, RetentionConfig(free_gigabytes=0))
    until(lambda: len(ran) == 1)
    house.stop()
    house.tick(start + 200, RetentionConfig(free_gigabytes=0))
    house.stop()
    assert (len(ran), count(sqlite_store)) == (1, 1)
    house.tick(start + QUARTER + 1, RetentionConfig(free_gigabytes=0))
    until(lambda: len(ran) == 2)
    assert count(sqlite_store) == 0


def test_lessons_that_went_for_room_are_noted(keeping, sqlite_store, media):
    house, notes = keeping
    for number, verdict in enumerate(["confirmed", "false_alarm"]):
        (media / str(number)).mkdir()
        (media / str(number) / "clip.mp4").write_bytes(bytes(1000))
        with sqlite_store.transaction() as session:
            insert_event(session, an_event(number, verdict=verdict, media=str(number), media_bytes=1000))
    small = RetentionConfig(media_gigabytes=1e-6, free_gigabytes=0)
    house.tick(time.monotonic(), small)
    house.stop()
    assert notes.all() == []
    house.tick(time.monotonic() + 301, small.model_copy(update={"media_gigabytes": 1e-9}))
    house.stop()
    assert [note.topic for note in notes.all()] == ["memory"]
    house.tick(time.monotonic() + 602, small)
    house.stop()
    assert [note.topic for note in notes.all()] == ["memory"], "they do not come back"


def test_room_that_cannot_be_made_is_noted_until_there_is_some(keeping, monkeypatch):
    house, notes = keeping
    free = {"bytes": 10**8}
    usage = shutil.disk_usage("/")._replace(free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free["bytes"]))
    house.tick(time.monotonic(), RetentionConfig())
    until(lambda: [note.topic for note in notes.all()] == ["disk"])
    assert notes.all()[0].text.startswith("less than 1 GB are free")
    house.stop()
    free["bytes"] = 10**10
    house.tick(time.monotonic() + 301, RetentionConfig())
    until(lambda: notes.all() == [])
