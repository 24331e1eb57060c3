"""The configuration file while an engine runs: written by the dashboard, by hand, and by editors that replace it."""

import os
import stat
import threading
from pathlib import Path

import pytest

from normalcy.errors import ConfigError, OutputError
from normalcy.live.config.live import read_live_config
from normalcy.live.supervision import config_file
from normalcy.live.supervision.config_file import ConfigFile

CORNER = [[0, 0], [0.5, 0], [0, 0.5]]
TEXT = """\
# cameras of the yard
bundles: {yard: {path: yard}}  # fitted in May

cameras:
  # at the front
  door:
    source: "rtsp://${GUARD}@door/1"   # the good one
    schedule: [{start: 18:00, end: 06:00}]
  # at the back
  gate:
    source: gate
    stride: 2  # it is fast
  # on the roof
  roof: {source: roof}

# only here
web: {port: 0}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(config_file, "require_references", lambda *_, **__: None)
    path = tmp_path / "watch.yaml"
    path.write_text(TEXT)
    return ConfigFile(path)


def lines_without(*gone: str) -> str:
    return "".join(line for line in TEXT.splitlines(keepends=True) if not any(each in line for each in gone))


def test_what_is_written_keeps_comments_order_and_quotes(file):
    config = file.change_camera("gate", lambda _: {"source": "gate", "stride": 3})
    assert config.cameras["gate"].stride == 3
    assert file.path.read_text() == TEXT.replace("stride: 2", "stride: 3")


def test_writing_what_is_there_changes_nothing(file):
    for name in ("door", "gate", "roof"):
        file.change_camera(name, lambda said: said)
    assert file.path.read_text() == TEXT


def test_secrets_stay_references(file, monkeypatch):
    monkeypatch.setenv("GUARD", "anna:hunter2")
    assert file.camera("door")["source"] == "rtsp://${GUARD}@door/1"
    file.change_camera("door", lambda said: said | {"title": "Door"})
    assert "hunter2" not in file.path.read_text()
    assert "${GUARD}" in file.path.read_text()


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("gate", ("# at the back", "gate:", "source: gate", "stride")),
        ("roof", ("# on the roof", "roof:")),
        ("door", ("# at the front", "door", "18:00")),
    ],
)
def test_a_camera_goes_with_its_own_comment_alone(file, name, gone):
    config = file.change_camera(name, lambda _: None)
    assert name not in config.cameras
    assert file.path.read_text() == lines_without(*gone)


def test_all_cameras_may_go_and_others_come(file):
    for name in ("roof", "door", "gate"):
        file.change_camera(name, lambda _: None)
    assert file.config.cameras == {}
    assert list(file.change_camera("new", lambda _: {"source": "new"}).cameras) == ["new"]
    assert "# only here" in file.path.read_text()


def test_a_camera_that_is_not_there_is_taken_out_of_an_empty_section(file):
    file.path.write_text("bundles: {yard: {path: yard}}\ncameras:\n")
    with pytest.raises(ConfigError, match="cameras"):
        file.changed()
    assert file.camera("door") == {}
    assert list(file.change_camera("new", lambda _: {"source": "new"}).cameras) == ["new"]


@pytest.mark.parametrize("settings", [{"source": ""}, {"source": "a", "strid": 1}, {}])
def test_what_would_be_wrong_leaves_the_file_as_it_was(file, settings):
    before = file.config
    with pytest.raises(ConfigError):
        file.change_camera("gate", lambda _: settings)
    assert file.path.read_text() == TEXT
    assert file.config is before
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["watch.yaml"]


def test_what_names_something_that_is_not_there_leaves_the_file_as_it_was(file, monkeypatch):
    def refuse(config, *, where, camera):
        raise ConfigError("a secret is not there", where=where)

    monkeypatch.setattr(config_file, "require_references", refuse)
    with pytest.raises(ConfigError, match="a secret is not there"):
        file.change_camera("gate", lambda _: {"source": "${NOWHERE}"})
    assert file.path.read_text() == TEXT


BOOLEANS = [
    each
    for word in ("yes", "no", "true", "false", "on", "off")
    for each in (word, word.title(), word.upper())
]
MISREAD = [
    *BOOLEANS,
    *(
        "y",
        "n",
        "null",
        "~",
        "",
        "12:30",
        "18:00:30",
        "017",
        "0o17",
        "0x1f",
        "0b11",
        "1_000",
        "1e5",
        ".5",
        "1.",
        "-0",
    ),
    *(
        ".inf",
        ".nan",
        "2001-01-01",
        "=",
        "<<",
        "!x",
        "&a",
        "*a",
        "# x",
        "a: b",
        "a #b",
        "- a",
        "?",
        "é",
        "a\nb",
        " a",
    ),
]


@pytest.mark.parametrize("title", MISREAD)
def test_a_text_comes_back_as_the_text_it_was(file, title):
    config = file.change_camera("gate", lambda _: {"source": "gate", "title": title})
    assert config.cameras["gate"].title == title
    assert file.camera("gate")["title"] == title
    assert read_live_config(file.path).cameras["gate"].title == title
    file.change_camera("roof", lambda _: {"source": "roof", "stride": 2})
    assert file.camera("gate")["title"] == title


@pytest.mark.parametrize("word", BOOLEANS)
def test_saving_a_title_switches_no_camera_on_or_off(file, word):
    file.path.write_text(TEXT.replace("stride: 2", f"enabled: {word}"))
    before = file.changed().cameras["gate"].enabled
    config = file.change_camera("gate", lambda said: {**said, "title": "Gate"})
    assert (config.cameras["gate"].enabled, config.cameras["gate"].title) == (before, "Gate")
    assert f"enabled: {word}  # it is fast".lower() in file.path.read_text().lower()
    config = file.change_camera("gate", lambda said: {**said, "enabled": not said["enabled"]})
    assert config.cameras["gate"].enabled is not before


@pytest.mark.parametrize(
    ("written", "meant"), [("017", 15), ("0x10", 16), ("0b11", 3), ("1_0", 10), ("1:10", 70)]
)
def test_numbers_are_those_that_the_engine_reads(file, written, meant):
    file.path.write_text(TEXT.replace("stride: 2", f"stride: {written}"))
    assert file.changed().cameras["gate"].stride == meant
    assert file.camera("gate")["stride"] == meant
    file.change_camera("gate", lambda said: {**said, "title": "Gate"})
    assert f"stride: {written}  # it is fast" in file.path.read_text()
    assert file.config.cameras["gate"].stride == meant


def test_times_without_quotes_stay_as_they_are(file):
    before = file.config.cameras["door"].schedule
    config = file.change_camera("door", lambda said: {**said, "title": "Door"})
    assert config.cameras["door"].schedule == before
    assert "schedule: [{start: 18:00, end: 06:00}]" in file.path.read_text()


@pytest.mark.parametrize("name", ["no", "on", "12", "1e5", "0x1f", "null"])
def test_a_camera_may_be_called_what_yaml_would_misread(file, name):
    assert list(file.change_camera(name, lambda _: {"source": "x"}).cameras)[-1] == name
    file.change_camera(name, lambda said: {**said, "alert_per_day": 1e-05})
    assert file.config.cameras[name].alert_per_day == 1e-05
    assert list(file.change_camera(name, lambda _: None).cameras) == ["door", "gate", "roof"]


def test_a_file_that_cannot_be_written_stays_whole(file, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(file.path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="no room left"):
        file.change_camera("gate", lambda _: {"source": "other"})
    monkeypatch.undo()
    assert file.path.read_text() == TEXT


def test_rights_and_links_stay(file, tmp_path):
    file.path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file.path)
    linked = ConfigFile(link)
    linked.change_camera("gate", lambda _: {"source": "other"})
    assert link.is_symlink()
    assert "source: other" in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


def replace(path: Path, text: str) -> None:
    """As editors do: a new file takes the old one's place."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    fresh.replace(path)


def write(path: Path, text: str) -> None:
    """In place, at another time."""
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("put", [replace, write])
def test_a_change_is_seen_once(file, put):
    assert file.changed() is None
    put(file.path, TEXT.replace("stride: 2", "stride: 4"))
    config = file.changed()
    assert config.cameras["gate"].stride == 4
    assert file.config is config
    assert file.changed() is None


def test_a_change_of_its_own_is_none(file):
    file.change_camera("gate", lambda _: {"source": "other"})
    assert file.changed() is None


def test_a_wrong_change_is_told_once_and_mended(file):
    replace(file.path, TEXT.replace("stride: 2", "stride: none"))
    with pytest.raises(ConfigError, match=r"cameras\.gate\.stride"):
        file.changed()
    assert file.changed() is None
    replace(file.path, TEXT)
    assert file.changed() is not None


def test_a_file_that_is_away_for_a_moment_is_no_change(file):
    file.path.rename(file.path.with_suffix(".old"))
    assert file.changed() is None
    file.path.with_suffix(".old").rename(file.path)
    assert file.changed() is None


def test_two_who_write_lose_nothing_of_each_other(file):
    def add(half):
        for number in range(5):
            file.change_camera("gate", lambda said, key=f"{half}{number}": more(said, key))

    def more(said, name):
        return {**said, "regions": [*said.get("regions", ()), {"name": name, "polygon": CORNER}]}

    threads = [threading.Thread(target=add, args=(half,)) for half in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    regions = ConfigFile(file.path).config.cameras["gate"].regions
    assert {each.name for each in regions} == {f"{half}{number}" for half in "ab" for number in range(5)}
