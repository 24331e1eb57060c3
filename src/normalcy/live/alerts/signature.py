"""Signed webhooks: that a message comes from here, unchanged, and is no old one played again.

A receiver checks `X-Normalcy-Signature` with the secret that both know, and refuses a timestamp that is far from its
own clock. Each attempt is signed anew, so that a message that was retried for hours is not taken for an old one; that
it is the same message shows in `Idempotency-Key`.
"""

import hashlib
import hmac

TOLERANCE_SECONDS = 300.0


def sign(body: bytes, *, secret: str, timestamp: str) -> str:
    """The value of `X-Normalcy-Signature`: HMAC-SHA256 of `timestamp.body`."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify_signature(
    body: bytes,
    *,
    signature: str,
    timestamp: str,
    secret: str,
    now: float,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> bool:
    """Whether a message may be believed. For receivers; ours are tested with it.

    Args:
        body: Exactly as it came, before it is parsed.
        signature: `X-Normalcy-Signature`.
        timestamp: `X-Normalcy-Timestamp`, seconds since 1970.
        secret: That of the receiver's configuration.
        now: The receiver's clock, in seconds since 1970.
        tolerance_seconds: How far both clocks may be apart; older messages are replays.

    >>> signed = sign(b"{}", secret="s", timestamp="1000")
    >>> verify_signature(b"{}", signature=signed, timestamp="1000", secret="s", now=1010.0)
    True
    >>> verify_signature(b"{}", signature=signed, timestamp="1000", secret="s", now=9000.0)
    False
    """
    if not timestamp.isdecimal() or abs(now - float(timestamp)) > tolerance_seconds:
        return False
    expected = sign(body, secret=secret, timestamp=timestamp)
    return hmac.compare_digest(expected.encode(), signature.encode())
