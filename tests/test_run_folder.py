import errno
import json
import os
from pathlib import Path

import pytest

from normalcy.errors import DiskFull, OutputError, RunFolderBusy, RunFolderExists
from normalcy.run_folder import RunFolder, write_json, write_text, writing_to


def test_a_claimed_folder_refuses_a_second_writer(tmp_path):
    with (
        RunFolder(tmp_path / "run").claimed(),
        pytest.raises(RunFolderBusy, match="another normalcy"),
        RunFolder(tmp_path / "run").claimed(),
    ):
        pass


def test_a_claim_ends_with_its_block(tmp_path):
    for _ in range(2):
        with RunFolder(tmp_path / "run").claimed():
            pass


def test_a_folder_with_a_run_is_not_overwritten_in_silence(tmp_path):
    run = RunFolder(tmp_path)
    run.require_empty()
    run.config.write_text("seed: 1\n")
    with pytest.raises(RunFolderExists, match="--resume"):
        run.require_empty()


def test_clearing_takes_what_the_run_wrote_and_nothing_else(tmp_path):
    run = RunFolder(tmp_path)
    for path in (
        run.bundle / "card.md",
        run.videos / "x.mp4",
        run.scores,
        tmp_path / "cache" / "a",
        run.config,
    ):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    run.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "config.yaml"]


def test_a_folder_of_somebody_else_is_neither_taken_nor_cleared(tmp_path):
    run = RunFolder(tmp_path)
    run.videos.mkdir()
    (run.videos / "holiday.mp4").touch()
    run.clear()
    assert (run.videos / "holiday.mp4").is_file()
    with pytest.raises(RunFolderExists, match="holds videos already, and no run"):
        run.require_empty()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EACCES, OutputError), (errno.EROFS, OutputError)]
)
def test_refusals_of_the_system_are_named(number, kind, tmp_path):
    with pytest.raises(kind, match=str(tmp_path)), writing_to(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("name", ["run", "run/bundle/card.md", ".run-12ab", ".", ".."])
def test_refusals_about_the_folder_its_parents_and_temporaries_are_its_own(tmp_path, name):
    path = tmp_path / "runs" / "run"
    with pytest.raises(OutputError, match="runs/run: cannot be written"), writing_to(path):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "runs" / name))


def test_refusals_about_files_elsewhere_are_not_blamed_on_the_folder(tmp_path):
    labels = tmp_path / "labels.csv"
    with pytest.raises(PermissionError, match="labels"), writing_to(tmp_path / "run"):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(labels))
    with pytest.raises(DiskFull, match=r"labels\.csv: no room left"), writing_to(tmp_path / "run"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(labels))


def test_a_full_disk_says_how_to_go_on(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with (
        pytest.raises(DiskFull, match="Make room there, then use --resume;"),
        folder.claimed(go_on="use --resume"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_other_errors_pass(tmp_path):
    with pytest.raises(OSError, match="odd"), writing_to(tmp_path):
        raise OSError(errno.EIO, "odd")


def test_out_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"), RunFolder(tmp_path / "file").claimed():
        pass
    below = tmp_path / "file" / "run"
    with pytest.raises(OutputError, match="cannot be made"), RunFolder(below).claimed():
        pass


def test_a_disk_too_full_for_the_folder_itself(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "run"))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(DiskFull, match="run: no room left"), RunFolder(tmp_path / "run").claimed():
        pass


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def refuse(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="full"):
        write_text(path, "half")
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
