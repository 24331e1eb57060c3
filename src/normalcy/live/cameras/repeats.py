"""Frames that were seen before: HLS gives the last seconds to whoever connects, also to one who has them already.

A server whose recorder hangs goes on listing the same seconds; without this they would be watched again with every
attempt to connect.
"""

import math
import time
from collections.abc import Callable

MOST_SECONDS = 60.0
"""How far back a list reaches. Timestamps from farther back are those of a recorder that counts anew."""

BURST_SECONDS = 10.0
"""What was seen before is given at once, when a connection begins: what comes later is new, whatever its timestamp."""


class Repeats:
    """Tells what a connection repeats of those before, by the timestamps of the stream.

    Args:
        clock: Monotonic, in seconds.

    Attributes:
        nothing_new: All that came since the last `connect` was seen before; False where nothing came.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest_seconds: float | None = None
        self._is_new = self.nothing_new = False
        self._connected = -math.inf

    def connect(self) -> None:
        """Another connection begins."""
        self._is_new = self.nothing_new = False
        self._connected = self._clock()

    def holds(self, stream_seconds: float | None) -> bool:
        """Whether the next frame, whose timestamp this is, was seen in an earlier connection.

        What follows a new frame is new, whatever its timestamp: recorders start anew within a connection, too.
        """
        self._is_new |= not self._is_known(stream_seconds)
        self.nothing_new = not self._is_new
        if self._is_new and stream_seconds is not None:
            self._newest_seconds = stream_seconds
        return self.nothing_new

    def _is_known(self, stream_seconds: float | None) -> bool:
        if self._newest_seconds is None or stream_seconds is None:
            return False
        if self._clock() - self._connected > BURST_SECONDS:
            return False
        return 0 <= self._newest_seconds - stream_seconds <= MOST_SECONDS
