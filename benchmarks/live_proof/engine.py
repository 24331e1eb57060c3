"""The engine as its users run it: `normalcy watch` in a process of its own, asked over HTTP, read by its log."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from live_proof.processes import of_session, shared_blocks
from live_proof.waiting import NotRecovered, wait_until

_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_ANSWER_SECONDS = 10.0
_STOP_SECONDS = 120.0
_GONE_SECONDS = 20.0


class Engine:
    """One engine after the other, on the same configuration; none outlives the block.

    Args:
        config: What it is told.
        folder: Where its log is kept, and what it says.
        environment: Beside that of this process.

    Attributes:
        sessions: Of all that were started: every process of theirs lives in one.
        blocks: Names of the shared memory that was seen in use.
        messages: That were read of the log.
    """

    def __init__(self, config: Path, *, folder: Path, environment: Mapping[str, str]) -> None:
        self._config, self._environment = config, {**os.environ, **environment}
        self._log, self._said = folder / "engine.log", folder / "engine.out"
        self._process: subprocess.Popen[bytes] | None = None
        self._read_bytes = 0
        self.messages: list[str] = []
        self.sessions: list[int] = []
        self.blocks: set[str] = set()

    @property
    def pid(self) -> int:
        """Of its main process."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its main process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, and returns at once."""
        command = [sys.executable, "-m", "normalcy", "watch", str(self._config), "--log-json"]
        with self._said.open("wb") as out, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self.sessions.append(self._process.pid)

    def stop(self) -> int | None:
        """Asks it to stop; its exit code, or None where it had to be killed."""
        assert self._process is not None, "it was not started"
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
            return None

    def kill(self) -> float:
        """`kill -9` of its main process; seconds until all others were gone by themselves."""
        assert self._process is not None, "it was not started"
        started = time.monotonic()
        self._process.kill()
        self._process.wait()
        wait_until("its children end", lambda: not of_session(self.pid), seconds=_GONE_SECONDS)
        return time.monotonic() - started

    # -- what it says

    def ask(self, path: str) -> Any:
        """What its API answers.

        Raises:
            OSError: It does not.
        """
        found = _URL.search(self._said.read_text(errors="replace"))
        if found is None:
            raise ConnectionError("it does not listen yet")
        try:
            with urllib.request.urlopen(f"{found[0]}/api/v1/{path}", timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except (HTTPException, ValueError) as error:  # it was killed while it answered
            raise ConnectionError(type(error).__name__) from error

    def cameras(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {each["name"]: each for each in self.ask("cameras")}

    def stages(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {each["name"]: each for each in self.ask("health")["stages"]}

    def pids(self) -> dict[str, int]:
        """Processes by what they are: `main`, `inference`, `alerts`, `capture NAME`; only those that are there."""
        running = {name: stage["pid"] for name, stage in self.stages().items() if stage["pid"] is not None}
        return {"main": self.pid, **running}

    def note_blocks(self) -> None:
        """Remembers the shared memory that is in use, to see later that nothing is left of it."""
        self.blocks |= shared_blocks(self.pid)

    def read_log(self) -> list[str]:
        """Everything its processes have logged so far."""
        with self._log.open("rb") as log:
            log.seek(self._read_bytes)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(newline)
        for line in whole.splitlines():
            with suppress(ValueError):
                self.messages.append(json.loads(line)["message"])
        return self.messages

    # -- end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self._end()

    def _end(self) -> None:
        """Ends all of it, gently first: what frees its shared memory is one of its processes."""
        try:
            self.kill()
        except NotRecovered:
            for pid in of_session(self.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
