"""Nodes of a fleet as users run them: `normalcy watch`, each a process group of its own."""

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
from typing import Any

import yaml

COMMAND = (sys.executable, "-m", "normalcy", "watch")
_PAUSE_SECONDS = 0.2
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class NodeProcess:
    """One node, which can be killed and started again.

    Args:
        folder: New, for its configuration, data and log.
        name: Of the node.
        said: What all nodes have in their configurations.
    """

    def __init__(self, folder: Path, name: str, said: Mapping[str, Any]) -> None:
        self.name, self._folder = name, folder
        folder.mkdir(parents=True)
        self.file, self.log, self._out = folder / "watch.yaml", folder / "log", folder / "out"
        fleet = {**said.get("fleet", {}), "enabled": True, "node": name}
        self.file.write_text(yaml.safe_dump({**said, "data": "data", "web": {"port": 0}, "fleet": fleet}))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._out.open("wb") as out, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9` of all its processes at once."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        """To all of its processes."""
        os.killpg(self.pid, number)

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)

    def ask(self, path: str) -> Any:
        """What its API answers; raises OSError where it does not."""
        found = _URL.search(self._out.read_text(errors="replace").replace("\n", " "))
        if found is None:
            raise ConnectionError("it does not listen yet")
        try:
            with urllib.request.urlopen(f"{found[0]}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)
        except (HTTPException, ValueError) as error:
            raise ConnectionError(type(error).__name__) from error

    def cameras(self) -> dict[str, dict[str, Any]]:
        """By name; none where it does not answer."""
        with suppress(OSError):
            return {each["name"]: each for each in self.ask("cameras")}
        return {}

    def scored(self) -> set[str]:
        """Cameras that it watches, and has scored frames of; takes a moment, so that nobody asks all the time."""
        time.sleep(_PAUSE_SECONDS)
        return {
            name
            for name, each in self.cameras().items()
            if each["node"] == self.name and each["state"] == "online" and each["frames_scored"] > 0
        }
