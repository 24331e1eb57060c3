"""That the live engine recovers from each fault, and that what counts them can tell when it does not.

The same code at length is `benchmarks/live_faults.py`.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from live_proof.audit import audit
from live_proof.configuration import BUSY
from live_proof.deaths import Deaths
from live_proof.detector import fit_detector, write_video
from live_proof.fault import ordinary
from live_proof.faults import FAULTS
from live_proof.faults.kill_anything import kill_main
from live_proof.faults.locked_database import locked_for
from live_proof.faults.receiver_down import away_for
from live_proof.ledger import Sighting, went_back
from live_proof.results import is_done, is_good, render_table
from live_proof.rounds import strike_all
from live_proof.site import Conditions, Site

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="processes are read from /proc")

OF_STREAMS = ("stream-cut", "stream-stalled", "half-open", "garbage", "resolution-change")
OF_PROCESSES = ("inference-killed", "alerts-killed")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proof")
    return {"bundle": fit_detector(folder), "video": write_video(folder / "busy.mp4")}


def strike_each(site, faults):
    for fault in faults:
        made = strike_all(site, fault, rounds=1, say=print)
        assert (made.failures, len(made.seconds)) == ([], 1), fault.name


def require_nothing_lost(site):
    found, troubles = site.finish()
    assert (list(found.violations), troubles, site.watcher.troubles) == ([], [], [])
    assert found.committed > 0
    assert found.received == found.owed > 0
    assert not site.watcher.is_disturbed


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_whatever_happens_to_streams_and_processes(detector, tmp_path):
    with ordinary(tmp_path) as conditions, Site(**detector, folder=tmp_path, conditions=conditions) as site:
        strike_each(site, [FAULTS[name] for name in (*OF_STREAMS, *OF_PROCESSES)])
        strike_each(site, [away_for(1.0)])
        pid = site.victim(f"capture {BUSY}")
        site.kill(f"capture {BUSY}", pid)
        site.wait_replaced(f"capture {BUSY}", pid)
        kill_main(site, while_starting=True)
        require_nothing_lost(site)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_whatever_happens_to_clock_disk_and_database(detector, tmp_path):
    data, environment, faults = tmp_path / "data", {}, [locked_for(6.0)]
    with ExitStack() as stack:
        if not FAULTS["full-disk"].missing():
            data = stack.enter_context(FAULTS["full-disk"].conditions(tmp_path)).data
            faults.append(FAULTS["full-disk"])
        if not FAULTS["clock-jump"].missing():
            environment = stack.enter_context(FAULTS["clock-jump"].conditions(tmp_path)).environment
            faults.append(FAULTS["clock-jump"])
        conditions = Conditions(data, environment)
        site = stack.enter_context(Site(**detector, folder=tmp_path, conditions=conditions))
        strike_each(site, [*faults, FAULTS["wedged-decoder"]])
        require_nothing_lost(site)
