"""Limits how often a password may be guessed."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class AttemptLimit:
    """Failures that are allowed.

    Attributes:
        per_user: Of one name.
        per_address: From one address, whatever the name.
        window_seconds: They are forgotten so long after the first.
    """

    per_user: int = 10
    per_address: int = 30
    window_seconds: float = 900.0


class LoginAttempts:
    """Counts failed logins; in memory, and of bounded size.

    Args:
        limit: What is allowed.
        clock: Monotonic, in seconds.
        most_keys: Names and addresses that are remembered; the longest unused are forgotten first.
    """

    def __init__(self, limit: AttemptLimit, *, clock: Callable[[], float], most_keys: int = 10_000) -> None:
        self._limit = limit
        self._clock = clock
        self._most_keys = most_keys
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def begin(self, *, user: str, address: str) -> float:
        """Counts an attempt before it is judged, so that many at once are no way around.

        Returns:
            Seconds to wait; 0 where the attempt may be judged.
        """
        keys = {("user", user): self._limit.per_user, ("address", address): self._limit.per_address}
        with self._lock:
            waits = [self._wait(key, most) for key, most in keys.items()]
            if not any(waits):
                for key in keys:
                    self._count(key)
            return max(waits)

    def succeeded(self, *, user: str, address: str) -> None:
        """The name starts anew; of the address only this attempt is taken back."""
        with self._lock:
            self._failures.pop(("user", user), None)
            since, count = self._failures.get(("address", address), (0.0, 0))
            if count:
                self._failures["address", address] = since, count - 1

    def _wait(self, key: tuple[str, str], most: int) -> float:
        since, count = self._failures.get(key, (0.0, 0))
        left = since + self._limit.window_seconds - self._clock()
        return left if count >= most and left > 0 else 0.0

    def _count(self, key: tuple[str, str]) -> None:
        now = self._clock()
        since, count = self._failures.pop(key, (now, 0))
        if now - since >= self._limit.window_seconds:
            since, count = now, 0
        self._failures[key] = since, count + 1
        if len(self._failures) > self._most_keys:
            self._failures.popitem(last=False)
