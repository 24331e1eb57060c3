"""One receiver: a thread that tells it one message after the other, and how long it is left alone after a failure.

    READY --message--> BUSY --arrived, or refused--> READY
                       BUSY --failed--> WAITING --time is over, or the connection is back--> READY

What a channel knows is forgotten with its process: the next one tries at once.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from normalcy.errors import NormalcyError
from normalcy.live.alerts.backoff import RetryRule
from normalcy.live.alerts.delivery import (
    STUBBORN_ATTEMPTS,
    Delivery,
    DeliveryError,
    Receiver,
    Trouble,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a message.

    Attributes:
        delivery: Which.
        at: When, in seconds since 1970.
        error: Why it did not arrive; none where it did.
        is_refusal: Whether it did not because of the message itself.
        wait_seconds: Before it, or where the receiver is away all of its messages, may be tried again.
        failing_seconds: For how long nothing has arrived, by a clock that nobody sets; 0 where others arrive.
    """

    delivery: Delivery
    at: float
    error: DeliveryError | None = None
    is_refusal: bool = False
    wait_seconds: float = 0.0
    failing_seconds: float = 0.0


class Channel:
    """One receiver. `submit` and `collect` belong to one thread, the sending to another.

    Args:
        name: As the outbox calls the receiver.
        build: Makes the receiver, given what it calls when its connection is back.
        retry: Waits between attempts.
        ring: Wakes whoever collects.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        build: Callable[[Callable[[], None]], Receiver],
        *,
        retry: RetryRule,
        ring: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._build, self._retry, self._ring, self._clock = build, retry, ring, clock
        self._receiver: Receiver | None = None
        self._deliveries: SimpleQueue[Delivery | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._under_way: int | None = None
        self._failures = 0
        self._not_before = 0.0
        # Ended by a message that arrives, not by a connection that is back.
        self._failing_since: float | None = None
        # Likewise: what a connection that is back takes, nobody knows.
        self._others_arrive = self._one_arrived = False
        self._thread = threading.Thread(target=self._work, name=f"alerts {name}", daemon=True)
        self._thread.start()

    @property
    def under_way(self) -> int | None:
        """The message that is being sent, or was and is not collected yet."""
        return self._under_way

    @property
    def wait_seconds(self) -> float:
        """How long it is left alone from now on."""
        return max(0.0, self._not_before - time.monotonic())

    @property
    def is_ready(self) -> bool:
        """Whether it may be given a message."""
        return self._under_way is None and self.wait_seconds <= 0.0

    @property
    def failing_seconds(self) -> float:
        """For how long nothing has arrived, as far as this process knows."""
        since = self._failing_since
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, delivery: Delivery) -> None:
        """Gives it a message; the next one only when it is ready again."""
        self._under_way = delivery.id
        self._deliveries.put(delivery)

    def collect(self) -> Outcome | None:
        """What became of the message; None while nobody knows."""
        if self._outcomes.empty():
            return None
        self._under_way = None
        return self._outcomes.get()

    def close(self, *, wait_seconds: float = 0.0) -> None:
        """Ends it after the message that is under way; does not wait longer than it is told to."""
        self._deliveries.put(None)
        self._thread.join(wait_seconds)

    def recovered(self) -> None:
        """Its connection is back: nothing waits any longer."""
        self._failures, self._not_before = 0, 0.0
        self._ring()

    def _work(self) -> None:
        try:
            self._connected()
        except DeliveryError as error:
            logger.warning("%s: %s", self.name, error)
        while (delivery := self._deliveries.get()) is not None:
            self._outcomes.put(self._send(delivery))
            self._ring()
        if self._receiver is not None:
            self._receiver.close()

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            receiver = self._connected()
            if time.monotonic() >= delivery.until:
                raise DeliveryError("it was held up for so long that another node may send it")
            receiver.send(delivery)
        except DeliveryError as error:
            return self._failed(delivery, error)
        except Exception as error:  # of a library: its text may hold secrets, and it must not end the thread
            return self._failed(delivery, DeliveryError(f"it failed ({type(error).__name__})"))
        self._failures, self._failing_since = 0, None
        self._others_arrive = self._one_arrived = True
        return Outcome(delivery, self._clock())

    def _failed(self, delivery: Delivery, error: DeliveryError) -> Outcome:
        is_refusal = error.trouble is Trouble.REFUSED
        if not is_refusal and delivery.attempts >= STUBBORN_ATTEMPTS and self._others_arrive:
            # So it is this message; of many in a row only the first counts: the receiver may be down since.
            error = DeliveryError(str(error), trouble=Trouble.REFUSED)
            is_refusal, self._one_arrived = self._one_arrived, False
        is_refused = error.trouble is Trouble.REFUSED
        wait_seconds = self._retry.most_seconds if is_refused else self._leave_alone(error)
        return Outcome(delivery, self._clock(), error, is_refusal, wait_seconds, self.failing_seconds)

    def _leave_alone(self, error: DeliveryError) -> float:
        self._others_arrive = False
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        self._failures += 1
        wait_seconds = self._retry.wait_seconds(error, failures=self._failures, random=random.random)
        self._not_before = time.monotonic() + wait_seconds
        return wait_seconds

    def _connected(self) -> Receiver:
        """The receiver; made anew where it could not be made before, because a secret may be there by now."""
        if self._receiver is None:
            try:
                self._receiver = self._build(self.recovered)
            except NormalcyError as error:
                raise DeliveryError(str(error), trouble=Trouble.MISCONFIGURED) from None
            except Exception as error:
                what = f"it cannot be used ({type(error).__name__})"
                raise DeliveryError(what, trouble=Trouble.MISCONFIGURED) from None
        return self._receiver
