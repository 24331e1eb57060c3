"""What is shown of a camera whose process died."""

import os
import time
from types import SimpleNamespace

import pytest

from normalcy.live.cameras.life import Life
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.live import config_from
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory
from normalcy.live.supervision.camera_unit import CameraUnit
from normalcy.methods.contract import ClipSpec

LAYOUT = Layout((4, 6, 1), slots=4, pictures=3, picture_bytes=64, map_HW=(2, 3))


@pytest.fixture
def unit():
    made = CameraUnit(
        "door",
        config=CameraConfig(source="test-pattern"),
        memory=CameraMemory.create(LAYOUT),
        spec=ClipSpec(1, size_px=(4, 6), channels=1),
        picture_fps=5.0,
        capture=SimpleNamespace(state="running", pid=os.getpid(), reason="was killed by SIGKILL", since=7.0),
    )
    yield made
    made.close()


def status(unit, tmp_path):
    cameras = {"door": {"source": "test-pattern"}}
    config = config_from({"bundles": {"a": {"path": "a"}}, "cameras": cameras}, where=tmp_path / "watch.yaml")
    found = unit.status(config)
    return found.state, found.reason, found.state_since


def test_what_a_dead_process_said_does_not_hold_until_the_next_one_speaks(unit, tmp_path):
    assert status(unit, tmp_path)[:2] == (CameraState.CONNECTING, "")
    life = Life(unit.memory, name="door")
    life.become(CameraState.CONNECTING)
    life.frame_came()
    assert status(unit, tmp_path)[0] is CameraState.ONLINE
    unit.capture.pid = None  # it died, and nobody has noticed
    reason = "its process is started again: was killed by SIGKILL"
    assert status(unit, tmp_path) == (CameraState.OFFLINE, reason, 7.0)
    unit.capture.state = "restarting"
    assert status(unit, tmp_path) == (CameraState.OFFLINE, reason, 7.0)
    unit.capture.state, unit.capture.pid = "running", 1  # the next one, which has not come so far
    assert status(unit, tmp_path) == (CameraState.OFFLINE, reason, 7.0)
    unit.capture.pid = os.getpid()
    before = time.time()
    Life(unit.memory, name="door")
    state, reason, since = status(unit, tmp_path)
    assert (state, reason) == (CameraState.OFFLINE, "its process ended")
    assert since >= before


def test_a_process_that_is_given_up_is_a_camera_that_failed(unit, tmp_path):
    unit.capture.state, unit.capture.pid = "failed", None
    reason = "its process died too often: was killed by SIGKILL"
    assert status(unit, tmp_path) == (CameraState.FAILED, reason, 7.0)
