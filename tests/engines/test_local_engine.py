"""The engine of local processes, with real processes that really die."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from engine_jobs import DEFECT, DIES, DIES_ONCE, FAILS, FULL, SLOW, DeadOnArrival, Squares, Unopened

from normalcy.engines.local import LocalEngine
from normalcy.engines.opening import open_engine
from normalcy.errors import BundleError, ConfigError, MissingPackage, NormalcyError, OutputError


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_alive(pid)


def test_every_item_has_one_outcome_whatever_becomes_of_the_others(tmp_path, caplog):
    items = [1, DIES_ONCE, FAILS, DEFECT, 2, DIES, 3]
    with LocalEngine(2) as engine:
        found = {each.place: each for each in engine.run(Squares(tmp_path), items)}
    assert sorted(found) == list(range(len(items)))
    squares = {place: each.result[0] for place, each in found.items() if each.result}
    assert squares == {0: 1, 1: DIES_ONCE**2, 4: 4, 6: 9}
    assert [found[place].tries for place in (0, 1, 5)] == [1, 2, 3]
    assert found[2].error == "item: is of no use"
    assert found[3].error == "a TypeError, a defect of normalcy: nobody foresaw it"
    assert found[5].error == "each of 3 workers that tried died (killed by signal 9)"


def test_workers_stay_for_the_same_job_and_end_with_the_engine(tmp_path):
    with LocalEngine(1) as engine:
        pids = {each.result[1] for _ in range(2) for each in engine.run(Squares(tmp_path), [1, 2])}
        (pid,) = pids
        assert is_alive(pid)
        (tmp_path / "other").mkdir()
        (other,) = {each.result[1] for each in engine.run(Squares(tmp_path / "other"), [1])}
        assert other != pid
        assert gone(pid)
        assert is_alive(other)
    assert gone(other)


def test_items_are_begun_in_their_order(tmp_path):
    with LocalEngine(1) as engine:
        assert [each.place for each in engine.run(Squares(tmp_path), [5, 3, DIES_ONCE, 4])] == [0, 1, 2, 3]


def test_what_others_fail_of_as_well_ends_the_run(tmp_path):
    with LocalEngine(1) as engine, pytest.raises(OutputError, match="disk: no room is left"):
        list(engine.run(Squares(tmp_path), [1, FULL, 2]))
    with (
        LocalEngine(2) as engine,
        pytest.raises(BundleError, match=r"somewhere: is not a bundle. Fit one"),
    ):
        list(engine.run(Unopened(), [1, 2]))


def test_workers_that_never_come_up_end_the_run():
    with (
        LocalEngine(1) as engine,
        pytest.raises(NormalcyError, match=r"made themselves ready \(exit status 7"),
    ):
        list(engine.run(DeadOnArrival(), [1]))


def test_closing_the_outcomes_ends_the_work(tmp_path):
    with LocalEngine(2) as engine, closing(engine.run(Squares(tmp_path), [1, SLOW])) as outcomes:
        first = next(outcomes)
        workers = [each.process.pid for each in engine._crew.workers]
    assert first.result[0] == 1
    assert all(gone(pid) for pid in workers)


def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    code = (
        "from pathlib import Path\nfrom engine_jobs import SLOW, Squares\n"
        "from normalcy.engines.local import LocalEngine\n"
        "if __name__ == '__main__':\n"
        "    engine = LocalEngine(1)\n"
        f"    for each in engine.run(Squares(Path({str(tmp_path)!r})), [1, SLOW]): print(each.result[1], flush=True)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    path = os.pathsep.join(each for each in sys.path if each)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert gone(worker)


def test_engines_are_opened_by_name(monkeypatch):
    assert open_engine("local", workers=3).workers == 3
    assert open_engine("local").workers >= 1
    with pytest.raises(ConfigError, match=r"unknown engine 'spark'. Known are local, ray"):
        open_engine("spark")
    with pytest.raises(ConfigError, match="--address: local workers have no address"):
        open_engine("local", address="auto")
    with pytest.raises(ConfigError, match="0 workers are too few"):
        open_engine("local", workers=0)
    monkeypatch.setattr("normalcy.engines.opening.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"ray is not installed. pip install 'normalcy\[scale\]'"):
        open_engine("ray")
