"""The demo as cameras: what it watches, and that one of them goes and returns."""

import os
import signal
import threading
import time

import pytest

from normalcy.errors import InputError, RunFolderBusy
from normalcy.live.cameras.state import CameraState
from normalcy.live.data_folder import alone_in
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter
from normalcy.live.supervision.config_file import ConfigFile
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


@pytest.fixture
def serve(monkeypatch):
    """Serves a demo without an engine; gives the configuration that it would run."""
    configs = []
    monkeypatch.setattr(demo_live, "watch", lambda config, **_: configs.append(config))

    def give(folder, *, port):
        serve_demo(folder, port=port, log_json=False, on_start=print)
        return configs[-1]

    return give


def test_what_the_dashboard_changed_is_there_when_it_is_served_again(folder, serve):
    first = serve(folder, port=1234)
    file = ConfigFile(folder / "live" / "watch.yaml")
    file.change_camera("corridor-east", lambda said: {**said, "title": "East"})
    file.change_camera("added", lambda _: {"source": "test-pattern"})
    again = serve(folder, port=0)
    assert list(again.cameras) == [*first.cameras, "added"]
    east, before = again.cameras["corridor-east"], first.cameras["corridor-east"]
    assert (east.title, east.loop) == ("East", before.loop)
    assert east.source != before.source  # the stream takes another free port
    assert (first.web.port, again.web.port) == (1234, 0)
    file.change_camera("corridor-east", lambda _: None)
    assert "corridor-east" not in serve(folder, port=0).cameras


def test_a_demo_that_is_served_keeps_its_stream(folder, serve):
    serve(folder, port=0)
    before = (folder / "live" / "watch.yaml").read_text()
    with alone_in(folder / "live" / "data"), pytest.raises(RunFolderBusy):
        serve(folder, port=0)
    assert (folder / "live" / "watch.yaml").read_text() == before


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
