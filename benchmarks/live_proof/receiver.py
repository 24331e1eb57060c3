"""The receiver of the proof's alerts: it believes only what is signed, by a clock that may be set."""

import time

from live_proof.stand_ins import WebhookReceiver
from normalcy.live.alerts.signature import verify_signature


class ProofReceiver(WebhookReceiver):
    """A webhook that keeps apart what it believes.

    Attributes:
        genuine: Keys of messages that were signed rightly and taken, in order, repetitions too.
        refused: Keys of those that were not signed rightly.
        begun: How many requests have come, answered or not.
    """

    def __init__(self) -> None:
        self.genuine: list[str] = []
        self.refused: list[str] = []
        self.begun = 0
        self._skews_seconds = [0.0]
        super().__init__()

    def set_clock(self, skew_seconds: float) -> None:
        """Its clock is ahead of this machine's by so much, from now on."""
        # A message may have been signed before the clock was set.
        self._skews_seconds = [self._skews_seconds[-1], skew_seconds]

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """Takes a request; (status, headers) of its answer."""
        self.begun += 1
        status, extra = super().take(path, headers, body)
        if status == 200:
            kept = self.genuine if self._is_genuine(headers, body) else self.refused
            kept.append(headers.get("Idempotency-Key", ""))
        return status, extra

    def _is_genuine(self, headers: dict[str, str], body: bytes) -> bool:
        return any(
            verify_signature(
                body,
                signature=headers.get("X-Normalcy-Signature", ""),
                timestamp=headers.get("X-Normalcy-Timestamp", ""),
                secret=self.secret,
                now=time.time() + skew_seconds,
            )
            for skew_seconds in self._skews_seconds
        )
