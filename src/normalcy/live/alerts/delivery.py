"""What a receiver is given, and how it says that it could not take it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from normalcy.errors import NormalcyError

STUBBORN_ATTEMPTS = 8
"""A message that failed so often goes behind the others: it may be what upsets its receiver."""


@dataclass(frozen=True)
class Delivery:
    """One message on its way.

    Attributes:
        id: Of its row in the outbox.
        key: Idempotency key.
        payload: What is sent.
        created_at: When it was put into the outbox, in seconds since 1970.
        attempts: That failed.
        refusals: Those of them that failed because of the message itself.
        snapshot: Picture of the event; none where there is none.
        until: Not sent later, on the monotonic clock: another node may send it then.
    """

    id: int
    key: str
    payload: Mapping[str, Any]
    created_at: float
    attempts: int = 0
    refusals: int = 0
    snapshot: Path | None = None
    until: float = math.inf


class Trouble(Enum):
    """Why a message did not arrive, and so what waits.

    AWAY: the receiver is down, slow or busy: all of its messages wait, longer with each attempt.
    MISCONFIGURED: nothing will arrive until somebody mends an address or a password: all of its messages wait, and are
        tried seldom.
    REFUSED: the receiver does not want this message: it alone is tried again, seldom, until it is given up.
    """

    AWAY = auto()
    MISCONFIGURED = auto()
    REFUSED = auto()


class DeliveryError(NormalcyError):
    """A message did not arrive.

    Args:
        what: Why, without credentials.
        trouble: What follows from that.
        retry_after_seconds: How long the receiver asks to be left alone.
    """

    def __init__(
        self, what: str, *, trouble: Trouble = Trouble.AWAY, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(what)
        self.trouble, self.retry_after_seconds = trouble, retry_after_seconds


class Receiver(Protocol):
    """Somebody who is told; used by one thread."""

    def send(self, delivery: Delivery) -> None:
        """Returns once the message has arrived.

        Raises:
            DeliveryError: It did not, or nobody knows.
        """
        ...

    def close(self) -> None:
        """Gives its connections back."""
        ...
