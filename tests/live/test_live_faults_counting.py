"""That what counts faults can tell when something was lost, came twice, or went back."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import live_faults
from live_proof import deaths as deaths_module
from live_proof.audit import audit
from live_proof.configuration import RECEIVER
from live_proof.deaths import Deaths
from live_proof.faults import FAULTS
from live_proof.faults.inference_killed import goes_on
from live_proof.ledger import Ledger, Sighting, went_back
from live_proof.results import is_done, is_good, read_results, render_table
from live_proof.waiting import NotRecovered, wait_until

EVENT = {
    "id": "a",
    "camera": "busy",
    "region": "",
    "kind": "anomaly",
    "severity": "notice",
    "state": "closed",
    "started_at": 100.0,
    "alarmed_at": 101.0,
    "ended_at": 103.0,
    "threshold": 1.0,
    "peak_score": 5.0,
    "bundle": "main",
    "sentence": "why",
    "media": "busy/a",
    "interrupted": 0,
}
ENTRY = {
    "rounds": 3,
    "recovered": 3,
    "seconds_to_recover": {"median": 1.25, "worst": 2.0},
    "events": {"committed": 4, "lost": 0},
    "alerts": {"owed": 8, "received": 8, "missing": 0, "duplicate_incidents": 0, "repeated_keys": 1},
    "disturbed_untouched_camera": False,
    "notes": {},
    "violations": [],
}


def key(kind, event="a"):
    return f"{event}:{kind}:{RECEIVER}"


def message(kind, event="a", **changes):
    known = {"key": key(kind, event), "event_id": event, "kind": kind, "receiver": RECEIVER, "state": "sent"}
    return known | changes


def counted(*, events=(EVENT,), outbox=None, genuine=None, seen=None):
    outbox = (
        [message(kind, each["id"]) for each in events for kind in ("event.opened", "event.closed")]
        if outbox is None
        else outbox
    )
    genuine = [each["key"] for each in outbox] if genuine is None else genuine
    seen = {each["id"]: Sighting(each, 0, 0) for each in events} if seen is None else seen
    return audit(seen, list(events), outbox, genuine=genuine)


def test_nothing_is_wrong_where_all_was_told_once():
    found = counted()
    assert found.violations == ()
    assert (found.committed, found.lost, found.owed, found.received, found.missing) == (1, 0, 2, 2, 0)


def test_an_event_that_was_seen_and_is_gone_is_lost():
    found = counted(seen={"a": Sighting(EVENT, 0, 0), "b": Sighting(EVENT | {"id": "b"}, 0, 0)})
    assert (found.committed, found.lost) == (2, 1)
    assert "event b was lost" in found.violations


def test_an_event_without_a_message_and_a_message_that_did_not_arrive_are_missing():
    silent = counted(outbox=[message("event.closed")])
    assert (silent.owed, silent.missing) == (2, 1)
    assert f"no message {key('event.opened')} was committed" in silent.violations
    unheard = counted(genuine=[key("event.opened")])
    assert (unheard.received, unheard.missing) == (1, 1)
    assert f"{key('event.closed')} is sent, and was not received" in unheard.violations


def test_a_message_that_nobody_committed_is_no_message():
    found = counted(genuine=[key("event.opened"), key("event.closed"), key("event.opened", "z")])
    assert found.violations == (f"{key('event.opened', 'z')} was received, and is not in the outbox",)


def test_the_same_key_again_is_counted_and_no_harm():
    found = counted(genuine=[key("event.opened"), key("event.opened"), key("event.closed")])
    assert (found.repeated_keys, found.violations) == (1, ())


def test_two_keys_for_one_happening_are_a_duplicate():
    twice = [message("event.opened"), message("event.opened", key="other"), message("event.closed")]
    assert counted(outbox=twice).duplicate_incidents == 1


@pytest.mark.parametrize(("alarmed_at", "clock", "duplicates"), [(103.5, 0, 1), (104.5, 0, 0), (103.5, 1, 0)])
def test_an_alarm_within_the_cool_down_is_no_incident_of_its_own(alarmed_at, clock, duplicates):
    later = EVENT | {"id": "b", "alarmed_at": alarmed_at, "ended_at": 106.0}
    elsewhere = later | {"id": "c", "camera": "faulty"}
    seen = {each["id"]: Sighting(each, clock, clock) for each in (later, elsewhere)}
    found = counted(events=(EVENT, later, elsewhere), seen={"a": Sighting(EVENT, 0, 0), **seen})
    assert found.duplicate_incidents == duplicates


def test_an_event_that_stays_open_belongs_to_nobody():
    found = counted(events=[EVENT | {"state": "open"}], outbox=[message("event.opened")])
    assert found.violations == ("event a is open, and nobody owns it",)


@pytest.mark.parametrize(
    ("name", "before", "after", "is_wrong"),
    [
        ("state", "closed", "open", True),
        ("state", "open", "closed", False),
        ("severity", "alert", "notice", True),
        ("ended_at", 103.0, 102.0, True),
        ("peak_score", 5.0, 6.0, False),
        ("started_at", 100.0, 101.0, True),
        ("media", "busy/a", "", True),
        ("media", "", "busy/a", False),
    ],
)
def test_fields_of_an_event_do_not_go_back(name, before, after, is_wrong):
    assert bool(went_back(EVENT | {name: before}, EVENT | {name: after})) == is_wrong


def test_the_ledger_tells_what_disappeared(tmp_path):
    database = tmp_path / "events.db"
    ledger = Ledger(database)
    ledger.look()
    assert not ledger.events, "there is no database yet"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"CREATE TABLE events ({', '.join(EVENT)})")
        connection.execute(
            f"INSERT INTO events VALUES ({', '.join('?' * len(EVENT))})", tuple(EVENT.values())
        )
        connection.commit()
        ledger.look()
        assert ledger.events["a"].row == EVENT
        assert ledger.regressions == []
        connection.execute("DELETE FROM events")
        connection.commit()
    ledger.look()
    ledger.look()
    assert ledger.regressions == ["event a is gone"]


def test_no_process_is_killed_so_often_that_it_is_given_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(deaths_module.time, "monotonic", lambda: now[0])
    deaths = Deaths()
    for now[0] in range(5):
        assert deaths.wait_seconds("inference") == 0.0
        deaths.note("inference")
    assert deaths.wait_seconds("inference") == pytest.approx(116.0)
    assert deaths.wait_seconds("alerts") == 0.0
    deaths.forget()
    assert deaths.wait_seconds("inference") == 0.0


def test_waiting_ends_and_silence_is_no_answer():
    answers = iter([ConnectionError, KeyError, None])

    def holds():
        if (error := next(answers)) is not None:
            raise error
        return True

    assert wait_until("it answers", holds) > 0
    with pytest.raises(NotRecovered, match="in vain: nothing"):
        wait_until("nothing", lambda: False, seconds=0.0)


@pytest.mark.parametrize(
    "change", [{"recovered": 2}, {"violations": ["x"]}, {"disturbed_untouched_camera": True}]
)
def test_only_an_entry_without_blemish_is_good(change):
    assert is_good(ENTRY)
    assert not is_good(ENTRY | change)
    assert is_good({"skipped": "no root"})


def test_results_are_kept_and_shown(tmp_path):
    path = tmp_path / "reliability.json"
    assert read_results(path) == {"faults": {}}
    path.write_text(json.dumps({"faults": {"stream-cut": ENTRY, "full-disk": {"skipped": "no root"}}}))
    results = read_results(path)
    assert is_done(results["faults"]["stream-cut"], rounds=3)
    assert not is_done(results["faults"]["stream-cut"], rounds=4)
    assert not is_done(results["faults"]["full-disk"], rounds=3), "it may be possible by now"
    _, _, cut, disk = render_table(results).splitlines()
    assert cut == "| stream cut | 3 | 3 | 1.2 | 2.0 | 4 | 0 | 8 | 0 | 0 | 1 | no |"
    assert disk.startswith("| full disk | skipped | - |")


def test_what_was_done_is_not_tried_again(tmp_path, monkeypatch, capsys):
    path, signals = tmp_path / "reliability.json", []
    done = {
        name: ENTRY | {"rounds": fault.rounds, "recovered": fault.rounds} for name, fault in FAULTS.items()
    }
    monkeypatch.setattr(live_faults.signal, "signal", lambda *given: signals.append(given))
    monkeypatch.setattr(sys, "argv", ["live_faults.py", "--out", str(path)])
    path.write_text(json.dumps({"faults": done}))
    assert live_faults.main() == 0
    assert capsys.readouterr().out.count("| no |") == len(FAULTS)
    path.write_text(
        json.dumps({"faults": done | {"garbage": done["garbage"] | {"violations": ["event a was lost"]}}})
    )
    assert live_faults.main() == 1
    assert "garbage: event a was lost" in capsys.readouterr().err
    assert len(signals) == 4, "whoever stops it leaves no engine behind"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": "open", "ended_at": 103.0}, False),
        ({"state": "open", "ended_at": 103.5}, True),
        ({"ended_at": 103.0}, False),
        ({"ended_at": 103.5}, True),
        ({"ended_at": 103.5, "interrupted": 1}, False),
    ],
)
def test_an_event_goes_on_only_where_somebody_went_on_with_it(changes, expected):
    assert goes_on(EVENT, EVENT | changes) is expected
