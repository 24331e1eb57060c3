"""The store held against the disk: what is found, what is mended, and what is left alone."""

import os
import time
from pathlib import Path

import pytest
from live_databases import an_event

from normalcy.live.store.check import check_store
from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.store import Store, sqlite_url

pytest_plugins = ["live_databases"]

NAME = "yard/1970-01-12/one"


def put(path: Path, size_bytes: int, *, seconds_old: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size_bytes))
    os.utime(path, (time.time() - seconds_old,) * 2)
    return path


def check_twice(store, media: Path) -> list[tuple[str, str]]:
    """What is found; that it is mended, and that nothing is found again, is checked on the way."""
    found = check_store(store, media, settled_seconds=0)
    assert not any(finding.is_mended for finding in found.findings)
    mended = check_store(store, media, repair=True, settled_seconds=0)
    assert [finding.what for finding in mended.findings] == [finding.what for finding in found.findings]
    assert mended.is_sound
    assert [
        each for each in check_store(store, media, settled_seconds=0).findings if each.kind != "foreign"
    ] == []
    return [(finding.kind, finding.what) for finding in found.findings]


@pytest.fixture
def sound(any_store, media):
    """A store with one event whose media are there."""
    with any_store.transaction() as session:
        insert_event(session, an_event(1, media=NAME, media_bytes=30))
    put(media / NAME / "snapshot.jpg", 10)
    put(media / NAME / "clip.mp4", 20)
    return any_store


def test_a_sound_store_is_sound(sound, media):
    check = check_store(sound, media, settled_seconds=0)
    assert (check.events, check.findings, check.is_sound) == (1, (), True)


def test_a_store_without_a_media_folder_is_sound(any_store, tmp_path):
    assert check_store(any_store, tmp_path / "nowhere", settled_seconds=0).findings == ()


def test_media_that_no_event_names_are_deleted(sound, media):
    put(media / "yard/1970-01-13/two/snapshot.jpg", 5)
    put(media / "yard/1970-01-13/two/clip.mp4", 5)
    (media / "gate/1970-01-13/three").mkdir(parents=True)
    assert check_twice(sound, media) == [
        ("orphan", "gate/1970-01-13/three belongs to no event"),
        ("orphan", "yard/1970-01-13/two/clip.mp4, snapshot.jpg belongs to no event"),
    ]
    assert sorted(path.name for path in media.iterdir()) == ["yard"]
    assert (media / NAME / "clip.mp4").is_file()


def test_half_written_files_are_deleted(sound, media):
    put(media / NAME / ".clip.mp4.123-abcd.part", 5)
    assert check_twice(sound, media) == [
        ("temporary", f"{NAME}/.clip.mp4.123-abcd.part was not written to its end")
    ]
    assert (media / NAME / "clip.mp4").is_file()


def test_files_of_others_are_told_of_and_left_alone(sound, media):
    notes = put(media / "notes.txt", 5)
    hidden = put(media / "yard/.keep", 0)
    kinds = [kind for kind, _ in check_twice(sound, media)]
    assert kinds == ["foreign", "foreign"]
    assert notes.is_file()
    assert hidden.is_file()


@pytest.mark.parametrize("name", [NAME, "../outside"])
def test_an_event_whose_media_are_gone_says_so_no_longer(any_store, media, name):
    put(media.parent / "outside/snapshot.jpg", 30)
    with any_store.transaction() as session:
        insert_event(session, an_event(1, media=name, media_bytes=30))
    assert check_twice(any_store, media) == [
        ("media gone", f"event {an_event(1).id} has lost its media, {name}")
    ]
    with any_store.reading() as session:
        assert find_event(session, an_event(1).id) == an_event(1)
    assert (media.parent / "outside/snapshot.jpg").is_file()


def test_the_size_of_media_follows_the_disk(sound, media):
    put(media / NAME / "clip.mp4", 25)
    assert [kind for kind, _ in check_twice(sound, media)] == ["media size"]
    with sound.reading() as session:
        assert find_event(session, an_event(1).id).media_bytes == 35


def test_an_open_event_that_nobody_owns_is_closed_as_interrupted(any_store, media):
    with any_store.transaction() as session:
        insert_event(session, an_event(1, state="open"))
    assert [kind for kind, _ in check_twice(any_store, media)] == ["open"]
    with any_store.reading() as session:
        assert find_event(session, an_event(1).id) == an_event(1, interrupted=True)


def test_what_a_running_engine_works_on_is_left_alone(any_store, media):
    now = time.time()
    with any_store.transaction() as session:
        insert_event(session, an_event(1, state="open", ended_at=now))
        insert_event(session, an_event(2, ended_at=now, media="yard/2", media_bytes=7))
    put(media / "yard/3/snapshot.jpg", 5)
    put(media / "yard/3/.clip.mp4-1234", 5)
    assert check_store(any_store, media, repair=True).findings == ()
    assert (media / "yard/3/.clip.mp4-1234").is_file()
    put(media / "yard/3/.clip.mp4-1234", 5, seconds_old=7200)
    assert [finding.kind for finding in check_store(any_store, media).findings] == ["temporary"]


def test_what_cannot_be_deleted_stays_a_finding(sound, media, monkeypatch):
    put(media / "yard/two/snapshot.jpg", 5)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    check = check_store(sound, media, repair=True, settled_seconds=0)
    assert not check.is_sound
    assert "cannot be deleted (Permission denied)" in check.findings[0].what


def test_a_damaged_database_is_found_and_nothing_is_deleted(tmp_path, media):
    store = Store(sqlite_url(tmp_path), migrate=True)
    with store.transaction() as session:
        for number in range(200):
            insert_event(session, an_event(number, sentence="long " * 50))
    store.close()
    orphan = put(media / "yard/two/snapshot.jpg", 5)
    path = tmp_path / "events.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = b"\xaa" * 8192
    path.write_bytes(content)
    store = Store(sqlite_url(tmp_path))
    check = check_store(store, media, repair=True, settled_seconds=0)
    store.close()
    assert {finding.kind for finding in check.findings} == {"damaged"}
    assert not check.is_sound
    assert orphan.is_file()
