"""That the live engine recovers from each fault and loses nothing; at length this is `benchmarks/live_faults.py`."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from live_proof.configuration import BUSY
from live_proof.detector import fit_detector, write_video
from live_proof.ending import finish
from live_proof.faults import FAULTS
from live_proof.faults.kill_anything import kill_main
from live_proof.faults.locked_database import locked_for
from live_proof.faults.receiver_down import away_for
from live_proof.rounds import strike_all
from live_proof.site import Conditions, Site

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="processes are read from /proc")

OF_STREAMS = ("stream-cut", "stream-stalled", "half-open", "garbage", "resolution-change", "wedged-decoder")
OF_PROCESSES = ("inference-killed", "alerts-killed")
OF_THE_MACHINE = ("full-disk", "clock-jump")


@pytest.fixture
def site(tmp_path):
    """An engine on a small disk and by a clock of its own, where these can be had."""
    data, environment = tmp_path / "data", {}
    with ExitStack() as stack:
        for name in OF_THE_MACHINE:
            if FAULTS[name].missing():
                continue
            conditions = stack.enter_context(FAULTS[name].conditions(tmp_path))
            data = conditions.data if name == "full-disk" else data
            environment = {**environment, **conditions.environment}
        found = Site(
            bundle=fit_detector(tmp_path),
            video=write_video(tmp_path / "busy.mp4"),
            folder=tmp_path,
            conditions=Conditions(data, environment),
        )
        yield stack.enter_context(found)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_engine_recovers_from_every_fault_and_loses_nothing(site):
    for name in (*OF_STREAMS, *OF_PROCESSES, *OF_THE_MACHINE):
        if not FAULTS[name].missing():
            require_recovery(site, FAULTS[name])
    require_recovery(site, away_for(1.0))
    require_recovery(site, locked_for(6.0))
    capture = f"capture {BUSY}"
    pid = site.victim(capture)
    site.kill(capture, pid)
    site.wait_replaced(capture, pid)
    kill_main(site, while_starting=True)
    found, troubles = finish(site)
    assert (list(found.violations), troubles, site.watcher.troubles) == ([], [], [])
    assert found.committed > 0
    assert found.received == found.owed > 0
    assert not site.watcher.is_disturbed


def require_recovery(site, fault):
    made = strike_all(site, fault, rounds=1, say=print)
    assert (made.failures, len(made.seconds)) == ([], 1), fault.name
