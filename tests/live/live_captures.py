"""A capture that runs in a thread of the test, with its frames and states at hand."""

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from typing import Self

from normalcy.live.cameras.capture import CaptureJob, capture
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.camera import CameraConfig
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory, Stamped, as_text
from normalcy.methods.contract import ClipSpec

SPAWN = multiprocessing.get_context("spawn")
SPEC = ClipSpec(length_frames=2, size_px=(24, 32), channels=1)
PATIENCE_SECONDS = 30.0

# Quick to give up and to try again.
HASTY = {
    "open_timeout_seconds": 3.0,
    "read_timeout_seconds": 3.0,
    "backoff_first_seconds": 0.02,
    "backoff_most_seconds": 0.05,
}


def until(holds: Callable[[], object], *, seconds: float = PATIENCE_SECONDS, what: object = "") -> None:
    """Waits for a condition; fails where it does not come about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not come about within {seconds:g} s {what}"
        time.sleep(0.01)


def make_memory(spec: ClipSpec = SPEC, *, slots: int = 16, pictures: int = 32) -> CameraMemory:
    layout = Layout((*spec.size_px, spec.channels), slots, pictures, 64 * 1024, (12, 16))
    return CameraMemory.create(layout)


class Rig(logging.Handler):
    """A capture of one source.

    Attributes:
        states: All that it went through, in order.
        frames: That were read.
    """

    def __init__(
        self,
        source: object,
        *,
        spec: ClipSpec = SPEC,
        picture_fps: float = 10.0,
        memory: CameraMemory | None = None,
        **settings: object,
    ) -> None:
        super().__init__()
        config = CameraConfig(source=str(source), **(HASTY | settings))
        self._is_borrowed = memory is not None
        self.memory = memory or make_memory(spec)
        self.job = CaptureJob("door", config, self.memory.name, spec, picture_fps)
        self.doorbell, self.states, self.frames = SPAWN.Semaphore(0), [], []
        self.lines: list[str] = []
        self.stop_flag = threading.Event()
        self.let_go: bool | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.let_go = capture(self.job, doorbell=self.doorbell, stop=self.stop_flag)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if hasattr(record, "state"):
            self.states.append(record.state)

    def __enter__(self) -> Self:
        self._log = logging.getLogger("normalcy.live")
        self._level = self._log.level
        self._log.addHandler(self)
        self._log.setLevel(logging.INFO)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.removeHandler(self)
        self._log.setLevel(self._level)
        if not self._is_borrowed:
            self.memory.close()
            self.memory.unlink()

    def stop(self) -> None:
        self.stop_flag.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    # -- what came of it

    @property
    def state(self) -> CameraState:
        return CameraState(int(self.memory.capture.state[0]))

    @property
    def reason(self) -> str:
        return as_text(self.memory.capture.reason[0])

    def was_told(self, what: str) -> bool:
        """Whether the log says so."""
        return any(what in line for line in list(self.lines))

    def went_through(self, *states: str) -> bool:
        """Whether it was in these states, one after the other, whatever lay between."""
        passed = iter(self.states)
        return all(state in passed for state in states)

    def dropped(self, cause: Drop) -> int:
        return int(self.memory.capture.dropped[0, cause] + self.memory.engine.dropped[0, cause])

    def drain(self) -> list[Stamped]:
        while (frame := self.memory.read()) is not None:
            self.frames.append(frame)
        return self.frames

    def until_state(self, *states: CameraState) -> None:
        until(lambda: self.drain() is None or self.state in states, what=(states, self.state, self.reason))

    def until_frames(self, count: int) -> list[Stamped]:
        """Waits until so many frames were read in all."""
        until(lambda: len(self.drain()) >= count, what=(count, self.state, self.reason))
        return self.frames

    def until_more(self, count: int = 5) -> list[Stamped]:
        return self.until_frames(len(self.drain()) + count)
