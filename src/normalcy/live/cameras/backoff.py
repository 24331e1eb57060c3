"""How long to wait before a camera is opened again."""

from random import Random

STEADY_SECONDS = 30.0
"""A camera that was online for so long counts as well: its next failure is a first one."""


class Backoff:
    """Waits that grow with every failure: from half of a ceiling that doubles to all of it, by chance.

    So cameras that fail together, because their switch did, come back one by one, and none is asked again at once.

    Args:
        first_seconds: Ceiling of the first wait.
        most_seconds: The ceiling grows no further.
        random: Source of chance.
    """

    def __init__(self, *, first_seconds: float, most_seconds: float, random: Random) -> None:
        self._first_seconds = min(first_seconds, most_seconds)
        self._most_seconds, self._random = most_seconds, random
        self._ceiling_seconds = self._first_seconds

    def after(self, *, online_seconds: float) -> float:
        """Seconds to wait after a failure that ended so many seconds of being online."""
        if online_seconds >= STEADY_SECONDS:
            self._ceiling_seconds = self._first_seconds
        ceiling_seconds = self._ceiling_seconds
        self._ceiling_seconds = min(self._most_seconds, 2 * ceiling_seconds)
        return self._random.uniform(ceiling_seconds / 2, ceiling_seconds)
