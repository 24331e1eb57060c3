"""What the engine stores of events, and how it takes orders while the store refuses."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from live_databases import an_event
from live_engine import WALL
from sqlalchemy import select

from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import Orders, Relearn
from normalcy.live.engine.minutes import Minutes
from normalcy.live.engine.reporting import Reporter
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.store.events import find_event
from normalcy.live.store.models import MessageRow
from normalcy.live.store.records import Lease
from normalcy.live.store.refusals import StoreError
from normalcy.live.store.scores import read_scores

pytest_plugins = ["live_databases"]

CONFIG = LiveConfig.model_validate(
    {
        "bundles": {"main": {"path": "main"}},
        "cameras": {"yard": {"source": "test-pattern"}},
        "alerts": {"webhooks": {"guard": {"url": "http://127.0.0.1:1/"}}},
    }
)
EVENT = replace(an_event(1), state="open", started_at=WALL)


class InOrder:
    """A recorder that keeps its jobs until they are asked for."""

    def __init__(self, store) -> None:
        self.store, self.jobs, self.if_room, self.leases = store, [], [], []

    def record(self, job, lease=None):
        self.jobs.append(job)
        self.leases.append(lease)

    def record_if_room(self, job, lease=None):
        self.if_room.append(job)
        self.leases.append(lease)

    def write(self):
        for job in [*self.jobs, *self.if_room]:
            with self.store.transaction() as session:
                job(session)
        self.jobs, self.if_room = [], []


class Following:
    def __init__(self) -> None:
        self.seen = []

    def follow(self, camera, step, config):
        self.seen.append(step)


def camera(reason):
    detector = SimpleNamespace(reasoner=SimpleNamespace(reason=reason))
    return SimpleNamespace(name="yard", detector=detector)


def explained(map_HW, parts):
    box = SimpleNamespace(left=0.1, top=0.2, right=0.3, bottom=0.4)
    return SimpleNamespace(sentence="it runs", place=SimpleNamespace(box=box))


@pytest.fixture
def reporter(sqlite_store):
    made = Reporter(CONFIG, recorder=InOrder(sqlite_store), pictures=Following())
    made.store_of_events = sqlite_store
    return made


def step(change, *, map_HW=None, event=EVENT):
    return Step(change, event, Peak(1.0, WALL, None, {}, map_HW, 0.0), (0.0, 1.0))


def stored(reporter):
    with reporter.store_of_events.reading() as session:
        return find_event(session, EVENT.id)


def test_an_event_is_stored_with_its_sentence_its_place_and_its_folder(reporter):
    reporter.report(camera(explained), [step(Change.OPENED, map_HW=np.ones((2, 2)))])
    reporter._recorder.write()
    found = stored(reporter)
    assert (found.sentence, found.box) == ("it runs", (0.1, 0.2, 0.3, 0.4))
    assert found.media == f"yard/2025-10-09/{EVENT.id}"
    assert reporter._pictures.seen[0].event.sentence == "it runs"


def test_what_an_engine_explained_that_died_is_kept(reporter):
    known = replace(EVENT, sentence="it ran", box=(0, 0, 1, 1))
    reporter.report(camera(explained), [step(Change.OPENED, event=known)])
    reporter._recorder.write()
    assert (stored(reporter).sentence, stored(reporter).box) == ("it ran", (0, 0, 1, 1))


def test_an_event_that_cannot_be_explained_is_stored_all_the_same(reporter, caplog):
    def fail(map_HW, parts):
        raise ZeroDivisionError

    reporter.report(camera(fail), [step(Change.OPENED, map_HW=np.ones((2, 2)))])
    reporter._recorder.write()
    assert stored(reporter).state == "open"
    assert "cannot be explained" in caplog.text


def test_a_growing_event_gives_way_and_its_end_does_not(reporter):
    ended = replace(EVENT, state="closed", ended_at=WALL + 9)
    changes = [(Change.OPENED, EVENT), (Change.UPDATED, EVENT), (Change.CLOSED, ended)]
    reporter.report(camera(explained), [step(change, event=event) for change, event in changes])
    assert (len(reporter._recorder.jobs), len(reporter._recorder.if_room)) == (2, 1)
    reporter._recorder.if_room.clear()
    reporter._recorder.write()
    assert (stored(reporter).state, stored(reporter).ended_at) == ("closed", WALL + 9)


def test_messages_are_committed_with_the_change_that_they_tell_of(reporter):
    worse, ended = replace(EVENT, severity="alert"), replace(EVENT, severity="alert", state="closed")
    changes = [
        (Change.OPENED, EVENT),
        (Change.UPDATED, EVENT),
        (Change.ESCALATED, worse),
        (Change.CLOSED, ended),
    ]
    reporter.report(camera(explained), [step(change, event=event) for change, event in changes])
    with reporter.store_of_events.transaction() as session:
        reporter._recorder.jobs.pop(0)(session)
    assert (stored(reporter).state, told(reporter)) == ("open", ["event.opened"])
    reporter._recorder.write()
    assert told(reporter) == ["event.opened", "event.escalated", "event.closed"]


def told(reporter):
    with reporter.store_of_events.reading() as session:
        return list(session.scalars(select(MessageRow.kind).order_by(MessageRow.id)))


def test_the_timeline_is_stored_by_region(reporter):
    minutes = Minutes()
    list(minutes.add(3.0, at=WALL, threshold=5.0))
    reporter.timeline(camera(explained), [("door", each) for each in minutes.news()])
    reporter._recorder.write()
    with reporter.store_of_events.reading() as session:
        _, score_N, threshold_N = read_scores(session, "yard", WALL - 1, WALL + 1, "door")
        nothing = read_scores(session, "yard", WALL - 1, WALL + 1)
    assert np.nanmax(score_N) == 3
    assert threshold_N.max() == 5
    assert len(nothing[0]) == 0


# --- orders


class Control:
    def __init__(self, *orders) -> None:
        self.orders = list(orders)

    def poll(self):
        return bool(self.orders)

    def recv(self):
        return self.orders.pop(0)


class Refusing:
    """Takes orders once the store lets it."""

    def __init__(self, refusals, *, transient=True) -> None:
        self.refusals, self.transient, self.obeyed = refusals, transient, []

    def obey(self, order):
        if self.refusals:
            self.refusals -= 1
            raise StoreError("is locked", transient=self.transient)
        self.obeyed.append(order.camera)


def test_orders_wait_for_the_store_in_order():
    inference = Refusing(2)
    orders = Orders(inference, Control(Relearn("a"), Relearn("b")))
    orders.look(0.0)
    orders.look(0.5)
    assert (inference.refusals, inference.obeyed) == (1, []), "not tried again at once"
    orders.look(1.0)
    orders.look(2.0)
    assert inference.obeyed == ["a", "b"]


def test_a_store_that_nobody_mends_ends_the_process():
    with pytest.raises(StoreError):
        Orders(Refusing(1, transient=False), Control(Relearn("a"))).look(0.0)


def test_a_supervisor_that_is_gone_is_no_error():
    class Gone(Control):
        def poll(self):
            raise BrokenPipeError

    Orders(Refusing(0), Gone()).look(0.0)


def test_a_node_writes_by_the_lease_that_held_when_it_saw_it(sqlite_store):
    recorder, first, second = InOrder(sqlite_store), Lease("yard", "t", 1), Lease("yard", "t", 2)
    reporter = Reporter(CONFIG, recorder=recorder, pictures=Following(), node="hall")
    reporter.leases = {"yard": first}
    reporter.report(camera(explained), [step(Change.OPENED)])
    reporter.leases = {"yard": second}
    reporter.report(camera(explained), [step(Change.CLOSED, event=replace(EVENT, state="closed"))])
    assert recorder.leases == [first, second]
    recorder.write()
    with sqlite_store.reading() as session:
        assert find_event(session, EVENT.id).node == "hall"
