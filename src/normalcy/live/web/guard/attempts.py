"""Limits how often a password may be guessed."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class AttemptLimit:
    """What is allowed before each further attempt has to wait, twice as long each time.

    Attributes:
        per_user: Failures of one name from one address. Those from elsewhere do not count: nobody can be locked out.
        per_address: Failures from one address, whatever the name.
        first_seconds, most_seconds: The waits.
        window_seconds: Failures are forgotten so long after the last one.
    """

    per_user: int = 5
    per_address: int = 20
    first_seconds: float = 2.0
    most_seconds: float = 600.0
    window_seconds: float = 3600.0

    def wait_seconds(self, failures: int, allowed: int) -> float:
        """How long after so many failures."""
        beyond = min(failures - allowed, 40)
        return min(self.first_seconds * 2**beyond, self.most_seconds) if beyond >= 0 else 0.0


@dataclass(frozen=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


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
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def begin(self, *, user: str, address: str) -> float:
        """Counts an attempt before it is judged, so that many at once are no way around.

        Returns:
            Seconds to wait; 0 where the attempt may be judged.
        """
        keys = {(user, address): self._limit.per_user, ("", address): self._limit.per_address}
        with self._lock:
            now = self._clock()
            left = max(self._of(key, now).until - now for key in keys)
            if left > 0:
                return left
            for key, allowed in keys.items():
                self._count(key, allowed, now)
            return 0.0

    def succeeded(self, *, user: str, address: str) -> None:
        """The name starts anew from there; of the address only this attempt is taken back."""
        with self._lock:
            self._failures.pop((user, address), None)
            found = self._failures.get(("", address), _Failures())
            if found.count:
                self._failures["", address] = _Failures(found.count - 1, found.last)

    def _of(self, key: tuple[str, str], now: float) -> _Failures:
        found = self._failures.get(key, _Failures())
        return found if now - found.last < self._limit.window_seconds else _Failures()

    def _count(self, key: tuple[str, str], allowed: int, now: float) -> None:
        count = self._of(key, now).count + 1
        self._failures.pop(key, None)
        self._failures[key] = _Failures(count, now, now + self._limit.wait_seconds(count, allowed))
        if len(self._failures) > self._most_keys:
            self._failures.popitem(last=False)
