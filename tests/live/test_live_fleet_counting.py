"""How the proof of the fleet counts: a count that misses what was lost or came twice proves nothing."""

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from live_proof.fleet_count import count, doubled, events_of
from live_proof.fleet_truth import Heard, Noted

ANOMALIES = [(10.0, 11.0), (20.0, 21.0), (30.0, 31.0), (40.0, 41.0), (50.0, 51.0)]
ALL_THE_TIME = {"hall": [(0.0, 60.0)]}
NOTHING = {
    "anomalies": 5,
    "owed": 5,
    "lost": 0,
    "unwatched": 0,
    "events": 5,
    "other_events": 0,
    "duplicates": 0,
    "within_cool_down": 0,
    "alerts_owed": 10,
    "alerts_missing": 0,
    "told_twice": 0,
    "repeated_keys": 0,
}


def stored(name, started_at, ended_at, *, state="closed", what="INSERT", node="one"):
    row = {"id": name, "camera": "hall", "kind": "anomaly", "state": state, "node": node}
    return Noted(ended_at + 0.5, "events", what, row | {"started_at": started_at, "ended_at": ended_at})


def told(name, *types):
    return [Heard(0.0, {"key": f"{name}:{kind}:mqtt", "id": name, "type": kind}) for kind in types]


def each_stored():
    return [stored(f"e{number}", start + 0.1, end + 0.2) for number, (start, end) in enumerate(ANOMALIES)]


def each_told():
    return [each for number in range(5) for each in told(f"e{number}", "event.opened", "event.closed")]


def counts(noted, heard, watched=ALL_THE_TIME):
    return asdict(count({"hall": ANOMALIES}, watched, events_of(noted), heard))


def test_where_each_is_stored_and_told_once_nothing_is_wrong():
    assert counts(each_stored(), each_told()) == NOTHING


def test_what_nobody_stored_is_lost_where_a_node_watched_and_unwatched_elsewhere():
    noted, heard = each_stored()[1:], each_told()[2:]
    found = {"events": 4, "alerts_owed": 8}
    assert counts(noted, heard) == NOTHING | found | {"lost": 1}
    watched = {"hall": [(0.0, 10.5), (12.0, 60.0)]}
    assert counts(noted, heard, watched) == NOTHING | found | {"owed": 4, "unwatched": 1}


@pytest.mark.parametrize(
    "second", [stored("again", 20.6, 21.1, node="two"), stored("e1", 20.1, 21.2)], ids=["event", "row"]
)
def test_two_events_of_one_anomaly_are_one_too_many(second):
    noted = [*each_stored(), second]
    found = counts(noted, [*each_told(), *told("again", "event.opened", "event.closed")])
    assert found["duplicates"] == 1
    assert found["within_cool_down"] == (second.row["id"] == "again")
    assert found["told_twice"] == (second.row["id"] == "again")
    (told_of,) = doubled({"hall": ANOMALIES}, events_of(noted), noted)
    assert told_of["anomaly"] == (20.0, 21.0)
    assert len(told_of["noted"]) == 2


def test_an_alarm_that_ended_before_the_anomaly_began_is_another_event():
    noted = [*each_stored(), stored("false", 18.9, 19.5)]
    heard = [*each_told(), *told("false", "event.opened", "event.closed")]
    assert counts(noted, heard) == NOTHING | {"other_events": 1, "alerts_owed": 12}
    assert counts(noted, heard[:-1])["alerts_missing"] == 1
    assert counts(noted, [*heard, heard[-1]])["repeated_keys"] == 1
    assert not doubled({"hall": ANOMALIES}, events_of(noted), noted)


def test_an_alarm_without_a_cause_that_two_nodes_store_came_twice():
    twice = [stored("false", 15.2, 15.8), stored("again", 15.3, 15.9, node="two")]
    heard = [*each_told(), *told("false", "event.opened", "event.closed")]
    found = counts([*each_stored(), *twice], [*heard, *told("again", "event.opened", "event.closed")])
    assert found == NOTHING | {"other_events": 2, "alerts_owed": 14, "within_cool_down": 1}


def test_an_event_that_goes_on_over_two_anomalies_is_one_for_each():
    noted = [*each_stored()[:1], stored("e1", 20.1, 31.2), *each_stored()[3:]]
    heard = [each for each in each_told() if each.payload["id"] != "e2"]
    assert counts(noted, heard) == NOTHING | {"events": 4, "alerts_owed": 8}


def test_alerts_that_are_missing_or_come_again_are_counted():
    heard = each_told()
    assert counts(each_stored(), heard[1:])["alerts_missing"] == 1
    assert counts(each_stored(), [*heard, heard[0]])["repeated_keys"] == 1
    still_open = [*each_stored()[:4], stored("e4", 50.1, 51.2, state="open")]
    assert counts(still_open, heard[:-1]) == NOTHING | {"alerts_owed": 9}
