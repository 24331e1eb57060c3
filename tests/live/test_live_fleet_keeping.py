"""What several nodes keep and delete: each its own pictures, and one at a time what is nobody's."""

import time
from dataclasses import replace
from math import inf

import pytest
from live_databases import an_event
from live_fleet import BEAT_SECONDS, LEASE_SECONDS, fleet_on
from sqlalchemy import select

from normalcy.live.alerts.messages import event_messages
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.store import RetentionConfig
from normalcy.live.store.check import check_store
from normalcy.live.store.events import find_event, insert_event, set_media, update_event
from normalcy.live.store.models import MessageRow
from normalcy.live.store.nodes import close_unwatched, forget_gone
from normalcy.live.store.retention import adopt_media, apply_retention, delete_moved
from normalcy.live.supervision.housekeeping import Housekeeping
from normalcy.live.supervision.notes import Notes

pytest_plugins = ["live_databases"]

DAY_SECONDS = 86_400.0


@pytest.fixture
def fleet(migrated_database):
    with fleet_on(migrated_database) as made:
        yield made


def keep(fleet, media, number, **values):
    """An event with a picture, as its row says; the picture is there where a folder is given."""
    event = an_event(number, media=f"yard/{number}", media_bytes=100, **values)
    if media is not None:
        (media / event.media).mkdir(parents=True)
        (media / event.media / "snapshot.jpg").write_bytes(bytes(100))
    with fleet.store.transaction() as session:
        insert_event(session, event)
    return event


def stored(fleet, event):
    with fleet.store.reading() as session:
        return find_event(session, event.id)


def applied(fleet, media, *, does_chores):
    """Deletes what is older than a day by the events' times, or beyond 150 bytes."""
    config = RetentionConfig(days=1, media_gigabytes=150e-9, free_gigabytes=0)
    now = an_event(5).ended_at + DAY_SECONDS - 1.0
    return apply_retention(
        fleet.store,
        media,
        config,
        now=now,
        free_bytes=lambda: 10**12,
        node="one",
        does_chores=does_chores,
    )


def test_each_node_deletes_its_own_and_one_of_them_what_is_nobodys(fleet, media):
    fleet.node("one"), fleet.node("two")
    old = [
        keep(fleet, media if node == "one" else None, each, node=node)
        for each, node in enumerate(("one", "two", "gone"))
    ]
    new = [
        keep(fleet, media if node == "one" else None, each, node=node)
        for each, node in ((6, "one"), (7, "two"), (8, "one"))
    ]
    report = applied(fleet, media, does_chores=False)
    assert (report.expired, report.over_limit) == (1, 1)
    assert [stored(fleet, each) is None for each in old] == [True, False, False]
    assert [stored(fleet, each).media_bytes for each in new] == [0, 100, 100]
    applied(fleet, media, does_chores=True)
    assert [stored(fleet, each) is None for each in old] == [True, False, True]


def test_what_lies_here_from_before_the_fleet_is_taken_on(fleet, media):
    here, elsewhere = keep(fleet, media, 1), keep(fleet, None, 2)
    assert adopt_media(fleet.store, media, "one") == 1
    assert (stored(fleet, here).node, stored(fleet, elsewhere).node) == ("one", "")


def test_a_node_without_pictures_leaves_those_of_another(fleet):
    event = keep(fleet, None, 1, node="one")
    with fleet.store.transaction() as session:
        update_event(session, replace(event, node="two", peak_score=9.0))
        assert not set_media(session, event.id, media="", media_bytes=0, node="two")
    assert (stored(fleet, event).node, stored(fleet, event).media_bytes) == ("one", 100)
    with fleet.store.transaction() as session:
        assert not set_media(session, event.id, media="yard/1", media_bytes=7, node="two")
    assert stored(fleet, event).node == "one"
    with fleet.store.transaction() as session:
        assert set_media(session, event.id, media="yard/1", media_bytes=7, node="two", takes_over=True)
    assert (stored(fleet, event).node, stored(fleet, event).media_bytes) == ("two", 7)


def test_a_check_of_one_folder_leaves_events_of_other_nodes_alone(fleet, media):
    keep(fleet, media, 1, node="one")
    other = keep(fleet, None, 2, node="two")
    going_on = keep(fleet, media, 3, node="one", state="open", ended_at=time.time())
    assert check_store(fleet.store, media, repair=True, settled_seconds=0, node="one").is_sound
    assert stored(fleet, other).media_bytes == 100
    assert stored(fleet, going_on).state == "open"


def test_events_that_nobody_can_go_on_with_are_ended(fleet):
    one = fleet.node("one", cameras=("yard",))
    fleet.live(one, seconds=2 * BEAT_SECONDS)
    watched, orphan = keep(fleet, None, 1, state="open"), keep(fleet, None, 2, state="open", camera="gone")
    fresh = keep(fleet, None, 3, state="open", camera="gone", ended_at=time.time())
    with fleet.store.transaction() as session:
        closed = close_unwatched(session, lease_seconds=LEASE_SECONDS, quiet_seconds=3600)
    assert closed == [stored(fleet, orphan)]
    assert [stored(fleet, each).state for each in (watched, orphan, fresh)] == ["open", "closed", "open"]
    assert stored(fleet, orphan).interrupted


def test_whoever_was_told_of_an_event_is_told_that_nobody_goes_on_with_it(fleet, media):
    orphan, config = keep(fleet, None, 1, state="open", camera="gone"), told_by_webhook(media)
    house = Housekeeping(
        fleet.store,
        media,
        notes=Notes(),
        node="one",
        told=lambda event: event_messages(event, "event.closed", config=config),
    )
    house.tick(time.monotonic() + DAY_SECONDS, RetentionConfig(free_gigabytes=0))
    house.stop()
    with fleet.store.reading() as session:
        row = session.scalars(select(MessageRow)).one()
    assert (row.kind, row.event_id, row.payload["state"]) == ("event.closed", orphan.id, "closed")


def told_by_webhook(folder):
    return LiveConfig.model_validate(
        {
            "data": str(folder),
            "bundles": {"b": {"path": "b"}},
            "cameras": {"yard": {"source": "rtsp://h/1"}},
            "alerts": {"webhooks": {"guard": {"url": "http://127.0.0.1:9/"}}},
        }
    )


def test_pictures_of_what_another_node_went_on_with_are_deleted(fleet, media):
    fleet.node("one"), fleet.node("two")
    mine, moved = keep(fleet, media, 1, node="one"), keep(fleet, media, 2, node="two")
    fresh = keep(fleet, media, 3, node="two", ended_at=time.time())
    going_on = keep(fleet, media, 4, node="two", state="open")
    assert delete_moved(fleet.store, media, "one", since=-inf, until=time.time() - 3600) == 1
    there = [(media / each.media).exists() for each in (mine, moved, fresh, going_on)]
    assert there == [True, False, True, True]
    assert stored(fleet, moved).media_bytes == 100


def test_a_check_finds_pictures_of_what_another_node_went_on_with(fleet, media):
    fleet.node("one"), fleet.node("two")
    keep(fleet, media, 1, node="one")
    moved, going_on = keep(fleet, media, 2, node="two"), keep(fleet, media, 3, node="two", state="open")
    before = keep(fleet, media, 4)  # of the time before the fleet
    found = check_store(fleet.store, media, repair=True, settled_seconds=-1, node="one")
    assert [(each.kind, each.is_mended) for each in found.findings] == [("orphan", True)]
    there = [(media / each.media).exists() for each in (moved, going_on, before)]
    assert there == [False, True, True]


def test_a_node_that_is_called_otherwise_by_now_keeps_its_pictures(fleet, media):
    fleet.node("before", folder="f"), fleet.node("now", folder="f")
    event = keep(fleet, media, 1, node="before")
    assert delete_moved(fleet.store, media, "now", since=-inf, until=time.time() - 3600) == 0
    assert check_store(fleet.store, media, repair=True, settled_seconds=-1, node="now").is_sound
    assert (media / event.media / "snapshot.jpg").exists()


def test_a_node_that_was_away_for_a_week_is_none_any_more(fleet):
    one, two = fleet.node("one"), fleet.node("two")
    fleet.go_on(two, seconds=8 * DAY_SECONDS)
    with fleet.store.transaction() as session:
        assert forget_gone(session, silent_seconds=7 * DAY_SECONDS) == ["one"]
    one.turn()
    assert one.failure
