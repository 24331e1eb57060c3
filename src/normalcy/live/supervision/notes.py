"""What a person should look at: said once, until it is mended."""

import logging
import threading
import time

from normalcy.live.status import Note

logger = logging.getLogger(__name__)


class Notes:
    """Notes by topic, one each; any thread may write and read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: dict[str, Note] = {}

    def put(self, topic: str, text: str) -> None:
        """Notes something, in place of what was noted of the topic; an empty text takes that away."""
        with self._lock:
            known = self._notes.get(topic)
            if text == (known.text if known else ""):
                return
            self._notes.pop(topic, None)
            if text:
                self._notes[topic] = Note(topic, text, time.time())
        if text:
            logger.warning("%s: %s", topic, text)

    def all(self) -> list[Note]:
        """The newest last."""
        with self._lock:
            return sorted(self._notes.values(), key=lambda note: note.at)
