"""What the supervisor tells the alerts process, through a connection."""

import threading
from collections.abc import Callable, Mapping
from typing import TypedDict

from normalcy.live.config.live import LiveConfig


class CameraNews(TypedDict):
    """A camera as others may see it.

    Attributes:
        state: Name of its `CameraState` in small letters.
        alarmed: Whether its alarm is on.
        title: What people call it.
    """

    state: str
    alarmed: bool
    title: str


class ControlMessage(TypedDict, total=False):
    """One message; each part may be absent.

    Attributes:
        config: The configuration that is now in force.
        cameras: Cameras of which something changed; none of those that another node tells of from now on.
    """

    config: LiveConfig
    cameras: dict[str, CameraNews | None]


class CameraBoard:
    """What is known of the cameras, for receivers that show it. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cameras: dict[str, CameraNews | None] = {}
        self._readers: list[Callable[[], None]] = []

    @property
    def cameras(self) -> dict[str, CameraNews | None]:
        """By name; None where nothing was told yet."""
        with self._lock:
            return dict(self._cameras)

    def watch(self, names: tuple[str, ...]) -> None:
        """These cameras are configured, and no others."""
        with self._lock:
            self._cameras = {name: self._cameras.get(name) for name in names}
        self._tell()

    def post(self, news: Mapping[str, CameraNews | None]) -> None:
        """Something changed; of cameras that are not configured nothing is kept, nor of those that say nothing."""
        with self._lock:
            self._cameras |= {name: each for name, each in news.items() if name in self._cameras}
        self._tell()

    def add_reader(self, changed: Callable[[], None]) -> None:
        """Has something called after each change, in the thread that made it."""
        self._readers.append(changed)

    def remove_reader(self, changed: Callable[[], None]) -> None:
        """Undoes that."""
        self._readers.remove(changed)

    def _tell(self) -> None:
        for changed in list(self._readers):
            changed()
