"""Ctrl-C and kill: one line, what was written is whole, no temporaries, and it goes on from there."""

import csv
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cli_process import PATIENCE_SECONDS, HeldCommand, Place

from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import probe

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here"
)


AGAIN = "Stopped. What was written before is whole. Give the same command again to begin anew."
RESUME = "Stopped. What was written before is whole. The same command with --resume goes on with it."


@pytest.fixture(autouse=True, scope="module")
def hearing_ctrl_c():
    """A shell in the background starts its jobs deaf to Ctrl-C, and they their children; a terminal does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def held(tmp_path):
    """Starts commands that are held at a place."""
    started = []

    def start(*words, at: Place) -> HeldCommand:
        started.append(HeldCommand(words, at=at, folder=tmp_path / f"process{len(started)}"))
        return started[-1]

    return start


def assert_interrupted(command: HeldCommand, line: str = AGAIN) -> None:
    assert command.send(signal.SIGINT) == 130
    assert command.err.splitlines()[-1] == line
    assert command.err.count("Stopped") == 1
    assert "Traceback" not in command.out + command.err


def files(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return sorted(str(path.relative_to(folder)) for path in found)


def losses(run: Path) -> dict[tuple[int, str], float]:
    """Every loss by epoch and name, over all sessions of a run; a later session has the last word."""
    found = {}
    for log in sorted((run / "logs" / "csv").glob("version_*/metrics.csv")):
        for row in csv.DictReader(log.read_text().splitlines()):
            named = {name: value for name, value in row.items() if name.endswith("_loss") and value}
            found |= {(int(row["epoch"]), name): float(value) for name, value in named.items()}
    return found


@pytest.fixture(scope="module")
def whole_run(stae_words, tmp_path_factory) -> Path:
    """The same fit as those that are interrupted, without interruption."""
    from normalcy.cli.main import main

    run = tmp_path_factory.mktemp("whole") / "run"
    with pytest.raises(SystemExit):
        main([*stae_words, "--out", str(run)])
    return run


def test_ctrl_c_in_training_and_a_second_fit_meanwhile(normalcy, held, stae_words, whole_run, tmp_path):
    words = [*stae_words, "--out", tmp_path / "run"]
    command = held(*words, at=Place("training, epoch 4", 7))
    second = normalcy(*words, "--resume")
    assert second.code == 4
    assert f"{tmp_path / 'run'}: another normalcy is writing here" in second.error
    assert_interrupted(command, RESUME)
    checkpoints = [name for name in files(tmp_path / "run") if name.startswith("checkpoints")]
    assert checkpoints == ["checkpoints/best.ckpt", "checkpoints/last.ckpt"]
    assert normalcy(*words, "--resume").code == 0
    assert losses(tmp_path / "run") == pytest.approx(losses(whole_run), rel=1e-5)


def test_a_fit_that_was_killed_goes_on_as_if_nothing_had_been(
    normalcy, held, stae_words, whole_run, tmp_path
):
    words = [*stae_words, "--out", tmp_path / "run"]
    command = held(*words, at=Place("training, epoch 3", 6))
    assert command.send(signal.SIGKILL) == -signal.SIGKILL
    assert not (tmp_path / "run" / "bundle").exists()
    assert normalcy(*words, "--resume").code == 0
    expected, found = losses(whole_run), losses(tmp_path / "run")
    assert len(expected) == 2 * 6
    assert found == pytest.approx(expected, rel=1e-5)
    fits = [Bundle.load(run).header.fit.training for run in (tmp_path / "run", whole_run)]
    assert fits[0]["steps"] == fits[1]["steps"] == 12
    assert fits[0]["best_validation_loss"] == pytest.approx(fits[1]["best_validation_loss"], rel=1e-5)


def test_ctrl_c_while_videos_are_decoded(normalcy, held, flow_words, tmp_path):
    words = [*flow_words, "--set", f"data.cache={tmp_path / 'cache'}", "--out", tmp_path / "run"]
    assert_interrupted(held(*words, at=Place("reading", 1)), RESUME)
    assert not [path for path in (tmp_path / "cache").iterdir() if "partial" in path.name]
    assert normalcy(*words, "--resume").code == 0


def test_ctrl_c_in_calibration(normalcy, held, flow_words, flow_run, tmp_path):
    words = [*flow_words, "--out", tmp_path / "run"]
    assert_interrupted(held(*words, at=Place("calibrating", 20)), RESUME)
    assert files(tmp_path / "run") == ["config.yaml"]
    assert normalcy(*words, "--resume").code == 0
    calibrations = [run / "bundle" / "calibration.json" for run in (flow_run, tmp_path / "run")]
    assert calibrations[0].read_text() == calibrations[1].read_text()


def test_ctrl_c_in_score(normalcy, held, flow_run, scene, tmp_path):
    videos = [scene / "test" / f"{name}.mp4" for name in "xy"]
    words = ["score", flow_run, *videos, "--out", tmp_path / "out"]
    assert_interrupted(held(*words, at=Place(f"scoring {videos[1]}", 20)))
    assert files(tmp_path / "out") == ["events.json", "scores.parquet", "videos/x.mp4"]
    assert pq.read_table(tmp_path / "out" / "scores.parquet").num_rows == 40
    assert probe(tmp_path / "out" / "videos" / "x.mp4").frame_count == 40
    assert normalcy(*words).code == 0


@pytest.mark.parametrize("place", [Place("judging, y", 1), Place("picturing", 1), Place("annotating y", 1)])
def test_ctrl_c_in_evaluate(normalcy, held, flow_run, scene, tmp_path, place):
    words = ["evaluate", flow_run, "--data", "folder", "--root", scene, "--videos", "--out", tmp_path / "out"]
    assert_interrupted(held(*words, at=place))
    written = {
        "judging": [],
        "picturing": ["events.json", "metrics.json", "scores.parquet"],
        "annotating": ["events.json", "metrics.json", "report.html", "scores.parquet", "videos/x.mp4"],
    }
    assert files(tmp_path / "out") == written[place.step.split()[0].rstrip(",")]


def test_ctrl_c_in_synthesize(normalcy, held, tmp_path):
    size = ["--size", "48x64", "--train-videos", "2", "--test-videos", "1", "--seconds", "4"]
    words = ["data", "synthesize", "--root", tmp_path / "scenes" / "walk", *size]
    assert_interrupted(held(*words, at=Place("drawing", 2)))
    assert files(tmp_path / "scenes") == []
    assert list((tmp_path / "scenes").iterdir()) == []
    assert normalcy(*words).code == 0


def test_ctrl_c_in_check(held, scene):
    assert_interrupted(held("data", "check", "folder", "--root", scene, at=Place("checking")))


def test_ctrl_c_in_the_demo(held, tmp_path):
    assert_interrupted(held("demo", "--out", tmp_path / "demo", at=Place("drawing", 1)))
    assert files(tmp_path / "demo") == []


def test_ctrl_c_with_nothing_held(stae_words, tmp_path):
    """The command as it is installed, without a terminal and without standard input, stopped wherever it is."""
    words = [*stae_words, "--set", "training.epochs=5000", "--out", str(tmp_path / "run")]
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "normalcy", *words], stdin=subprocess.DEVNULL, stdout=err, stderr=err
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        assert process.poll() is None, (tmp_path / "err").read_text()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 130
    lines = (tmp_path / "err").read_text().splitlines()
    assert lines[-1] == RESUME
    assert [line for line in lines if "training: 0/" in line]
    assert "Traceback" not in "\n".join(lines)
    assert "checkpoints/last.ckpt" in files(tmp_path / "run")
    assert not [name for name in files(tmp_path / "run") if Path(name).name.startswith(".")]
