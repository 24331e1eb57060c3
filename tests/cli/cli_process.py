"""Commands in processes of their own, held at a place of their work until a signal comes.

They are forked from a server that has imported torch and the rest already: a process then starts in a moment.
"""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 100
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "normalcy.cli.main",
        "normalcy.workflows.judge",
        "normalcy.training.reconstruct",
        "normalcy.training.fit",
    ]
)


@dataclass(frozen=True)
class Place:
    """Where a command is held: when a step with this beginning has done so much; or before a dataset is checked."""

    step: str
    done: int = 0


class HeldCommand:
    """A command that works up to a place and waits there."""

    def __init__(self, words, *, at: Place, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        arguments = ([str(word) for word in words], at, folder)
        self._process = _context.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        self._await_place()

    def send(self, number: signal.Signals) -> int:
        """Sends a signal and gives the exit code."""
        os.kill(self._process.pid, number)
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode is not None, "it did not stop"
        return self._process.exitcode

    @property
    def out(self) -> str:
        return (self._folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self._folder / "err").read_text()

    def _await_place(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self._folder / "held").exists():
            assert self._process.is_alive(), f"it ended by itself:\n{self.out}\n{self.err}"
            assert time.monotonic() < deadline, f"it never came there:\n{self.err}"
            time.sleep(0.02)


def _run(words: list[str], at: Place, folder: Path) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _hold(at, folder)
    from normalcy.cli.main import main

    try:
        main(words)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(
            end.code
        )  # what else would speak at the end is the tests' own, such as the measuring of coverage


def _hold(at: Place, folder: Path) -> None:
    from normalcy.cli import progress
    from normalcy.datasets.own_folder import OwnFolder

    def wait() -> None:
        (folder / "held").touch()
        # In small pieces: a signal that comes just before a sleep is only seen after it.
        for _ in range(20 * 2 * PATIENCE_SECONDS):
            time.sleep(0.05)

    report, check = progress.Lines.__call__, OwnFolder.check

    def held_report(self, what: str, done: int, total: int) -> None:
        report(self, what, done, total)
        if what.startswith(at.step) and done == at.done:
            wait()

    def held_check(self):
        if at.step == "checking":
            wait()
        return check(self)

    progress.Lines.__call__ = held_report
    OwnFolder.check = held_check
