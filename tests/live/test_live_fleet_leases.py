"""Cameras are shared out, and go to others when their node falls silent, on a real PostgreSQL."""

import threading
import time

import pytest
from live_databases import an_event
from live_fleet import BEAT_SECONDS, CAMERAS, LEASE_SECONDS, Fleet, cameras_of, fleet_on
from sqlalchemy import text

from normalcy.errors import RunFolderBusy
from normalcy.live.config.fleet import FleetConfig
from normalcy.live.engine.recorder import Recorder
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.nodes.node import Node
from normalcy.live.processes import CONTEXT
from normalcy.live.store.claim import chores_of, claim_database
from normalcy.live.store.events import find_event, insert_event
from normalcy.live.store.leases import holds, read_leases, take
from normalcy.live.store.store import Store, StoreError

pytest_plugins = ["live_databases"]


@pytest.fixture
def fleet(migrated_database):
    with fleet_on(migrated_database) as made:
        yield made


def shared(fleet: Fleet):
    """Two nodes that have shared the cameras out."""
    one, two = fleet.node("one"), fleet.node("two")
    fleet.live(one, two, seconds=3 * BEAT_SECONDS)
    return one, two


def test_cameras_are_shared_out_and_each_has_one_owner(fleet):
    one, two = shared(fleet)
    assert len(cameras_of(one)) == len(cameras_of(two)) == 2
    assert cameras_of(one) | cameras_of(two) == set(CAMERAS)
    assert {one.owner(name) for name in cameras_of(two)} == {"two"}


def test_a_node_that_falls_silent_loses_its_cameras_and_learns_it(fleet):
    one, two = shared(fleet)
    fleet.live(two, seconds=LEASE_SECONDS - BEAT_SECONDS)
    assert len(cameras_of(two)) == 2  # its lease holds still
    fleet.live(two, seconds=2 * BEAT_SECONDS)
    assert cameras_of(two) == set(CAMERAS)
    assert len(cameras_of(one)) == 2  # as it believes
    fleet.go_on(one, two)
    assert cameras_of(one) == set()


def test_of_two_that_take_at_once_one_gets_it(fleet):
    fleet.node("one"), fleet.node("two")
    with fleet.store.transaction() as session:
        session.execute(text("INSERT INTO leases (camera, node, epoch) VALUES ('gate', '', 7)"))
    ready, got = threading.Barrier(2), dict[str, list]()

    def grab(name: str) -> None:
        store = Store(fleet.url)
        with store.transaction() as session:
            ready.wait()
            got[name] = take(
                session,
                ["gate"],
                node=name,
                token=name,
                most=1,
                lease_seconds=LEASE_SECONDS,
                of_the_silent=True,
            )
            ready.wait()  # both have asked before either ends its transaction
        store.close()

    threads = [threading.Thread(target=grab, args=(name,)) for name in ("one", "two")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(len(leases) for leases in got.values()) == [0, 1]
    with fleet.store.reading() as session:
        assert read_leases(session, lease_seconds=LEASE_SECONDS)["gate"].epoch == 8


def test_what_a_stale_owner_saw_is_not_written(fleet):
    one, two = shared(fleet)
    stale = one.taken[min(cameras_of(one))].lease
    fleet.live(two, seconds=LEASE_SECONDS + BEAT_SECONDS)
    fresh = two.taken[stale.camera].lease
    assert fresh.epoch == stale.epoch + 1
    recorder = Recorder(fleet.store, bell=CONTEXT.Semaphore(0))
    for number, lease in enumerate((stale, fresh)):
        event = an_event(number, camera=stale.camera)
        recorder.record(lambda session, event=event: insert_event(session, event), lease)
    recorder.start()
    assert recorder.stop(10.0)
    with fleet.store.reading() as session:
        assert find_event(session, an_event(0).id) is None
        assert find_event(session, an_event(1).id) is not None
    assert (recorder.fenced, recorder.lost) == (1, 0)


def test_nobody_takes_a_camera_while_its_owner_writes(fleet):
    one, two = shared(fleet)
    lease = one.taken[min(cameras_of(one))].lease
    with fleet.store.transaction() as session:
        assert holds(session, lease)
        fleet.live(two, seconds=LEASE_SECONDS + BEAT_SECONDS)
        assert lease.camera not in cameras_of(two)  # the other of the two it has
        assert len(cameras_of(two)) == 3
    fleet.go_on(two)
    assert lease.camera in cameras_of(two)


def test_a_node_that_stands_still_within_a_transaction_loses_it(postgresql_url):
    store = Store(postgresql_url)
    with pytest.raises(StoreError) as raised:
        stand_still(store)
    assert raised.value.transient
    store.close()


def stand_still(store: Store) -> None:
    with store.transaction() as session:
        session.execute(text("SET idle_in_transaction_session_timeout = '100ms'"))
        time.sleep(0.5)
        session.execute(text("SELECT 1"))


def test_capacity_bounds_what_a_node_takes(fleet):
    small, large = fleet.node("small", capacity=1), fleet.node("large")
    fleet.live(small, large, seconds=3 * BEAT_SECONDS)
    assert (len(cameras_of(small)), len(cameras_of(large))) == (1, 3)
    fleet.live(small, seconds=LEASE_SECONDS + 2 * BEAT_SECONDS)
    assert len(cameras_of(small)) == 1


def test_a_node_that_is_not_ready_gets_nothing_and_nothing_is_kept_for_it(fleet):
    opening, other = fleet.node("opening", ready=False), fleet.node("other")
    fleet.live(opening, other, seconds=2 * BEAT_SECONDS)
    assert cameras_of(opening) == set()
    assert cameras_of(other) == set(CAMERAS)


def test_cameras_move_gently_to_a_node_that_joins_and_then_stay(fleet):
    one = fleet.node("one")
    fleet.live(one, seconds=2 * BEAT_SECONDS)
    assert cameras_of(one) == set(CAMERAS)
    two = fleet.node("two")
    fleet.live(one, two, seconds=LEASE_SECONDS - 2 * BEAT_SECONDS)
    assert cameras_of(one) == set(CAMERAS)  # it may be gone again in a moment
    let_go = []
    for _ in range(8):
        fleet.go_on(one, two)
        leaving = set(CAMERAS) - cameras_of(one) - cameras_of(two)
        assert len(leaving) <= 1
        for name in leaving & one._taken.keys():  # as the supervisor does once all is written
            let_go.append(name)
            one.left(one._taken[name].lease)
    assert (len(cameras_of(one)), len(cameras_of(two))) == (2, 2)
    assert len(let_go) == 2
    before = cameras_of(one), cameras_of(two)
    fleet.live(one, two, seconds=2 * LEASE_SECONDS)
    assert (cameras_of(one), cameras_of(two)) == before


def test_a_node_that_ends_gives_everything_back_at_once(fleet):
    one, two = shared(fleet)
    one.end()
    one.leave()
    fleet.go_on(two, seconds=1.0)
    assert cameras_of(two) == set(CAMERAS)


def test_a_node_that_was_killed_and_starts_again_has_its_cameras_at_once(fleet):
    one, two = shared(fleet)
    before = {name: taken.lease.epoch for name, taken in one.taken.items()}
    again = fleet.node("one")
    fleet.live(again, two, seconds=2 * BEAT_SECONDS)
    assert {name: taken.lease.epoch for name, taken in again.taken.items()} == {
        name: epoch + 1 for name, epoch in before.items()
    }
    one.turn()
    assert "taken this one's place" in one.failure


def test_two_nodes_of_one_name_do_not_live_at_once(fleet):
    fleet.node("one", folder="f" * 32)
    with pytest.raises(RunFolderBusy, match="another node is called 'one'"):
        join_without_patience(fleet, folder="e" * 32)


def join_without_patience(fleet: Fleet, *, folder: str) -> None:
    told = threading.Event()
    told.set()
    identity = NodeIdentity("one", "9" * 32, folder, LEASE_SECONDS)
    Node(Store(fleet.url), identity=identity, config=FleetConfig(enabled=True)).join(told_to_stop=told)


def test_nobody_loses_cameras_because_the_database_was_away_for_all(fleet):
    one, two = shared(fleet)
    before = cameras_of(one), cameras_of(two)
    fleet.go_on(seconds=4 * LEASE_SECONDS)  # nobody was heard
    fleet.go_on(two, seconds=0.0)  # and one comes back before the other
    fleet.go_on(two)
    assert (cameras_of(one), cameras_of(two)) == before
    fleet.live(one, two, seconds=2 * LEASE_SECONDS)
    assert (cameras_of(one), cameras_of(two)) == before
    assert one.is_sure


def test_one_engine_by_itself_and_a_fleet_keep_each_other_out(fleet):
    one = fleet.node("one")
    with pytest.raises(RunFolderBusy, match="another engine"):
        claim_database(fleet.store, wait_seconds=0.0)
    one.leave()
    claim = claim_database(fleet.store, wait_seconds=0.0)
    with pytest.raises(RunFolderBusy, match="another engine"):
        join_without_patience(fleet, folder="d" * 32)
    claim.release()


def test_a_server_that_was_restarted_is_claimed_again(fleet):
    one, two = shared(fleet)
    with fleet.store.transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    for node in (one, two):
        node.turn()
    fleet.live(one, two, seconds=BEAT_SECONDS)
    assert (one.failure, two.failure) == ("", "")
    assert cameras_of(one) | cameras_of(two) == set(CAMERAS)
    with pytest.raises(RunFolderBusy):
        claim_database(fleet.store, wait_seconds=0.0)


def test_chores_are_done_by_one_at_a_time(fleet):
    with chores_of(fleet.store) as first, chores_of(fleet.store) as second:
        assert (first, second) == (True, False)
    with chores_of(fleet.store) as again:
        assert again


def test_cameras_are_taken_although_nobody_can_say_whether_they_were_told_to_be_gone(
    fleet, monkeypatch, caplog
):
    def refused(session, *, cameras):
        assert set(cameras) == set(CAMERAS)
        raise StoreError("is slow")

    monkeypatch.setattr("normalcy.live.nodes.node.open_outages", refused)
    one = fleet.node("one")
    fleet.live(one, seconds=2 * BEAT_SECONDS)
    assert {name: each.away_since for name, each in one.taken.items()} == dict.fromkeys(CAMERAS)
    assert "that were gone are back" in caplog.text
