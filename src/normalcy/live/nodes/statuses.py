"""What nodes say of themselves and of their cameras: read when somebody looks, for it is by far the most to read."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from normalcy.errors import NormalcyError
from normalcy.live.nodes.picture import FleetPicture
from normalcy.live.store import nodes
from normalcy.live.store.records import NodeRecord
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0
_ANSWER_SECONDS = 3.0


class Statuses:
    """Read once a second at most, whoever asks; as they were where the database does not answer.

    Args:
        store: Where they are.
        clock: Monotonic, in seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._nodes: tuple[NodeRecord, ...] = ()
        self._at = self._tried_at = clock() - _FRESH_SECONDS

    def added_to(self, picture: FleetPicture) -> FleetPicture:
        """The fleet with what its nodes say."""
        with self._lock:
            if self._clock() - self._tried_at >= _FRESH_SECONDS:
                self._tried_at = self._clock()
                self._read()
            return replace(picture, nodes=self._nodes, at=self._at) if self._nodes else picture

    def _read(self) -> None:
        try:
            with self._store.reading() as session:
                nodes.keep_short(session, _ANSWER_SECONDS)
                self._nodes, self._at = tuple(nodes.read_nodes(session, with_status=True)), self._clock()
        except NormalcyError as error:
            logger.debug("what other nodes say cannot be read: %s", error)
