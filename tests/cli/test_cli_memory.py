"""`normalcy memory`, in this process."""

import json
import shutil
from pathlib import Path

import pytest

from normalcy.scoring.bundle import Bundle


@pytest.fixture
def run(tiny_memory_run, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_memory_run.path, tmp_path / "run"))


@pytest.fixture
def runner(tiny_root) -> Path:
    return tiny_root / "test" / "runner.mp4"


def test_show_names_streams_and_videos(normalcy, run):
    outcome = normalcy("memory", "show", run)
    assert outcome.code == 0
    assert "watched for speed, velocity, appearance" in outcome.out
    assert "normal looks of 3 videos" in outcome.out


def test_show_as_json(normalcy, run):
    shown = json.loads(normalcy("memory", "show", run, "--json").out)
    assert set(shown["examples"]) == {"a", "b", "c"}
    assert shown["amendments"] == []


def test_add_and_forget_go_together_and_show_tells_of_both(normalcy, run, runner):
    added = normalcy("memory", "add", run, runner, "--start", "1", "--times", "20", "--json")
    result = json.loads(added.out)
    assert added.code == 0
    assert result["examples_after"] >= result["examples_before"]
    assert result["files"] == {"bundle": str(run / "bundle")}
    words = ["--start", "1", "--times", "20", "--region", "0", "0", "1", "1"]
    forgotten = normalcy("memory", "forget", run, runner, *words)
    assert "Forgotten 2.0 s of video" in forgotten.out
    assert "Alarm thresholds stay as they were calibrated." in forgotten.out
    shown = normalcy("memory", "show", run).out
    assert "runner from 1 s to its end is normal, counted 20 times" in shown
    assert "runner from 1 s to its end is forgotten" in shown
    assert len(Bundle.load(run).header.fit.amendments) == 2


def test_nearest_is_a_table_or_json(normalcy, run, runner):
    outcome = normalcy("memory", "nearest", run, runner, "--at", "1.6", "--count", "2")
    assert outcome.code == 0
    assert "nearest normal look" in outcome.out
    places = json.loads(normalcy("memory", "nearest", run, runner, "--at", "1.6", "--json").out)["places"]
    assert {"x", "y", "score", "video", "frame", "seconds", "normal_x", "normal_y"} == set(places[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "RUN", "missing.mp4"], "missing.mp4"),
        (["add", "RUN", "VIDEO", "--region", "1", "0", "0", "1"], "is no region"),
        (["nearest", "RUN", "VIDEO", "--at", "4"], "shows nothing at 4 s"),
        (["show", "nowhere"], "there is no such folder"),
    ],
)
def test_a_mistake_is_one_line(normalcy, run, runner, words, message):
    given = [{"RUN": run, "VIDEO": runner}.get(word, word) for word in words]
    outcome = normalcy("memory", *given)
    assert outcome.code == 3
    assert message in outcome.error
