"""The command line itself: help, wrong use, exit codes, JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from normalcy import __version__, errors
from normalcy.cli.console import show_result
from normalcy.cli.main import app


def commands(group=None, path=()) -> dict[tuple[str, ...], object]:
    """Every command by the words that call it."""
    group = group or typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        words = (*path, name)
        found |= commands(command, words) if hasattr(command, "commands") else {words: command}
    return found


COMMANDS = commands()
WITHOUT_RESULTS = {("live", "example")}
"""What prints a file."""


@pytest.mark.parametrize("words", [(), ("data",), *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("wish", ["-h", "--help"])
def test_every_command_explains_itself(normalcy, words, wish):
    outcome = normalcy(*words, wish)
    assert outcome.code == 0
    assert f"Usage: {' '.join(('normalcy', *words))}" in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_is_described_and_json_is_everywhere(words):
    options = {name: param for param in COMMANDS[words].params for name in param.opts}
    assert "--json" in options or words in WITHOUT_RESULTS
    assert all(getattr(param, "help", None) for param in options.values())


def test_the_version(normalcy):
    assert normalcy("--version").out == f"normalcy {__version__}\n"


@pytest.mark.parametrize("words", [(), ("data",)], ids=["nothing", "data"])
def test_without_a_command_there_is_help_and_no_error_line(normalcy, words):
    outcome = normalcy(*words)
    assert outcome.code == 64
    assert "Usage:" in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fitt"], "'fitt'. Did you mean 'fit'? See `normalcy --help`."),
        (["data", "chek"], "Did you mean 'check'? See `normalcy data --help`."),
        (["fit"], "Missing argument 'METHOD'. See `normalcy fit --help`."),
        (["fit", "stae", "--rot", "x"], "--root"),
        (["fit", "stae", "--data", "folder"], "Missing option '--root'"),
        (["fit", "stae", "--data", "folder", "--root", ".", "--seed", "x"], "'--seed'"),
        (["fit", "stae", "flow-magnitude", "--data", "folder", "--root", "."], "flow-magnitude"),
        (["score", "bundle"], "Missing argument 'VIDEO'"),
    ],
)
def test_wrong_use(normalcy, words, text):
    outcome = normalcy(*words)
    assert outcome.code == 64
    assert text in outcome.error
    assert outcome.out == ""


FIT = ["fit", "flow-magnitude", "--data", "folder", "--root", "."]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fit", "flow-magnitud", *FIT[2:]], "Did you mean 'flow-magnitude'?"),
        (["fit", "stae", "--data", "walkwy", "--root", "."], "Did you mean 'walkway'?"),
        ([*FIT, "--preset", "smal"], "Its presets: full, small"),
        ([*FIT, "--set", "model.flow_prest=fast"], "did you mean 'flow_preset'?"),
        ([*FIT, "--set", "trainin.epochs=3"], "did you mean 'training'?"),
        ([*FIT, "--set", "nonsense"], "Write it as section.key=value"),
        ([*FIT, "--set", "=3"], "Write it as section.key=value"),
        ([*FIT, "--set", "model.size_px=[1,"], "cannot read the value '[1,'"),
        ([*FIT, "--set", "model=3"], "'model' is 3"),
        ([*FIT, "--set", "model.size_px=wide"], "section model: 'size_px' is 'wide'"),
        (
            [*FIT, "--set", "model.size_px=[4,40]"],
            "'size_px.0' is 4: input should be greater than or equal to 32",
        ),
        (
            ["fit", "stae", *FIT[2:], "--set", "model.size_px=[8,8]"],
            "section model: size_px (8, 8) is too small",
        ),
        ([*FIT, "--seed", "-1"], "'seed' is -1"),
        ([*FIT, "--set", "scoring.false_alarms_per_day=0"], "'scoring.false_alarms_per_day' is 0"),
        ([*FIT, "--config", "none.yaml"], "none.yaml: cannot be read (No such file or directory)"),
        ([*FIT, "--resume", "--overwrite"], "--resume --overwrite: one goes on"),
        (["data", "check", "shanghai", "--root", "."], "Did you mean 'shanghaitech'?"),
        (["data", "synthesize", "--size", "wide"], "Write it as 96x144"),
        (["data", "synthesize", "--size", "47x71"], "48x72 would do"),
        (["data", "synthesize", "--settings", "wal"], "--settings: unknown name 'wal'. Did you mean 'wall'?"),
        (["data", "synthesize", "--anomalies", "Runner"], "Did you mean 'runner'?"),
        (["data", "synthesize", "--settings", "wall", "--anomalies", "against_flow"], "Add the setting"),
        (["score", ".", "0", "--fps", "0"], "fps=0.0 is out of range"),
        (["score", ".", "0", "--start", "3", "--end", "2"], "end_seconds=2.0 is out of range"),
    ],
)
def test_settings_that_do_not_exist_or_make_no_sense(normalcy, monkeypatch, tmp_path, words, text):
    monkeypatch.chdir(tmp_path)
    outcome = normalcy(*words)
    assert outcome.code == errors.ConfigError.exit_code == 2
    assert text in outcome.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fit", "flow-magnitude", "--data", "folder", "--root", "gone"], "gone: no such folder"),
        (["fit", "flow-magnitude", "--data", "folder", "--root", "empty"], "no train videos"),
        (["data", "check", "folder", "--root", "gone"], "gone: no such folder"),
        (["evaluate", "gone", "--data", "folder", "--root", "empty"], "gone: there is no such folder"),
        (
            ["evaluate", "empty", "--data", "folder", "--root", "empty"],
            "is not a bundle, it lacks method.yaml",
        ),
        (["evaluate", "text", "--data", "folder", "--root", "empty"], "text: is not a bundle"),
        (["score", "empty", "video.mp4"], "`normalcy fit` makes one"),
    ],
)
def test_input_that_is_not_there(normalcy, monkeypatch, tmp_path, words, text):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("text").write_text("no bundle")
    outcome = normalcy(*words)
    assert outcome.code == errors.InputError.exit_code == 3
    assert text in outcome.error


def test_debug_shows_the_traceback_wherever_it_stands(normalcy):
    for words in (
        ["--debug", "data", "check", "x", "--root", "."],
        ["data", "check", "x", "--root", ".", "--debug"],
    ):
        outcome = normalcy(*words)
        assert outcome.code == 2
        assert "Traceback (most recent call last)" in outcome.err
        assert outcome.err.splitlines()[-1].startswith("Error: unknown dataset 'x'.")


def test_a_defect_is_one_line_that_asks_for_debug(normalcy, monkeypatch):
    def broken() -> list[str]:
        raise ZeroDivisionError("division by\nzero")

    monkeypatch.setattr("normalcy.datasets.dataset_names", broken)
    outcome = normalcy("data", "list")
    assert outcome.code == 70
    assert outcome.error == "ZeroDivisionError: division by zero (a defect of normalcy; --debug shows where)"


@pytest.mark.parametrize(
    ("refusal", "code", "text"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), 4, "/tmp/x: no room left on the disk"),
        (OSError(5, "Input/output error", "/data/a.npy"), 1, "/data/a.npy: Input/output error"),
        (OSError("odd"), 1, "odd"),
    ],
)
def test_what_the_system_refuses_is_no_defect(normalcy, monkeypatch, refusal, code, text):
    def refused() -> list[str]:
        raise refusal

    monkeypatch.setattr("normalcy.datasets.dataset_names", refused)
    outcome = normalcy("data", "list")
    assert (outcome.code, outcome.error.startswith(text)) == (code, True)


def test_the_exit_codes_are_those_of_the_documentation():
    table = {
        errors.NormalcyError: 1,
        errors.ConfigError: 2,
        errors.UnreadableVideo: 3,
        errors.BundleError: 3,
        errors.RunFolderBusy: 4,
        errors.DiskFull: 4,
        errors.NonFiniteLoss: 5,
        errors.CalibrationError: 6,
    }
    assert {kind: kind.exit_code for kind in table} == table


def test_results_may_be_read_by_a_program_that_stops_early():
    command = f"{sys.executable} -m normalcy data list --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_json_names_the_files(capsys):
    show_result({"a": 1}, files={"report": Path("report.html")}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1, "files": {"report": "report.html"}}
