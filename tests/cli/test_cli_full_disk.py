"""A full disk: a named error, what was written before is whole, no temporaries, and it goes on once there is room."""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from normalcy.cli import progress
from normalcy.cli.main import main
from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import probe


def fill(folder: Path) -> Path:
    """Takes all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk has no end")


def files(folder: Path) -> dict[str, bytes]:
    """Everything but the lock and what fills the disk."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "filler")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def fill_at(monkeypatch):
    """Fills a disk when a step has come to a place for the first time."""

    def plan(folder: Path, step: str, done: int) -> None:
        original = progress.Lines.__call__
        places = {(step, done)}

        def report(self, what: str, now: int, total: int) -> None:
            original(self, what, now, total)
            if what.startswith(step) and now == done and places:
                places.clear()
                fill(folder)

        monkeypatch.setattr(progress.Lines, "__call__", report)

    return plan


def assert_disk_full(outcome, *, where: Path, hint: str = "Make room there|Free some space") -> None:
    assert outcome.code == 4
    assert str(where) in outcome.error
    assert re.search("no room left|the disk is full", outcome.error)
    assert re.search(hint, outcome.error)


def test_fit_while_videos_are_decoded(normalcy, flow_words, small_disk, tmp_path):
    disk = small_disk("200k")
    words = [*flow_words, "--set", f"data.cache={disk}", "--out", tmp_path / "run"]
    outcome = normalcy(*words)
    assert_disk_full(outcome, where=disk, hint="choose another cache folder")
    assert not [path for path in disk.iterdir() if "partial" in path.name]
    assert not (tmp_path / "run" / "config.yaml").exists()
    # What was decoded counts: with room for the rest, it is not decoded again.
    whole = [path for path in disk.iterdir() if path.is_dir()]
    assert whole
    times = {path: (path / "frames.npy").stat().st_mtime_ns for path in whole}
    roomy = shutil.copytree(disk, tmp_path / "roomy")
    assert normalcy(*flow_words, "--set", f"data.cache={roomy}", "--out", tmp_path / "run").code == 0
    assert all((roomy / path.name / "frames.npy").stat().st_mtime_ns == time for path, time in times.items())


def test_fit_while_checkpoints_are_written(normalcy, stae_words, small_disk, fill_at):
    disk = small_disk("1m")
    words = [*stae_words, "--out", disk / "run"]
    fill_at(disk, "training, epoch 3", 5)
    outcome = normalcy(*words)
    assert_disk_full(outcome, where=disk / "run", hint="go on with --resume")
    checkpoints = disk / "run" / "checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert torch.load(checkpoints / "last.ckpt", weights_only=True)["epoch"] == 1
    (disk / "filler").unlink()
    assert normalcy(*words, "--resume").code == 0
    assert Bundle.load(disk / "run").header.fit.training["epochs"] == 6


def test_fit_while_the_bundle_is_written(normalcy, flow_words, flow_run, small_disk, fill_at):
    disk = small_disk("500k")
    run = shutil.copytree(flow_run, disk / "run")
    before = files(disk)
    fill_at(disk, "calibrating", 40)
    outcome = normalcy(*flow_words, "--out", run, "--resume")
    assert_disk_full(outcome, where=run, hint="go on with --resume")
    assert files(disk) == before
    assert [path.name for path in run.iterdir() if path.is_dir()] == ["bundle"]
    assert Bundle.load(run).header.method == "flow-magnitude"


def test_score_while_a_video_is_annotated(normalcy, flow_run, scene, small_disk, fill_at):
    disk = small_disk("1m")
    videos = [scene / "test" / f"{name}.mp4" for name in "xy"]
    fill_at(disk, f"scoring {videos[1]}", 5)
    outcome = normalcy("score", flow_run, *videos, "--out", disk / "out")
    assert_disk_full(outcome, where=disk / "out")
    assert sorted(files(disk / "out")) == ["events.json", "scores.parquet", "videos/x.mp4"]
    assert pq.read_table(disk / "out" / "scores.parquet").num_rows == 40
    assert probe(disk / "out" / "videos" / "x.mp4").frame_count == 40


def test_score_while_the_tables_are_written(normalcy, flow_run, scene, small_disk, fill_at):
    disk = small_disk("1m")
    words = ["score", flow_run, scene / "test" / "x.mp4", "--out", disk / "out", "--no-video"]
    assert normalcy(*words).code == 0
    before = files(disk)
    fill_at(disk, "scoring", 40)
    assert_disk_full(normalcy(*words), where=disk / "out")
    assert files(disk) == before


def test_evaluate_while_the_tables_are_written(normalcy, flow_run, scene, small_disk, fill_at):
    disk = small_disk("2m")
    words = ["evaluate", flow_run, "--data", "folder", "--root", scene, "--out", disk / "out"]
    assert normalcy(*words).code == 0
    before = files(disk)
    fill_at(disk, "judging", 2)
    assert_disk_full(normalcy(*words), where=disk / "out")
    assert files(disk) == before


def test_evaluate_while_videos_are_annotated(normalcy, flow_run, scene, small_disk, fill_at):
    disk = small_disk("2m")
    words = ["evaluate", flow_run, "--data", "folder", "--root", scene, "--out", disk / "out", "--videos"]
    fill_at(disk, "annotating", 1)
    assert_disk_full(normalcy(*words), where=disk / "out")
    whole = ["events.json", "metrics.json", "report.html", "scores.parquet", "videos/x.mp4"]
    assert sorted(files(disk / "out")) == whole


def test_synthesize(normalcy, small_disk):
    disk = small_disk("60k")
    words = ["--size", "48x64", "--train-videos", "2", "--test-videos", "1", "--seconds", "8"]
    outcome = normalcy("data", "synthesize", "--root", disk / "walk", *words)
    assert_disk_full(outcome, where=disk / "walk")
    assert list(disk.iterdir()) == []


def test_a_disk_that_is_full_from_the_start(normalcy, flow_words, flow_run, scene, small_disk):
    disk = small_disk("64k")
    fill(disk)
    place = ["--data", "folder", "--root", scene]
    for words in (
        [*flow_words, "--out", disk / "run"],
        ["score", flow_run, scene / "test" / "x.mp4", "--out", disk / "out"],
        ["evaluate", flow_run, *place, "--out", disk / "out"],
        ["data", "synthesize", "--root", disk / "walk"],
    ):
        assert_disk_full(normalcy(*words), where=disk)
    assert files(disk) == {}


def test_results_are_published_whole_or_not_at_all(flow_run, scene, small_disk, tmp_path, capfd):
    disk = small_disk("64k")
    words = ["evaluate", flow_run, "--data", "folder", "--root", scene, "--out", tmp_path, "--publish", disk]
    fill(disk)
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words), "--no-report"])
    assert ended.value.code == 4
    assert files(disk) == {}
    assert (tmp_path / "metrics.json").is_file()
