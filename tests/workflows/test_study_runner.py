"""Cells that fail, that are interrupted, and that cannot even begin."""

import sys
import time

import pytest

from normalcy.training.config import resolve_config
from normalcy.workflows.study.cells import Cell
from normalcy.workflows.study.runner import make_cells

MODULE = """
import json, pathlib, sys, time
settings, run, outcome, what = sys.argv[1:]
assert pathlib.Path(settings).read_text().startswith("method: stae")
if what == "sleep":
    pathlib.Path(outcome).with_name("began").touch()
    time.sleep(60)
elif what == "stubborn":
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pathlib.Path(outcome).with_name("began").touch()
    time.sleep(60)
elif what == "lie":
    sys.exit(0)
pathlib.Path(outcome).write_text(json.dumps({"seed": 0}))
"""


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Makes cells whose process does as it is told."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "told.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    config = resolve_config("stae", data={"name": "folder", "root": "x"})
    return lambda what, folder=None: Cell(
        what, config, folder or tmp_path / what, module="told", more=(what,)
    )


def test_what_is_made_is_kept_and_not_made_again(cell):
    one = cell("work")
    told = []
    assert make_cells([one, one], on_made=lambda *each: told.append(each)) == []
    assert told == [(one, None)]
    assert one.read() == {"seed": 0}
    assert make_cells([one], on_made=lambda *each: told.append(each)) == []
    assert len(told) == 1


def test_a_process_that_says_it_is_done_and_is_not(cell):
    (failure,) = make_cells([cell("lie")])
    assert failure.why == "said nothing (exit code 0)"


def test_a_folder_that_cannot_be_written_costs_its_cell_only(cell, tmp_path):
    (tmp_path / "file").touch()
    (failure,) = make_cells([cell("blocked", tmp_path / "file" / "below"), cell("work")])
    assert failure.cell.row == "blocked"
    assert failure.why.startswith("NotADirectoryError")
    assert cell("work").read() is not None


@pytest.mark.parametrize("what", ["sleep", "stubborn"])
def test_an_interruption_ends_what_is_running(cell, what, monkeypatch):
    monkeypatch.setattr("normalcy.workflows.study.runner._PATIENCE_SECONDS", 1.0)
    slow = cell(what)
    started = time.monotonic()

    def interrupt(*_):
        while not (slow.folder / "began").exists():
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_cells([slow, cell("work")], jobs=2, on_made=interrupt)
    assert time.monotonic() - started < 30
    assert slow.read() is None


def test_each_process_gets_its_share_of_the_cores(cell, monkeypatch):
    given = []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    real = sys.modules["subprocess"].Popen
    monkeypatch.setattr(
        "normalcy.workflows.study.runner.subprocess.Popen",
        lambda *words, **options: (given.append(options["env"]), real(*words, **options))[1],
    )
    make_cells([cell("work")], jobs=4)
    assert given[0]["OMP_NUM_THREADS"] == "2"
