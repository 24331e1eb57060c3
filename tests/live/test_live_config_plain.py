"""Sources that are named on the command line, again and again, beside what the dashboard changed."""

import pytest

from normalcy.errors import ConfigError, RunFolderBusy
from normalcy.live.config.live import read_live_config
from normalcy.live.config.plain import FILE, write_plain_config
from normalcy.live.config.web import WebConfig
from normalcy.live.data_folder import claimed
from normalcy.live.supervision import config_file
from normalcy.live.supervision.config_file import ConfigFile


@pytest.fixture
def name(tmp_path):
    """Names sources on the command line; gives the configuration that comes of it."""

    def write(*sources):
        path = write_plain_config(sources, bundle=tmp_path / "bundle", backend="auto", data=tmp_path / "data")
        return read_live_config(path)

    return write


def watched(config):
    return sorted(camera.source for camera in config.cameras.values() if camera.enabled)


def test_a_configuration_is_made(name, tmp_path):
    config = name("rtsp://guard:hunter2@door/1", "test-pattern")
    assert watched(config) == ["rtsp://guard:hunter2@door/1", "test-pattern"]
    assert config.data == tmp_path / "data"
    assert config.bundles["main"].path == tmp_path / "bundle"
    file = tmp_path / "data" / FILE
    assert file.stat().st_mode & 0o077 == 0  # it may hold a password
    assert not any("hunter2" in each for each in config.cameras)


def test_files_are_named_by_absolute_paths(name, tmp_path, monkeypatch):
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert watched(name("a.mp4")) == [str(tmp_path / "a.mp4")]


def test_the_same_again_changes_nothing(name, tmp_path):
    name("test-pattern", "rtsp://door/1")
    before = (tmp_path / "data" / FILE).read_text()
    name("test-pattern", "rtsp://door/1")
    assert (tmp_path / "data" / FILE).read_text() == before


def test_what_the_dashboard_changed_stays(name, tmp_path, monkeypatch):
    monkeypatch.setattr(config_file, "require_references", lambda *_, **__: None)
    (camera,) = name("test-pattern").cameras
    file = tmp_path / "data" / FILE
    file.write_text("# mine\n" + file.read_text())
    written = ConfigFile(file)
    written.change_camera(camera, lambda said: said | {"title": "Yard", "false_alarms_per_day": 3})
    written.change_camera("added", lambda _: {"source": "rtsp://added/1"})
    config = name("test-pattern")
    assert (config.cameras[camera].title, config.cameras[camera].false_alarms_per_day) == ("Yard", 3)
    assert config.cameras["added"].enabled
    assert file.read_text().startswith("# mine\n")


def test_what_is_no_longer_named_is_kept_and_not_watched(name):
    name("rtsp://a/1", "rtsp://b/1")
    config = name("rtsp://b/1")
    assert watched(config) == ["rtsp://b/1"]
    assert len(config.cameras) == 2
    assert watched(name("rtsp://a/1")) == ["rtsp://a/1"]


def test_sources_that_look_alike_get_names_of_their_own(name):
    config = name("rtsp://a:1@door/1", "rtsp://b:2@door/1", "rtsp://Door/1")
    assert len(config.cameras) == 3


def test_a_mistake_writes_nothing(name, tmp_path):
    name("rtsp://a/1")
    before = (tmp_path / "data" / FILE).read_text()
    wrong = before + "web: {port: -1}\n"
    (tmp_path / "data" / FILE).write_text(wrong)
    with pytest.raises(ConfigError, match=r"'web.port' is -1"):
        name("rtsp://b/1")
    assert (tmp_path / "data" / FILE).read_text() == wrong


def test_an_engine_that_runs_there_keeps_its_configuration(name, tmp_path):
    name("rtsp://a/1")
    before = (tmp_path / "data" / FILE).read_text()
    claim = claimed(tmp_path / "data")
    with pytest.raises(RunFolderBusy, match="another engine is running here"):
        name("rtsp://b/1")
    assert (tmp_path / "data" / FILE).read_text() == before
    claim.release()
    assert watched(name("rtsp://b/1")) == ["rtsp://b/1"]


def test_where_the_dashboard_listened_is_not_remembered(name, tmp_path, monkeypatch):
    monkeypatch.setattr(config_file, "require_references", lambda *_, **__: None)
    name("test-pattern")
    file = ConfigFile(tmp_path / "data" / FILE, web={"host": "0.0.0.0", "port": 9000})
    assert (file.config.web.host, file.config.web.port) == ("0.0.0.0", 9000)
    saved = file.change_camera("added", lambda _: {"source": "test-pattern"})
    assert (saved.web.host, saved.web.port) == ("0.0.0.0", 9000)
    file.path.write_text(file.path.read_text() + "\n")
    assert file.changed().web.port == 9000
    assert name("test-pattern").web == WebConfig()
