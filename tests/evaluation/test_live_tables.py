"""Tables of the live engine, from what the benchmarks wrote."""

import json

import pytest

from normalcy.errors import InputError
from normalcy.evaluation.live_tables import live_table
from normalcy.evaluation.tables import update_tables

FAULT = {
    "rounds": 50,
    "recovered": 49,
    "seconds_to_recover": {"median": 1.54, "worst": 3.0},
    "events": {"committed": 12, "lost": 0},
    "alerts": {"owed": 24, "missing": 1, "duplicate_incidents": 0, "repeated_keys": 2},
    "disturbed_untouched_camera": False,
}
ROW = {
    "cameras": 4,
    "frames_in_per_second": 99.6,
    "dropped_share": 0.0123,
    "capture_to_score_seconds": {"p50_at_most": 0.05, "p99_at_most": None},
    "capture_to_alert_seconds": {"alerts": 31, "p50": 0.0712, "p99": 0.1849, "worst": 0.2},
    "cores": {"capture": 0.41, "inference": 0.66, "all": 1.2},
}


@pytest.fixture
def results(tmp_path):
    faults = {"stream-cut": FAULT, "full-disk": {"skipped": "no root"}}
    (tmp_path / "reliability.json").write_text(json.dumps({"faults": faults}))
    soak = {
        "memory": {
            "main": {"first_mib": 90.4, "last_mib": 91.6, "mib_per_hour": 1.24, "standard_error": 0.5}
        },
        "files": {"main": {"least": 40, "most": 44, "last": 41}},
    }
    (tmp_path / "live.json").write_text(json.dumps({"load": {"rows": [ROW]}, "soak": soak}))
    return tmp_path


def test_faults_and_those_that_were_skipped(results):
    head, (cut, disk) = live_table("faults", results)
    assert dict(zip(head, cut, strict=True)) == {
        "fault": "stream cut",
        "rounds": "50",
        "recovered": "49",
        "s to recover (median)": "1.5",
        "worst": "3.0",
        "events committed": "12",
        "lost": "0",
        "alerts owed": "24",
        "missing": "1",
        "twice": "0",
        "repeated keys": "2",
        "another camera disturbed": "no",
    }
    assert disk == ["full disk", "skipped", *["-"] * 10]


def test_load_and_soak(results):
    _, (row,) = live_table("load", results)
    assert row == ["4", "100", "1.2%", "over 10 s", "71 ms", "185 ms", "31", "0.41", "0.66", "1.20"]
    _, (row,) = live_table("soak", results)
    assert row == ["main", "90", "92", "1.2 ± 0.5", "40", "44", "41"]


def test_a_document_is_filled(results):
    text = update_tables("<!-- live:soak -->\nold\n<!-- /live:soak -->", results)
    assert "old" not in text
    assert "| main | 90 | 92 | 1.2 ± 0.5 | 40 | 44 | 41 |" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [("speed", "there is no table 'speed'. There are faults, load, soak"), ("load", "live_load.py")],
)
def test_what_is_not_there_is_said(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        live_table(name, tmp_path)
