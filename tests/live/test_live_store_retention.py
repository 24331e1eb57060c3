"""What is deleted, in which order, and that events and media go together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from live_databases import an_event
from sqlalchemy import select

from normalcy.live.cameras.state import CameraState
from normalcy.live.config.store import RetentionConfig
from normalcy.live.store import retention
from normalcy.live.store.cameras import record_state, state_history
from normalcy.live.store.check import check_store
from normalcy.live.store.events import find_events, insert_event
from normalcy.live.store.models import MessageRow
from normalcy.live.store.outbox import due_messages, enqueue, mark_sent, outbox_counts
from normalcy.live.store.records import EventFilter, NewMessage, ViewRecord
from normalcy.live.store.retention import apply_retention
from normalcy.live.store.scores import read_scores, save_minute
from normalcy.live.store.store import StoreError
from normalcy.live.store.users import add_user, find_session, find_user, start_session
from normalcy.live.store.verdicts import give_verdict
from normalcy.live.store.views import save_view

pytest_plugins = ["live_databases"]

DAY = 86_400.0
NOW = 1_000 * DAY
KEEP_ALL = RetentionConfig(days=900, reviewed_days=950, scores_days=900)
PLENTY = 10**12


def store_event(
    store, media: Path, number: int, *, days_old: float, size_bytes: int = 1000, verdict=None, **values
):
    """An event with a snapshot of so many bytes."""
    at = NOW - days_old * DAY
    name = f"yard/day-{days_old:g}/{number}" if size_bytes else ""
    event = an_event(number, started_at=at, ended_at=at, media=name, media_bytes=size_bytes, **values)
    if size_bytes:
        (media / name).mkdir(parents=True)
        (media / name / "snapshot.jpg").write_bytes(bytes(size_bytes))
    with store.transaction() as session:
        insert_event(session, event)
        if verdict:
            give_verdict(session, event.id, verdict, by="ann", at=at)


def left(store, media: Path, *, with_media: bool = False) -> list[int]:
    """Numbers of the events that are there, newest first; with their media as the rows say, or something is amiss."""
    assert check_store(store, media, settled_seconds=0).findings == ()
    with store.reading() as session:
        events = find_events(session, EventFilter(), limit=1000)
    return [int(event.id, 16) for event in events if event.media or not with_media]


def apply(store, media: Path, config: RetentionConfig, *, free_bytes: int = PLENTY, now: float | None = NOW):
    return apply_retention(store, media, config, now=now, free_bytes=lambda: free_bytes)


def test_old_events_go_and_reviewed_ones_later(any_store, media):
    for number, (days_old, verdict) in enumerate(
        [
            (29, None),
            (31, None),
            (31, "confirmed"),
            (366, "confirmed"),
            (31, "false_alarm"),
            (367, "false_alarm"),
            (364, "confirmed"),
        ]
    ):
        store_event(any_store, media, number, days_old=days_old, verdict=verdict)
    report = apply(any_store, media, RetentionConfig())
    assert left(any_store, media) == [0, 4, 2, 6]
    assert (report.expired, report.over_limit, report.for_space, report.freed_bytes) == (3, 0, 0, 3000)
    # Folders of days that hold nothing any more are gone too.
    assert sorted(path.name for path in (media / "yard").iterdir()) == ["day-29", "day-31", "day-364"]


def test_an_open_event_stays_whatever_its_age(any_store, media):
    store_event(any_store, media, 0, days_old=999)
    with any_store.transaction() as session:
        insert_event(session, an_event(1, state="open"))
    apply(any_store, media, RetentionConfig(media_gigabytes=1e-9), free_bytes=0)
    with any_store.reading() as session:
        assert [event.state for event in find_events(session, EventFilter(), limit=9)] == ["open"]


def test_media_over_their_limit_go_the_oldest_first_reviewed_ones_last(any_store, media):
    for number, verdict in enumerate([None, "false_alarm", "confirmed", None, "confirmed", None]):
        store_event(any_store, media, number, days_old=number + 1, verdict=verdict)
    store_event(any_store, media, 9, days_old=20, size_bytes=0)

    def limited_to(size_bytes: int) -> list[int]:
        config = KEEP_ALL.model_copy(update={"media_gigabytes": size_bytes / 1e9})
        report = apply(any_store, media, config)
        assert report.freed_bytes == 1000 * report.over_limit
        return left(any_store, media, with_media=True)

    assert limited_to(6000) == [0, 1, 2, 3, 4, 5]
    assert limited_to(4500) == [0, 1, 2, 4]
    assert limited_to(3000) == [1, 2, 4]
    assert limited_to(1000) == [1]


def test_false_alarms_lose_their_media_last_and_that_is_told(any_store, media):
    """A memory learns from their clips."""
    for number, verdict in enumerate(["confirmed", "false_alarm", None, "confirmed", "false_alarm"]):
        store_event(any_store, media, number, days_old=9 - number, verdict=verdict)
    store_event(any_store, media, 9, days_old=999, verdict="false_alarm")

    def limited_to(size_bytes: int) -> tuple[list[int], int]:
        config = KEEP_ALL.model_copy(update={"media_gigabytes": size_bytes / 1e9})
        forgotten = apply(any_store, media, config).forgotten
        return left(any_store, media, with_media=True), forgotten

    assert limited_to(4000) == ([4, 3, 1, 0], 0)
    assert limited_to(2000) == ([4, 1], 0)
    assert limited_to(1000) == ([4], 1)


def test_for_room_only_media_go_and_events_and_verdicts_stay(any_store, media):
    for number, verdict in enumerate([None, "false_alarm"]):
        store_event(any_store, media, number, days_old=number + 1, verdict=verdict)
    config = KEEP_ALL.model_copy(update={"media_gigabytes": 1e-9})
    assert apply(any_store, media, config).over_limit == 2
    with any_store.reading() as session:
        events = find_events(session, EventFilter(), limit=9)
    assert [(event.verdict, event.media, event.media_bytes) for event in events] == [
        (None, "", 0),
        ("false_alarm", "", 0),
    ]
    assert list(media.iterdir()) == []
    assert apply(any_store, media, config).over_limit == 0


def test_room_is_made_on_a_full_disk_and_no_more_than_is_missing(any_store, media):
    for number in range(60):
        store_event(any_store, media, number, days_old=number + 1)
    config = KEEP_ALL.model_copy(update={"free_gigabytes": 100_000 / 1e9})
    report = apply(any_store, media, config, free_bytes=54_500)
    assert (report.for_space, report.freed_bytes, report.missing_bytes) == (46, 46_000, 0)
    assert left(any_store, media, with_media=True) == list(range(14))
    assert len(left(any_store, media)) == 60


def test_no_media_go_for_room_that_all_of_them_could_not_give(any_store, media):
    for number in range(3):
        store_event(any_store, media, number, days_old=number + 1)
    # One that is open keeps its media, so that they are no room either.
    with any_store.transaction() as session:
        insert_event(session, an_event(9, state="open", media_bytes=50_000))
    config = KEEP_ALL.model_copy(update={"free_gigabytes": 10_000 / 1e9})
    report = apply(any_store, media, config, free_bytes=6_999)
    assert (report.for_space, report.freed_bytes, report.missing_bytes) == (0, 0, 3_001)
    report = apply(any_store, media, config, free_bytes=7_000)
    assert (report.for_space, report.freed_bytes, report.missing_bytes) == (3, 3_000, 0)


def test_nothing_is_too_old_where_the_clock_cannot_be_trusted(any_store, media):
    store_event(any_store, media, 0, days_old=999)
    store_event(any_store, media, 1, days_old=1)
    with any_store.transaction() as session:
        save_minute(session, "yard", 0, np.ones(60), 1.0)
    report = apply(any_store, media, RetentionConfig(media_gigabytes=1000 / 1e9), now=None)
    assert (report.expired, report.over_limit, report.score_minutes) == (0, 1, 0)
    assert left(any_store, media) == [1, 0]
    assert apply(any_store, media, RetentionConfig()).expired == 1


def test_media_that_cannot_be_deleted_keep_their_event(any_store, media, monkeypatch):
    for number in range(3):
        store_event(any_store, media, number, days_old=40)

    def refuse_one(media, name):
        if name.endswith("/1"):
            raise PermissionError(13, "Permission denied")
        return delete_folder(media, name)

    delete_folder = retention.delete_folder
    monkeypatch.setattr(retention, "delete_folder", refuse_one)
    report = apply(any_store, media, RetentionConfig())
    assert (report.expired, report.stuck) == (2, (an_event(1).id,))
    assert left(any_store, media) == [1]


@pytest.mark.parametrize("name", ["../outside", "{outside}", "yard/../../outside", ".."])
def test_nothing_outside_the_media_folder_is_deleted(any_store, media, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "snapshot.jpg").write_bytes(b"mine")
    with any_store.transaction() as session:
        insert_event(session, replace(an_event(1), media=name.format(outside=outside), media_bytes=4))
    assert apply(any_store, media, RetentionConfig()).expired == 1
    assert (outside / "snapshot.jpg").read_bytes() == b"mine"
    assert media.is_dir()


def test_a_crash_between_media_and_rows_is_healed_the_next_time(any_store, media, monkeypatch):
    store_event(any_store, media, 0, days_old=40)
    with monkeypatch.context() as patched:
        patched.setattr(retention, "delete", lambda _: (_ for _ in ()).throw(StoreError("is gone")))
        with pytest.raises(StoreError):
            apply(any_store, media, RetentionConfig())
    (finding,) = check_store(any_store, media, settled_seconds=0).findings
    assert finding.kind == "media gone"
    assert apply(any_store, media, RetentionConfig()).expired == 1
    assert left(any_store, media) == []


def test_other_rows_go_when_they_are_old(any_store, media):
    with any_store.transaction() as session:
        for days_old in (1, 20, 40):
            at = NOW - days_old * DAY
            save_minute(session, "yard", int(at // 60), np.ones(60), 1.0)
            record_state(session, "yard", CameraState.ONLINE, "", at)
            save_view(session, ViewRecord(f"of {days_old}", "", "", b"", 1.0, None, at))
            for state in ("sent", "waiting"):
                message = NewMessage(f"{days_old} {state}", "yard", "mqtt", "event.opened", "alert", {})
                enqueue(session, message, at=at)
        for message in due_messages(session, now=NOW, limit=9):
            if message.key.endswith("sent"):
                mark_sent(session, message.id, at=message.created_at)
        add_user(session, "ann", "long enough", "viewer", at=0.0)
        tokens = [
            start_session(session, find_user(session, "ann"), now=NOW - days * DAY)[0] for days in (1, 40)
        ]
    report = apply(any_store, media, RetentionConfig())
    assert (report.score_minutes, report.camera_states, report.messages, report.logins) == (2, 1, 1, 1)
    assert report.views == 1
    with any_store.transaction() as session:
        assert len(read_scores(session, "yard", 0, NOW)[0]) == 60
        assert len(state_history(session, "yard", 0)) == 2
        assert outbox_counts(session) == {"waiting": 3, "sent": 2, "dead": 0, "held": 0}
        found = [find_session(session, each, now=NOW, idle_seconds=9e9) is not None for each in tokens]
    assert found == [True, False]


def test_messages_stay_while_their_end_may_still_have_to_be_told(any_store, media):
    at = NOW - 40 * DAY
    with any_store.transaction() as session:
        insert_event(session, an_event(1, state="open"))
        insert_event(session, an_event(2, started_at=NOW, ended_at=NOW))
        for camera, kind, incident in [
            ("yard", "event.opened", an_event(1).id),
            ("yard", "event.opened", an_event(2).id),
            ("gate", "camera.offline", "gate@1"),
            ("roof", "camera.offline", "roof@1"),
            ("roof", "camera.online", "roof@1"),
        ]:
            message = NewMessage(
                f"{incident} {kind}", camera, "mqtt", kind, "alert", {"offline_at_epoch": 1.0}, None, incident
            )
            enqueue(session, message, at=at)
        for message in due_messages(session, now=NOW, limit=9):
            mark_sent(session, message.id, at=at)
        for message in due_messages(session, now=NOW, limit=9):
            mark_sent(session, message.id, at=at)
    assert apply(any_store, media, RetentionConfig()).messages == 3
    with any_store.reading() as session:
        assert set(session.scalars(select(MessageRow.incident))) == {an_event(1).id, "gate@1"}
