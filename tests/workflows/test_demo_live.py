"""The demo as cameras: what it watches, and that one of them goes and returns."""

import os
import signal
import threading
import time

import pytest

from normalcy.errors import InputError
from normalcy.live.cameras.state import CameraState
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter
from normalcy.workflows import demo_live
from normalcy.workflows.demo_live import serve_demo
from tiny_scene import RUNS, scene, write_scene

PATIENCE_SECONDS = 90.0


@pytest.fixture
def folder(tmp_path, tiny_flow_run):
    (tmp_path / "bundle").symlink_to(tiny_flow_run.bundle)
    write_scene(tmp_path / "walkway" / "train" / "a.mp4", scene(30, seed=7)[0])
    write_scene(tmp_path / "walkway" / "test" / "b.mp4", scene(30, seed=7, runs=RUNS)[0])
    return tmp_path


def test_without_a_demo_there_is_nothing_to_serve(tmp_path):
    with pytest.raises(InputError, match=r"holds no demo\. `normalcy demo` makes one"):
        serve_demo(tmp_path, port=0, log_json=False, on_start=print)


@pytest.mark.slow
def test_three_cameras_of_which_one_goes_and_returns(folder, monkeypatch):
    monkeypatch.setattr(demo_live, "AWAY_EVERY_SECONDS", 10.0)
    monkeypatch.setattr(demo_live, "AWAY_FOR_SECONDS", 3.0)
    seen: dict[str, list[CameraState]] = {}
    events: list[object] = []

    def look(running) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and not is_enough():
            for camera in running.desk.cameras():
                states = seen.setdefault(camera.name, [])
                if not states or states[-1] is not camera.state:
                    states.append(camera.state)
            with running.supervisor.store.reading() as session:
                events[:] = find_events(session, EventFilter(), limit=5)
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    def is_enough() -> bool:
        states = seen.get("corridor-east", [])
        if CameraState.OFFLINE not in states:
            return False
        back = CameraState.ONLINE in states[states.index(CameraState.OFFLINE) :]
        return back and bool(events)

    def watch(running) -> None:
        threading.Thread(target=look, args=(running,), daemon=True).start()

    serve_demo(folder, port=0, log_json=False, on_start=watch)
    assert is_enough()
    assert seen["corridor-north"][-1] is seen["corridor-south"][-1] is CameraState.ONLINE
    assert CameraState.OFFLINE not in seen["corridor-north"] + seen["corridor-south"]
