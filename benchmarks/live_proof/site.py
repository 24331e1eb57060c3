"""Where a fault is tried: a running engine with its cameras, its receiver, and somebody who looks on."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from live_proof.configuration import CAMERAS, FAULTY, write_config
from live_proof.deaths import Deaths
from live_proof.engine import Engine
from live_proof.ledger import Ledger
from live_proof.receiver import ProofReceiver
from live_proof.stand_ins import FaultyStream
from live_proof.waiting import wait_until
from live_proof.watcher import Watcher

_FRAMES_SCORED = 3
"""So many more verdicts on a camera show that it is back."""
_STREAM_FPS = 20


@dataclass(frozen=True)
class Conditions:
    """What an engine lives in.

    Attributes:
        data: Its data folder.
        environment: Of its processes, beside that of this one.
    """

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Site:
    """A running engine, and all that it takes to break it. Everything ends with the block.

    Args:
        bundle: The detector.
        video: With an anomaly in it.
        folder: For configuration and logs.
        conditions: What the engine lives in.
        seed: Of what is random.

    Attributes:
        stream: Of the faulty camera.
        receiver: Of alerts.
        engine, ledger, watcher: See there.
        deaths: Of processes that were killed.
        random: For faults that have to be.
        notes: What else there is to say.
    """

    def __init__(
        self, *, bundle: Path, video: Path, folder: Path, conditions: Conditions, seed: int = 0
    ) -> None:
        self._bundle, self._video, self._folder = bundle, video, folder
        self.conditions = conditions
        self.random, self.deaths, self.notes = Random(seed), Deaths(), dict[str, float]()
        self._stack = ExitStack()

    @property
    def database(self) -> Path:
        """Of events."""
        return self.conditions.data / "events.db"

    def __enter__(self) -> Self:
        with self._stack:
            self.stream = self._stack.enter_context(FaultyStream("ts", fps=_STREAM_FPS))
            self.receiver = ProofReceiver()
            self._stack.callback(self.receiver.close)
            self.config = write_config(
                self._folder / "watch.yaml",
                bundle=self._bundle,
                video=self._video,
                stream_url=self.stream.url,
                receiver_url=self.receiver.url,
                secret=self.receiver.secret,
                data=self.conditions.data,
            )
            engine = Engine(self.config, folder=self._folder, environment=self.conditions.environment)
            self.engine = self._stack.enter_context(engine)
            self.ledger = Ledger(self.database)
            self.watcher = Watcher(self.engine, self.ledger)
            self.watcher.start()
            self._stack.callback(self.watcher.stop)
            self.start_engine()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- life

    def start_engine(self) -> None:
        """Starts it, and waits until all of it works."""
        self.deaths.forget()
        self.engine.start()
        self.wait_whole()
        self.watcher.judge(on=True)

    def wait_whole(self) -> None:
        """Until every process runs and every camera gets verdicts."""
        wait_until("all processes run", self._all_run)
        for camera in CAMERAS:
            self.wait_scored(camera)
        self.engine.note_blocks()

    def _all_run(self) -> bool:
        states = [stage["state"] for stage in self.engine.stages().values()]
        return len(states) == len(CAMERAS) + 2 and set(states) == {"running"}

    def mend(self) -> None:
        """After a fault that it did not recover from: starts the engine anew if it is gone."""
        if not self.engine.is_running:
            self.watcher.judge(on=False)
            self.start_engine()

    # -- what is asked

    def camera(self, name: str = FAULTY) -> dict[str, Any]:
        """How a camera stands."""
        return self.engine.cameras()[name]

    def wait_scored(self, name: str = FAULTY) -> None:
        """Until a camera is online and gets verdicts from now on."""
        first: list[int] = []

        def is_scored() -> bool:
            camera = self.camera(name)
            first.append(camera["frames_scored"])
            return camera["state"] == "online" and first[-1] >= first[0] + _FRAMES_SCORED

        wait_until(f"camera {name} is scored", is_scored)

    def pid(self, role: str) -> int:
        """Of a process of the engine."""
        found: dict[str, int] = {}

        def is_there() -> bool:
            nonlocal found
            found = self.engine.pids()
            return role in found

        wait_until(f"{role} is there", is_there)
        return found[role]

    # -- what is done

    def victim(self, role: str) -> int:
        """The id of a process that may be killed: waits where it would be given up else."""
        time.sleep(self.deaths.wait_seconds(role))
        return self.pid(role)

    def kill(self, role: str, pid: int) -> None:
        """`kill -9` of one process."""
        self.deaths.note(role)
        os.kill(pid, signal.SIGKILL)

    def wait_replaced(self, role: str, pid: int) -> None:
        """Until another process is in place of one that died."""
        wait_until(f"{role} is started again", lambda: self.engine.pids().get(role, pid) != pid)
        self.wait_whole()

    def note_worst(self, what: str, seconds: float) -> None:
        """Keeps the longest of such times for the record."""
        self.notes[what] = max(self.notes.get(what, 0.0), seconds)

    def note_count(self, what: str) -> None:
        """Counts for the record."""
        self.notes[what] = self.notes.get(what, 0) + 1
