"""How long a receiver that did not answer is left alone."""

from collections.abc import Callable
from dataclasses import dataclass

from normalcy.live.alerts.delivery import DeliveryError, Trouble

_MOST_ASKED_SECONDS = 3600.0
"""A receiver may ask to be left alone for so long."""


@dataclass(frozen=True)
class RetryRule:
    """Waits between attempts.

    Attributes:
        first_seconds: After the first failure; doubled with each further one.
        most_seconds: No wait is longer, unless the receiver asks for it.
    """

    first_seconds: float
    most_seconds: float

    def wait_seconds(self, error: DeliveryError, *, failures: int, random: Callable[[], float]) -> float:
        """Before the next attempt.

        Args:
            error: What went wrong last.
            failures: In a row, with this one.
            random: From 0 to 1; waits differ, so that many senders do not come back at once.
        """
        doubled = self.first_seconds * 2.0 ** min(failures - 1, 60)
        longest = self.most_seconds if error.trouble is not Trouble.AWAY else min(doubled, self.most_seconds)
        asked = min(error.retry_after_seconds or 0.0, _MOST_ASKED_SECONDS)
        return max(longest * (0.5 + 0.5 * random()), asked)
