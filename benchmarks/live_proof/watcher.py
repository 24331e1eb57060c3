"""Looks on while faults happen: at the database, and at the camera that nobody touches."""

import threading
from typing import Any

from live_proof.configuration import CALM
from live_proof.engine import Engine
from live_proof.ledger import Ledger

MOST_GAP_SECONDS = 5.0
"""The untouched camera sends ten frames a second; so long without one counts as disturbed, however busy the machine."""
_LOOK_SECONDS = 0.2


class Watcher:
    """A thread that looks on, from `start` to `stop`.

    Args:
        engine: Whose cameras are looked at.
        ledger: Takes note of the database.

    Attributes:
        longest_gap_seconds: Between two frames of the untouched camera.
        troubles: What else befell it.
    """

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self._engine, self._ledger = engine, ledger
        self._stopping, self._judging = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._failure: Exception | None = None
        self.longest_gap_seconds = 0.0
        self.troubles: list[str] = []

    @property
    def is_disturbed(self) -> bool:
        """Whether the untouched camera was."""
        return bool(self.troubles) or self.longest_gap_seconds > MOST_GAP_SECONDS

    def start(self) -> None:
        """Begins to look at the database."""
        self._thread.start()

    def judge(self, *, on: bool) -> None:
        """Whether the untouched camera has to be there: not while the whole engine is down."""
        (self._judging.set if on else self._judging.clear)()

    def stop(self) -> None:
        """Ends; may be called twice. Raises what ended it before."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_LOOK_SECONDS):
                self._look()
        except Exception as error:
            self._failure = error

    def _look(self) -> None:
        self._ledger.look()
        if self._judging.is_set():
            self._look_at_camera()

    def _look_at_camera(self) -> None:
        try:
            camera = self._engine.cameras()[CALM]
        except OSError as error:
            self._trouble(f"the dashboard did not answer ({type(error).__name__})")
        else:
            self._judge(camera)

    def _judge(self, camera: dict[str, Any]) -> None:
        if camera["state"] != "online":
            self._trouble(f"the untouched camera was {camera['state']}")
        if camera["reconnects"]:
            self._trouble("the untouched camera was opened again")
        self.longest_gap_seconds = max(self.longest_gap_seconds, camera["frame_age_seconds"] or 0.0)

    def _trouble(self, what: str) -> None:
        # The engine may have been ended on purpose while it was asked.
        if self._judging.is_set() and what not in self.troubles:
            self.troubles.append(what)
