"""Events and verdicts."""

import math
from dataclasses import replace

import numpy as np
import pytest
from live_databases import an_event
from sqlalchemy import delete

from normalcy.live.store.events import (
    count_events,
    events_overlapping,
    find_event,
    find_events,
    insert_event,
    open_events,
    opened_events,
    set_media,
    update_event,
)
from normalcy.live.store.models import EventRow
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.store import StoreError
from normalcy.live.store.verdicts import (
    GivenVerdict,
    UnknownEvent,
    false_alarms_by_region,
    give_verdict,
    verdict_history,
)

pytest_plugins = ["live_databases"]

FULL = an_event(
    7,
    region="gate",
    kind="dark",
    severity="alert",
    rate_per_day=0.25,
    parts={"motion": 1.5, "memory": 0.5},
    sentence="Something moves: ünusual, 不寻常.",
    box=(0.1, 0.2, 0.3, 0.4),
    bundle="yard",
    detector="d" * 64,
    interrupted=True,
    media="yard/2024-01-01/7",
    media_bytes=1234,
)


def numbers(found: list[EventRecord]) -> list[int]:
    return [int(event.id, 16) for event in found]


def test_an_event_comes_back_as_it_went(any_store):
    with any_store.transaction() as session:
        insert_event(session, FULL)
    with any_store.reading() as session:
        assert find_event(session, FULL.id) == FULL
        assert find_event(session, "0" * 32) is None


def test_the_same_event_is_not_stored_twice(any_store):
    with any_store.transaction() as session:
        insert_event(session, FULL)
    with pytest.raises(StoreError), any_store.transaction() as session:
        insert_event(session, FULL)


def test_scores_that_are_no_numbers_do_not_cost_the_event(any_store):
    parts = {"motion": math.nan, "memory": np.float32(0.5), "flow": math.inf}
    with any_store.transaction() as session:
        insert_event(session, replace(FULL, parts=parts, bundle="b" * 300, box=(np.float32(0.5),) * 4))
    with any_store.reading() as session:
        found = find_event(session, FULL.id)
    assert (found.parts, found.bundle, found.box) == ({"memory": 0.5}, "b" * 200, (0.5,) * 4)


def test_an_update_leaves_what_is_not_the_engine_s(any_store):
    opened = an_event(1, state="open")
    with any_store.transaction() as session:
        insert_event(session, opened)
        set_media(session, opened.id, media="yard/1", media_bytes=10)
        give_verdict(session, opened.id, "confirmed", by="ann", at=5.0)
    closed = replace(opened, state="closed", ended_at=opened.ended_at + 60, peak_score=9.0, severity="alert")
    with any_store.transaction() as session:
        assert update_event(session, closed)
        assert not update_event(session, an_event(2))
    expected = replace(
        closed, media="yard/1", media_bytes=10, verdict="confirmed", verdict_by="ann", verdict_at=5.0
    )
    with any_store.reading() as session:
        assert find_event(session, opened.id) == expected
        assert open_events(session) == []


def test_an_update_takes_media_where_it_knows_of_some(any_store):
    with any_store.transaction() as session:
        insert_event(session, an_event(1))
        for known in ({"media": "yard/1", "media_bytes": 3}, {"media": "yard/1"}, {}):
            update_event(session, an_event(1, **known))
            found = find_event(session, an_event(1).id)
            assert (found.media, found.media_bytes) == ("yard/1", 3)
        assert not set_media(session, an_event(2).id, media="yard/2", media_bytes=1)


def test_pages_hold_every_event_once_newest_first(any_store):
    # Many of the same time, so that pages end between them.
    events = [replace(an_event(number), started_at=float(number // 4)) for number in range(23)]
    with any_store.transaction() as session:
        for event in events:
            insert_event(session, event)
    pages, before = [], None
    with any_store.reading() as session:
        while page := find_events(session, EventFilter(before=before), limit=5):
            pages.append(page)
            before = page[-1].started_at, page[-1].id
        assert count_events(session, EventFilter(before=(1.0, "0"))) == 23
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    assert [number for page in pages for number in numbers(page)] == list(reversed(range(23)))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EventFilter(), [3, 2, 1, 0]),
        (EventFilter(cameras=("gate", "roof")), [3, 1]),
        (EventFilter(severity="alert"), [1]),
        (EventFilter(state="open"), [3]),
        (EventFilter(kind="dark"), [2]),
        (EventFilter(verdict="none"), [3, 2]),
        (EventFilter(verdict="confirmed"), [1]),
        (EventFilter(verdict="false_alarm", cameras=("yard",)), [0]),
        (EventFilter(since=an_event(1).started_at, until=an_event(3).started_at), [2, 1]),
        (EventFilter(cameras=("yard",), severity="alert"), []),
    ],
)
def test_events_are_filtered(any_store, wanted, expected):
    with any_store.transaction() as session:
        insert_event(session, an_event(0))
        insert_event(session, an_event(1, camera="gate", severity="alert"))
        insert_event(session, an_event(2, kind="dark"))
        insert_event(session, an_event(3, camera="roof", state="open"))
        give_verdict(session, an_event(0).id, "false_alarm", by="ann", at=1.0)
        give_verdict(session, an_event(1).id, "confirmed", by="ann", at=1.0)
    with any_store.reading() as session:
        assert numbers(find_events(session, wanted, limit=10)) == expected
        assert count_events(session, wanted) == len(expected)


def test_events_that_overlap_a_time(any_store):
    with any_store.transaction() as session:
        insert_event(session, an_event(0, state="open"))  # goes on
        for number in (1, 2, 3):
            insert_event(session, an_event(number))
        insert_event(session, an_event(4, camera="gate", started_at=an_event(2).started_at))
    inside = an_event(2).started_at + 5
    with any_store.reading() as session:
        assert numbers(events_overlapping(session, "yard", inside, inside + 1, limit=9)) == [2, 0]
        assert numbers(events_overlapping(session, "yard", inside, inside + 100, limit=9)) == [3, 2, 0]
        assert numbers(events_overlapping(session, "yard", inside, inside + 100, limit=2)) == [3, 2]
        assert numbers(events_overlapping(session, "yard", 0.0, 1.0, limit=9)) == []


def test_verdicts_are_given_changed_and_taken_back(any_store):
    with any_store.transaction() as session:
        insert_event(session, FULL)
        give_verdict(session, FULL.id, "false_alarm", by="ann", at=1.0)
    with any_store.transaction() as session:
        give_verdict(session, FULL.id, "confirmed", by="bob", at=2.0)
        assert find_event(session, FULL.id) == replace(
            FULL, verdict="confirmed", verdict_by="bob", verdict_at=2.0
        )
        give_verdict(session, FULL.id, None, by="ann", at=3.0)
    with any_store.reading() as session:
        assert find_event(session, FULL.id) == FULL
        assert verdict_history(session, FULL.id) == [
            GivenVerdict("false_alarm", "ann", 1.0),
            GivenVerdict("confirmed", "bob", 2.0),
            GivenVerdict(None, "ann", 3.0),
        ]


def test_a_verdict_on_nothing_is_refused(any_store):
    with pytest.raises(UnknownEvent, match="no event 'zzz'"), any_store.transaction() as session:
        give_verdict(session, "zzz", "confirmed", by="ann", at=1.0)


def test_false_alarms_that_still_hold_are_learned_from_by_the_detector_that_made_them(any_store):
    with any_store.transaction() as session:
        for number, region in enumerate(["", "gate", "gate", ""]):
            insert_event(session, an_event(number, region=region, peak_score=float(number), detector="d1"))
            give_verdict(session, an_event(number).id, "false_alarm", by="ann", at=1.0)
        insert_event(session, an_event(8, region="gate", peak_score=8.0, detector="d2"))
        insert_event(session, an_event(9, camera="roof", detector="d1"))
        for number in (8, 9):
            give_verdict(session, an_event(number).id, "false_alarm", by="ann", at=1.0)
        give_verdict(session, an_event(2).id, None, by="ann", at=2.0)
        give_verdict(session, an_event(3).id, "confirmed", by="ann", at=2.0)
    with any_store.reading() as session:
        assert false_alarms_by_region(session, "yard", detector="d1") == {"": [0.0], "gate": [1.0]}
        assert false_alarms_by_region(session, "yard", detector="d2") == {"gate": [8.0]}
        assert false_alarms_by_region(session, "yard", detector="") == {}


def test_events_stay_counted_when_they_are_deleted(any_store):
    with any_store.transaction() as session:
        assert opened_events(session) == {}
        for number, kind in enumerate(["anomaly", "dark", "anomaly"]):
            insert_event(session, an_event(number, kind=kind))
        session.execute(delete(EventRow))
        assert opened_events(session) == {"anomaly": 2, "dark": 1}
