"""How progress, warnings and results look, on a terminal and elsewhere."""

import io
import threading
import warnings

import pytest
from rich.console import Console

from normalcy.cli import console, progress
from normalcy.cli.progress import Bars, Lines, Steps, progress_on
from normalcy.errors import DamagedVideoWarning


def console_on(text: io.StringIO, *, is_terminal: bool) -> Console:
    return Console(file=text, force_terminal=is_terminal, width=100, highlight=False, color_system=None)


@pytest.fixture
def clock(monkeypatch):
    """Time that goes by as told."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_step_ends_where_another_word_another_total_or_less_comes():
    steps = Steps()
    reports = [
        ("reading a", 0, 3, True),
        ("reading b", 1, 3, False),
        ("reading", 3, 3, False),
        ("scoring x", 1, 40, True),
        ("scoring x", 40, 40, False),
        ("scoring y", 1, 40, True),
        ("scoring y", 2, 50, True),
        ("training, epoch 1", 1, 9, True),
        ("training, epoch 2", 2, 9, False),
    ]
    for what, done, total, is_new in reports:
        assert steps.is_new(what, done, total) is is_new, what


def test_a_log_gets_a_line_at_the_ends_and_every_ten_seconds(clock):
    text = io.StringIO()
    report = Lines(console_on(text, is_terminal=False))
    for second in range(26):
        clock[0] = float(second)
        report("training, epoch 1", second, 25)
    assert text.getvalue().splitlines() == [
        "training, epoch 1: 0/25",
        "training, epoch 1: 10/25, ETA 15 s",
        "training, epoch 1: 20/25, ETA 5 s",
        "training, epoch 1: 25/25 in 25 s",
    ]


def test_the_eta_of_a_resumed_run_counts_what_this_session_did(clock):
    text = io.StringIO()
    report = Lines(console_on(text, is_terminal=False))
    for done in (100, 110):
        report("training", done, 200)
        clock[0] += 10
    assert text.getvalue().splitlines()[-1] == "training: 110/200, ETA 1 min 30 s"


def test_a_stream_has_no_end_to_count_to(clock):
    text = io.StringIO()
    report = Lines(console_on(text, is_terminal=False))
    for done in (1, 2, 3):
        report("scoring door", done, 0)
        clock[0] += 10
    assert text.getvalue().splitlines() == [
        "scoring door: 1",
        "scoring door: 2 in 10 s",
        "scoring door: 3 in 20 s",
    ]


def test_a_terminal_gets_a_bar_for_each_step():
    text = io.StringIO()
    with progress_on(console_on(text, is_terminal=True)) as report:
        assert isinstance(report, Bars)
        for done in range(4):
            report(f"reading [{done}]", done, 3)
        for done in range(1, 30):
            report("scoring a stream", done, 0)
    last = text.getvalue().split("\n")
    assert any("reading [3]" in line and "3/3" in line for line in last)
    assert any("scoring a stream" in line and "29/?" in line for line in last)


def test_a_log_gets_lines():
    with progress_on(console_on(io.StringIO(), is_terminal=False)) as report:
        assert isinstance(report, Lines)


def test_own_warnings_are_one_line_each_and_said_once(capsys):
    def command() -> None:
        for _ in range(2):
            warnings.warn("[a.mp4]: cut\n off", DamagedVideoWarning, stacklevel=1)
        warnings.warn("a.mp4 is deprecated", DeprecationWarning, stacklevel=1)

    assert console.run_command(command) == 0
    assert capsys.readouterr().err == "Warning: [a.mp4]: cut off\n"


def test_long_paths_and_messages_are_not_broken(capsys):
    path = "/".join(["a-long-folder-name"] * 20)
    console.say(path)
    console.say_error(path)
    captured = capsys.readouterr()
    assert captured.out == f"{path}\n"
    assert captured.err == f"Error: {path}\n"


def test_what_takes_time_is_said_on_a_terminal_too(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", console_on(text, is_terminal=True))
    with console.working("checking [it]"):
        pass
    assert "checking [it]" in text.getvalue()


def test_ctrl_c_on_a_terminal_begins_a_line(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", console_on(text, is_terminal=True))

    def pressed() -> None:
        raise KeyboardInterrupt

    assert console.run_command(pressed, go_on="Go on.") == 130
    assert text.getvalue() == "\nStopped. What was written before is whole. Go on.\n"


def test_a_thread_that_cannot_write_is_quiet(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: seen.append(failure.exc_type))

    def command() -> None:
        for error in (OSError(28, "No space left on device"), ValueError("a defect")):
            thread = threading.Thread(target=_raise, args=(error,))
            thread.start()
            thread.join()

    assert console.run_command(command) == 0
    assert seen == [ValueError]
    assert capsys.readouterr().err == ""


def _raise(error: Exception) -> None:
    raise error
