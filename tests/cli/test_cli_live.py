"""`normalcy live`: configurations checked, stores compared with their media, people and programs let in and out."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from normalcy.cli.main import main
from normalcy.live.data_folder import claimed

HEAVY = {
    "torch",
    "cv2",
    "av",
    "numpy",
    "fastapi",
    "sqlalchemy",
    "ruamel",
    "apprise",
    "paho",
    "yaml",
}

LIST_MODULES = """
import sys
from normalcy.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture
def run(capsys):
    """Gives a command; what it printed, what it said of errors, and its exit code."""

    def give(*words):
        with pytest.raises(SystemExit) as ended:
            main(["live", *map(str, words)])
        out, err = capsys.readouterr()
        return out, err, ended.value.code

    return give


@pytest.fixture
def config(tiny_flow_run, tmp_path):
    """A configuration that is right."""
    path = tmp_path / "watch.yaml"
    said = {
        "data": "data",
        "bundles": {"tiny": {"path": str(tiny_flow_run.path)}},
        "cameras": {"door": {"source": "test-pattern"}},
    }
    path.write_text(yaml.safe_dump(said))
    return path


def change(config, **sections):
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | sections))


def test_a_good_configuration(run, config):
    assert run("validate", config) == ("Good. 1 camera, 1 detector.\n", "", 0)
    out, _, code = run("validate", config, "--json")
    assert (json.loads(out), code) == ({"cameras": ["door"], "missing": []}, 0)


def test_all_mistakes_are_said_in_one_line(run, config):
    change(config, cameras={"door": {"sorce": "x"}}, evnts={}, web={"port": 70000})
    out, err, code = run("validate", config)
    assert (out, code) == ("", 2)
    (line,) = err.splitlines()
    assert line.startswith(f"Error: {config}: ")
    for said in ("did you mean 'source'?", "did you mean 'events'?", "'web.port' is 70000"):
        assert said in line


def test_all_that_is_not_there_is_listed(run, config, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    change(
        config,
        bundles={"tiny": {"path": "nowhere"}},
        cameras={
            "door": {"source": "rtsp://guard:hunter2@${NOWHERE}"},
            "both": {"source": "${NOWHERE}/main", "substream": "${NOWHERE}/sub"},
            "file": {"source": "a.mp4"},
        },
    )
    out, err, code = run("validate", config)
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "bundles.tiny",
        "cameras.both.source",
        "cameras.both.substream",
        "cameras.door.source",
        "cameras.file.source",
    ]
    assert "5 things it names cannot be found" in err
    assert code == 2
    assert "hunter2" not in out + err


def test_a_configuration_that_is_not_there(run, tmp_path):
    _, err, code = run("validate", tmp_path / "nowhere.yaml")
    assert "cannot be read (No such file or directory)" in err
    assert code == 2


def test_the_example_is_printed_as_it_is(run, tmp_path):
    out, _, code = run("example")
    assert code == 0
    (tmp_path / "example.yaml").write_text(out)
    _, err, _ = run("validate", tmp_path / "example.yaml")
    assert "cannot be found" in err  # valid, but for what it names


def test_store_and_media_are_compared(run, config, tmp_path):
    assert run("check", config)[::2] == ("Good. Store and media agree.\n", 0)
    stray = tmp_path / "data" / "media" / "2026" / "x" / "clip.mp4"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    for path in (stray, stray.parent, stray.parent.parent):
        os.utime(path, (0, 0))
    out, err, code = run("check", config)
    assert "clip.mp4 belongs to no event" in out
    assert "`--repair` mends" in err
    assert code == 4
    assert stray.exists()
    out, _, code = run("check", config, "--repair")
    assert "(mended)" in out
    assert not stray.exists()
    assert run("check", config)[2] == 0


def test_nothing_is_mended_while_an_engine_runs(run, config, tmp_path):
    lock = claimed(tmp_path / "data")
    assert run("check", config)[2] == 0
    _, err, code = run("check", config, "--repair")
    lock.release()
    assert "another engine is running here" in err
    assert code == 4


def test_people_are_let_in_and_out(run, config):
    assert run("users", config)[0] == "Nobody may log in yet.\n"
    out, _, _ = run("add-user", config, "anna", "--password", "correct horse")
    assert out == "anna may log in.\nNobody may configure cameras yet: add somebody with --admin.\n"
    (anna,) = json.loads(run("users", config, "--json")[0])
    assert (anna["name"], anna["role"]) == ("anna", "viewer")
    _, err, code = run("add-user", config, "anna", "--admin", "--password", "battery staple")
    assert (err, code) == ("Error: 'anna' may log in already. --reset gives another password\n", 3)
    assert json.loads(run("users", config, "--json")[0])[0]["role"] == "viewer"
    out, _, _ = run("add-user", config, "anna", "--admin", "--reset", "--password", "battery staple")
    assert out == "anna has another password now, as an admin.\n"
    assert json.loads(run("users", config, "--json")[0])[0]["role"] == "admin"
    assert run("users", config)[0].startswith("anna  admin  since 20")
    assert run("remove-user", config, "anna")[2] == 0
    assert run("users", config, "--json")[0] == "[]\n"
    _, err, code = run("remove-user", config, "anna")
    assert (err, code) == ("Error: there is no user 'anna'\n", 3)


def test_a_password_that_is_too_short_is_refused_and_not_shown(run, config):
    out, err, code = run("add-user", config, "anna", "--password", "zq9")
    assert code == 2
    assert "zq9" not in out + err
    assert run("users", config, "--json")[0] == "[]\n"


def test_a_password_comes_from_the_environment(run, config, monkeypatch):
    monkeypatch.setenv("NORMALCY_PASSWORD", "correct horse")
    assert run("add-user", config, "anna")[2] == 0


def test_programs_get_tokens(run, config):
    assert run("tokens", config)[0] == "No program has a token yet.\n"
    token = run("add-token", config, "grafana")[0].strip()
    assert len(token) > 30
    made = json.loads(run("add-token", config, "script", "--admin", "--json")[0])
    assert (made["name"], made["role"]) == ("script", "admin")
    listed = run("tokens", config)[0]
    assert [line.split()[:2] for line in listed.splitlines()] == [["grafana", "viewer"], ["script", "admin"]]
    assert token not in listed
    assert run("add-token", config, "grafana")[2] == 2
    assert run("remove-token", config, "grafana")[2] == 0
    assert run("remove-token", config, "grafana")[2] == 3


def test_a_second_watch_leaves_the_first_one_s_configuration_alone(tmp_path, capsys):
    words = ["watch", "test-pattern", "--bundle", str(tmp_path), "--data", str(tmp_path / "data")]
    claim = claimed(tmp_path / "data")
    with pytest.raises(SystemExit) as ended:
        main(words)
    claim.release()
    assert ended.value.code == 4
    assert "another engine is running here" in capsys.readouterr().err
    assert not (tmp_path / "data" / "watch.yaml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.yaml", "--bundle", "b"], "--bundle: does not go with a configuration"),
        (["x.yaml", "--data", "d"], "--data: does not go with a configuration"),
        (["x.yaml", "--port", "1"], "--port: does not go with a configuration"),
        (["x.yaml"], "x.yaml: cannot be read"),
        (["rtsp://door/1"], "--bundle: is missing"),
    ],
)
def test_what_watch_cannot_do(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["watch", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["watch", "--help"], ["live", "--help"], ["live", "add-user", "--help"]])
def test_help_imports_nothing_heavy(words):
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *words], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stdout.splitlines()[-1].split()) == set()
