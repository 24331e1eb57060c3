"""What `deploy/` names exists: commands, options, exit codes, paths and numbers."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import typer

from normalcy import errors
from normalcy.cli.main import app

ROOT = Path(__file__).parents[2]
UNIT, CONTAINER = ROOT / "deploy" / "normalcy.service", ROOT / "deploy" / "Containerfile"


class Unit(configparser.RawConfigParser):
    """A unit: keys keep their letters."""

    def optionxform(self, optionstr):
        return optionstr


@pytest.fixture(scope="module")
def unit():
    read = Unit(strict=True)
    read.read_string(UNIT.read_text())
    return read


def lines_of(keyword):
    """Instructions of the container file, each in one line."""
    text = CONTAINER.read_text().replace("\\\n", " ")
    found = defaultdict(list)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found[line.split()[0]].append(line.split(maxsplit=1)[1])
    return found[keyword]


def parsed(words):
    """What the command makes of words; fails where it does not know one."""
    command = typer.main.get_command(app)
    context = command.make_context("normalcy", [], resilient_parsing=True)
    while hasattr(command, "get_command"):
        name, *words = words
        command = command.get_command(context, name)
        assert command is not None, name
    return command.make_context(command.name, list(words), parent=context)


def test_the_unit_starts_what_there_is(unit):
    program, *words = unit["Service"]["ExecStart"].split()
    assert program.endswith("/bin/normalcy")
    found = parsed(words)
    assert found.params["log_json"]
    assert found.params["sources"] == ["/etc/normalcy/watch.yaml"]


def test_the_unit_may_write_where_the_engine_does(unit):
    service = unit["Service"]
    assert str(Path(service["ExecStart"].split()[2]).parent) == service["ReadWritePaths"]
    remarks = UNIT.read_text()
    assert f"data: /var/lib/{service['StateDirectory']}" in remarks
    assert (
        f"install -d -o {service['User']} -g {service['Group']} -m 0750 {service['ReadWritePaths']}"
        in remarks
    )
    secrets = service["EnvironmentFile"].removeprefix("-")
    assert secrets in remarks
    assert not secrets.startswith(
        service["ReadWritePaths"] + "/"
    )  # whoever may save cameras may not write secrets


def test_the_unit_does_not_try_again_what_needs_a_person(unit):
    codes = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    needs_a_person = (errors.ConfigError, errors.InputError, errors.MissingPackage)
    assert codes == {each.exit_code for each in needs_a_person}
    assert "time-sync.target" in unit["Unit"]["After"].split()
    assert int(unit["Unit"]["StartLimitBurst"]) > 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    program = shutil.which("true")
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", UNIT.read_text(), flags=re.MULTILINE)
    (tmp_path / "normalcy.service").write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "normalcy.service")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "normalcy.service" in line]
    assert told == []


def longest_stop():
    """What a gentle stop may take."""
    from normalcy.live.supervision import fleet, housekeeping, supervisor

    stages = (supervisor._INFERENCE_STOP_SECONDS, supervisor._ALERTS_STOP_SECONDS)
    return sum(stages) + supervisor._RECORDER_STOP_SECONDS + fleet._STOP_SECONDS + housekeeping._STOP_SECONDS


def test_the_unit_grants_a_gentle_stop_its_time(unit):
    assert int(unit["Service"]["TimeoutStopSec"]) >= longest_stop()


def test_the_container_starts_what_there_is():
    (entry,), (words,) = lines_of("ENTRYPOINT"), lines_of("CMD")
    assert json.loads(entry) == ["normalcy"]
    found = parsed(json.loads(words))
    assert found.params["sources"] == ["/site/watch.yaml"]
    assert lines_of("VOLUME") == ["/site"]


def test_the_container_installs_and_asks_what_there_is():
    (install,) = lines_of("RUN")
    extras = re.search(r"/src\[([\w,]+)\]", install).group(1).split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= project["optional-dependencies"].keys()
    for copied in lines_of("COPY"):
        for name in copied.split()[:-1]:
            assert (ROOT / name).exists(), name
    from normalcy.live.config.web import WebConfig

    (health,) = lines_of("HEALTHCHECK")
    assert f":{WebConfig().port}/healthz" in health
    assert lines_of("EXPOSE") == [str(WebConfig().port)]


def test_the_container_s_user_is_the_one_that_the_remarks_give_the_folder_to():
    (install,) = lines_of("RUN")
    uid = re.search(r"--uid (\d+) (\w+)", install)
    assert lines_of("USER") == [uid.group(2)]
    remarks = [line for line in CONTAINER.read_text().splitlines() if line.startswith("#")]
    assert f"keep-id:uid={uid.group(1)},gid={uid.group(1)}" in "\n".join(remarks)
    runs = [line for line in remarks if line.startswith("# podman run")]
    assert runs
    assert all("-v ./site:/site:U" in line for line in runs)
    (detached,) = [line for line in runs if " -d " in line]
    assert "--init" in detached
    assert "--shm-size" in detached
    granted = int(re.search(r"--stop-timeout=(\d+)", detached).group(1))
    assert lines_of("STOPSIGNAL") == ["SIGTERM"]
    assert granted >= longest_stop()
    assert any("podman build --format docker" in line for line in remarks)
