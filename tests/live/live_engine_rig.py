"""A supervisor that runs in the test, with what it does at hand."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from live_captures import until
from live_engine_folder import EngineFolder

from normalcy.live.cameras.state import CameraState
from normalcy.live.status import CameraStatus
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.supervision.desk import FrontDesk
from normalcy.live.supervision.supervisor import Supervisor


class EngineRig:
    """An engine of a folder, from `with` to its end."""

    def __init__(self, folder: EngineFolder) -> None:
        self.folder = folder
        self.supervisor = Supervisor(folder.config, file=ConfigFile(folder.file))
        self.desk = FrontDesk(self.supervisor)
        self.stopped_in_time: bool | None = None

    def __enter__(self) -> Self:
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.stopped_in_time is None:
            self.stop()

    def stop(self) -> None:
        self.stopped_in_time = self.supervisor.stop()

    def cameras(self) -> dict[str, CameraStatus]:
        return {camera.name: camera for camera in self.desk.cameras()}

    def camera(self, name: str) -> CameraStatus:
        return self.cameras()[name]

    def pid(self, stage: str) -> int | None:
        return next((each.pid for each in self.desk.stages() if each.name == stage), None)

    def restarts(self, stage: str) -> int:
        return next(each.restarts for each in self.desk.stages() if each.name == stage)

    def notes(self) -> dict[str, str]:
        return {note.topic: note.text for note in self.desk.notes()}

    def memory_names(self) -> list[str]:
        with self.supervisor.lock:
            return [unit.memory.name.name for unit in self.supervisor.fleet.units.values()]

    def reload(self, **sections: Any) -> None:
        """Writes the file, and waits until that is in force."""
        self.folder.write(**sections)
        wanted = self.folder.config
        until(lambda: self.desk.config == wanted)

    def until_state(self, name: str, state: CameraState) -> None:
        until(
            lambda: name in self.cameras() and self.camera(name).state is state,
            what=(name, state, self.cameras().get(name)),
        )

    def until_scored(self, *names: str, more: int = 2) -> None:
        """Waits until frames that come from now on are scored."""
        until(lambda: self.desk.is_ready and set(names) <= self.cameras().keys())
        for name in names:
            until(_Gain(lambda name=name: self.camera(name).frames_scored, more), what=name)


class _Gain:
    """Whether a counter grew by so much; one that begins anew meanwhile starts at less."""

    def __init__(self, count: Callable[[], int], more: int) -> None:
        self._count, self._more, self._least = count, more, count()

    def __call__(self) -> bool:
        now = self._count()
        self._least = min(self._least, now)
        return now >= self._least + self._more


def children_of(pid: int) -> list[int]:
    """Processes that a process started, but for Python's resource tracker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == pid and "resource_tracker" not in command:
            found.append(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def shared_memory_of(pid: int) -> set[Path]:
    """Shared memory that a process has mapped."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {Path(line.split(maxsplit=5)[5]) for line in lines if "/dev/shm/psm_" in line}


def kill(pid: int | None, number: int = 9) -> None:
    assert pid is not None
    os.kill(pid, number)
