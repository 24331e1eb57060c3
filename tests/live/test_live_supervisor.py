"""A whole engine with real processes: changed while it runs, hurt, and stopped."""

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from live_captures import until
from live_engine_folder import EngineFolder
from live_engine_rig import EngineRig, children_of, is_alive, kill

from normalcy.errors import ConfigError, RunFolderBusy
from normalcy.live.cameras.state import CameraState
from normalcy.live.store.events import open_events
from normalcy.live.store.opening import store_of
from normalcy.live.supervision import camera_unit, fleet, supervisor
from normalcy.live.supervision.supervisor import Supervisor

ONLINE, OFFLINE, FAILED = CameraState.ONLINE, CameraState.OFFLINE, CameraState.FAILED
SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


@pytest.fixture(scope="module")
def engine(tiny_flow_run, tiny_root, tmp_path_factory):
    folder = EngineFolder(
        tmp_path_factory.mktemp("engine"), run=tiny_flow_run.path, videos=tiny_root / "test"
    )
    folder.write(cameras={"calm": folder.camera("calm"), "runner": folder.camera("runner")})
    with pytest.MonkeyPatch.context() as patch, EngineRig(folder) as rig:
        patch.setattr(supervisor, "_CONFIG_SECONDS", 0.1)
        patch.setattr(fleet, "_FILES_SECONDS", 0.1)
        rig.until_scored("calm", "runner")
        yield rig


@pytest.fixture(autouse=True)
def as_it_was(engine):
    """Each test finds the same two cameras, and the first one must never notice the others."""
    folder = engine.folder
    two = {"calm": folder.camera("calm"), "runner": folder.camera("runner")}
    if engine.stopped_in_time is not None:
        yield
        return
    engine.reload(cameras=two)
    engine.until_scored("calm", "runner")
    pid, frames = engine.pid("capture calm"), engine.camera("calm").frames_in
    yield
    if engine.stopped_in_time is None:
        until(lambda: engine.camera("calm").frames_in > frames)
        assert engine.pid("capture calm") == pid
        assert engine.restarts("capture calm") == 0


def cameras_with(engine, **others):
    return {"calm": engine.folder.camera("calm"), "runner": engine.folder.camera("runner"), **others}


def test_everything_runs(engine):
    assert engine.desk.is_ready
    assert [stage.name for stage in engine.desk.stages()][:2] == ["inference", "alerts"]
    assert all(stage.state == "running" and stage.pid for stage in engine.desk.stages())
    runner = engine.camera("runner")
    assert (runner.size_px, runner.source_fps, runner.state) == ((48, 64), 10.0, ONLINE)
    assert engine.desk.notes() == []
    until(lambda: engine.desk.picture("runner", heat=False))
    plain, heat = (engine.desk.picture("runner", heat=heat) for heat in (False, True))
    assert plain.startswith(b"\xff\xd8")
    assert heat.startswith(b"\xff\xd8")
    assert engine.desk.picture("nobody", heat=True) is None


def test_another_engine_is_kept_out(engine):
    with pytest.raises(RunFolderBusy, match="another engine is running here"):
        Supervisor(engine.folder.config)


def test_cameras_come_and_go_while_others_go_on(engine):
    pid = engine.pid("capture runner")
    engine.reload(cameras=cameras_with(engine, third=engine.folder.camera("calm")))
    engine.until_scored("third")
    third, memory = engine.pid("capture third"), engine.memory_names()
    engine.reload(cameras=cameras_with(engine))
    until(lambda: not is_alive(third))
    assert list(engine.cameras()) == ["calm", "runner"]
    until(lambda: len([name for name in memory if Path("/dev/shm", name).exists()]) == 2)
    assert engine.pid("capture runner") == pid


def test_tuning_a_camera_loses_no_picture(engine):
    pid, frames = engine.pid("capture runner"), engine.camera("runner").frames_in
    tuned = engine.folder.camera("runner", title="Runner", regions=[{"name": "all", "polygon": SQUARE}])
    engine.reload(cameras=cameras_with(engine, runner=tuned))
    engine.until_scored("runner")
    assert engine.pid("capture runner") == pid
    assert engine.camera("runner").frames_in > frames
    assert engine.camera("runner").title == "Runner"


def test_a_camera_whose_pictures_come_another_way_begins_anew(engine):
    pid = engine.pid("capture runner")
    engine.reload(cameras=cameras_with(engine, runner=engine.folder.camera("runner", stride=2)))
    until(lambda: engine.pid("capture runner") not in (None, pid))
    engine.until_scored("runner")
    until(lambda: engine.camera("runner").dropped["stride"] > 0)


def test_a_camera_is_switched_off_and_on(engine):
    engine.reload(cameras=cameras_with(engine, runner=engine.folder.camera("runner", enabled=False)))
    engine.until_state("runner", CameraState.DISABLED)
    until(lambda: engine.pid("capture runner") is None)
    engine.reload(cameras=cameras_with(engine))
    engine.until_state("runner", ONLINE)


def test_the_dashboard_saves_a_camera(engine):
    engine.desk.save_camera("runner", engine.desk.raw_camera("runner") | {"title": "Saved"})
    assert engine.desk.config.cameras["runner"].title == "Saved"
    with pytest.raises(ConfigError, match="strid"):
        engine.desk.save_camera("runner", {"source": "x", "strid": 1})
    with pytest.raises(ConfigError, match="NOWHERE is not set"):
        engine.desk.save_camera("runner", {"source": "rtsp://${NOWHERE}@door"})
    assert engine.desk.raw_camera("runner")["title"] == "Saved"
    assert engine.desk.config.cameras["runner"].title == "Saved"


def test_a_wrong_file_is_told_of_and_changes_nothing(engine):
    before = engine.desk.config
    wrong = engine.folder.said | {"camers": {}}
    engine.folder.file.write_text(str(wrong))
    until(lambda: "configuration" in engine.notes())
    assert "did you mean 'cameras'?" in engine.notes()["configuration"]
    assert engine.desk.config is before
    engine.folder.write()
    until(lambda: "configuration" not in engine.notes())


def test_what_only_a_restart_takes_up_is_told_of_and_not_used_by_a_process_that_is_started_anew(engine):
    engine.folder.write(data="elsewhere", store={"url": "sqlite:////nowhere/at/all.db"})
    until(lambda: engine.notes().get("restart", "").startswith("data, store.url: "))
    for stage in ("inference", "alerts"):
        pid = engine.pid(stage)
        kill(pid)
        until(lambda stage=stage, pid=pid: engine.pid(stage) not in (None, pid))
    engine.until_scored("calm", "runner")
    assert engine.desk.config.data == engine.folder.path / "data"
    assert not (engine.folder.path / "elsewhere").exists()
    engine.folder.write(data="data", store={})
    until(lambda: engine.notes() == {})


@pytest.mark.parametrize("stage", ["inference", "alerts"])
def test_a_process_that_hangs_is_noticed_and_started_again(engine, monkeypatch, stage):
    monkeypatch.setattr(supervisor, "_UNHEARD_SECONDS", 4.0)
    engine.until_scored("calm")
    pid = engine.pid(stage)
    kill(pid, signal.SIGSTOP)
    until(lambda: not engine.desk.is_ready)
    assert engine.pid(stage) == pid
    monkeypatch.setattr(supervisor, "_HUNG_SECONDS", 6.0)
    until(lambda: not is_alive(pid))
    until(lambda: engine.notes().get(stage, "").startswith("It hung until "))
    monkeypatch.undo()
    engine.until_scored("calm", "runner")
    with engine.supervisor.lock:
        getattr(engine.supervisor, stage).hung_at = None
    until(lambda: engine.notes() == {})


def test_a_secret_that_is_not_there_keeps_its_camera_alone_waiting(engine, tmp_path):
    secret = tmp_path / "secret"
    late = {"source": f"rtsp://127.0.0.1:9/${{file:{secret}}}", "backoff_first_seconds": 0.1}
    engine.reload(cameras=cameras_with(engine, late=late))
    engine.until_state("late", OFFLINE)
    assert engine.camera("late").reason == "cannot be read (No such file or directory)"
    until(
        lambda: (
            f"cameras.late.source: ${{file:{secret}}}: cannot be read" in engine.notes().get("secrets", "")
        )
    )
    engine.until_scored("calm", "runner")
    engine.desk.change_camera("runner", lambda said: {**said, "title": "Runner"})
    secret.write_text("live\n")
    until(lambda: "secrets" not in engine.notes())
    until(lambda: "cannot be read" not in engine.camera("late").reason)


def test_a_camera_without_room_fails_alone(engine, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fleet, "_REFUSED_SECONDS", 0.5)
    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", full)
        engine.reload(cameras=cameras_with(engine, third=engine.folder.camera("calm")))
        engine.until_state("third", FAILED)
        assert "no shared memory left" in engine.camera("third").reason
        until(lambda: engine.notes().get("cameras", "").startswith("third: there is no shared memory left"))
        engine.until_scored("calm", "runner")
    engine.until_scored("third")
    until(lambda: engine.notes() == {})


def test_a_defect_of_one_camera_holds_up_no_other(engine, monkeypatch):
    monkeypatch.setattr(fleet, "layout_of", lambda *_: 1 / 0)
    with engine.supervisor.lock:
        for each in ("one", "two"):
            engine.supervisor.fleet._try_to_add(each, engine.desk.config, None)
        assert set(engine.supervisor.fleet.refused) == {"one", "two"}
        engine.supervisor.fleet.refused.clear()


def test_detectors_that_cannot_be_opened_give_way_to_those_that_could(engine):
    before, pid = engine.desk.config, engine.pid("inference")
    bundles = {"tiny": {"path": "bundle", "backend": "abacus"}}
    engine.folder.write(bundles=bundles)
    until(lambda: "abacus" in engine.notes().get("detectors", ""))
    until(lambda: engine.desk.is_ready)
    assert engine.desk.config.bundles == before.bundles
    assert engine.pid("inference") != pid
    engine.reload(bundles={"tiny": {"path": "bundle", "backend": "torch", "threads": 1}})
    until(lambda: engine.notes() == {})


def test_nobody_waits_for_an_engine_that_takes_its_time_to_end(engine):
    pid = engine.pid("inference")
    kill(pid, signal.SIGSTOP)
    copy = shutil.copytree(engine.folder.path / "bundle", engine.folder.path / "copy", dirs_exist_ok=True)
    engine.reload(bundles={"tiny": {"path": str(copy), "backend": "torch", "threads": 1}})
    assert list(engine.cameras()) == ["calm", "runner"]
    assert not engine.desk.is_ready
    assert is_alive(pid)
    kill(pid, signal.SIGCONT)
    until(lambda: not is_alive(pid))
    engine.until_scored("calm", "runner")


@pytest.mark.parametrize("stage", ["inference", "alerts", "capture runner"])
def test_a_process_that_is_killed_comes_back(engine, stage):
    pids = {each.name: each.pid for each in engine.desk.stages()}
    deaths = engine.restarts(stage)
    kill(pids[stage])
    until(lambda: engine.pid(stage) not in (None, pids[stage]))
    engine.until_scored("calm", "runner")
    after = {each.name: each.pid for each in engine.desk.stages()}
    assert {name for name in pids if after[name] != pids[name]} == {stage}
    assert engine.restarts(stage) == deaths + 1


def test_a_decoder_that_hangs_is_killed(engine, monkeypatch):
    monkeypatch.setattr(camera_unit, "_WEDGED_MARGIN_SECONDS", 0.0)
    slow = engine.folder.camera("runner", open_timeout_seconds=0.3, read_timeout_seconds=0.3)
    before = engine.pid("capture runner")
    engine.reload(cameras=cameras_with(engine, runner=slow))
    until(lambda: engine.pid("capture runner") not in (None, before))
    engine.until_scored("runner")
    pid = engine.pid("capture runner")
    kill(pid, signal.SIGSTOP)
    until(lambda: not is_alive(pid))
    engine.until_scored("runner")


def test_a_file_that_was_not_there_is_opened_when_it_comes(engine, tmp_path):
    late = {"source": str(tmp_path / "late.mp4")}
    engine.reload(cameras=cameras_with(engine, late=late))
    engine.until_state("late", FAILED)
    assert "no such file" in engine.camera("late").reason
    shutil.copy(engine.folder.videos / "calm.mp4", tmp_path / "arriving.mp4")
    (tmp_path / "arriving.mp4").rename(tmp_path / "late.mp4")
    engine.until_scored("late")


def test_saving_the_configuration_again_tries_what_had_failed(engine):
    hopeless = {"source": str(engine.folder.path)}
    engine.reload(cameras=cameras_with(engine, hopeless=hopeless))
    engine.until_state("hopeless", FAILED)
    pid, failed_at = engine.pid("capture hopeless"), engine.camera("hopeless").state_since
    engine.folder.write()
    until(lambda: engine.pid("capture hopeless") not in (None, pid))
    # A process that is hardly begun could not end in time when the next test asks it to.
    until(
        lambda: (hopeless := engine.camera("hopeless")).state is FAILED and hopeless.state_since > failed_at
    )


def test_it_stops_gently_and_leaves_nothing_behind(engine):
    """Last in this file: the engine of the others ends here."""
    quiet = engine.folder.camera("runner", false_alarms_per_day=100_000, alert_per_day=100_000)
    engine.reload(cameras=cameras_with(engine, runner=quiet))
    until(lambda: engine.camera("runner").event is not None)
    memory, children = engine.memory_names(), [stage.pid for stage in engine.desk.stages()]
    begin = time.monotonic()
    engine.stop()
    assert engine.stopped_in_time, time.monotonic() - begin
    assert not any(is_alive(pid) for pid in children)
    assert not set(children) & set(children_of(os.getpid()))
    assert not [name for name in memory if Path("/dev/shm", name).exists()]
    assert not [each for each in multiprocessing.active_children() if each.name.startswith("capture ")]
    with store_of(engine.folder.config) as store, store.reading() as session:
        assert open_events(session) == []
