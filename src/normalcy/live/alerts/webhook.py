"""Webhooks: a POST with the message as JSON, signed where there is a secret."""

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx2

from normalcy.live.alerts.delivery import Delivery, DeliveryError, Trouble
from normalcy.live.alerts.signature import sign
from normalcy.live.config.alerts import WebhookConfig
from normalcy.live.config.secrets import resolve

_IDLE_SECONDS = 300.0
"""A connection is kept for so long: the next alert saves the time to open one."""
_MOST_ANSWER_BYTES = 64 * 1024
_PASSING = frozenset({408, 425, 429})
_REFUSED = frozenset({400, 406, 409, 411, 413, 415, 422, 431})
"""Answers that mean this message; every other one means the address, the password or the whole receiver."""


class WebhookReceiver:
    """A URL that is posted to. No redirect is followed: a message goes where the configuration says.

    Args:
        config: Where to, and the secret that signs.
        clock: Seconds since 1970.

    Raises:
        ConfigError: A secret cannot be read.
    """

    def __init__(self, config: WebhookConfig, *, clock: Callable[[], float] = time.time) -> None:
        # At this level both would write the whole URL, which may hold a token.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._url = resolve(config.url)
        self._secret = resolve(config.secret) if config.secret else None
        self._timeout_seconds, self._clock = config.timeout_seconds, clock
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS)
        self._client = httpx2.Client(timeout=config.timeout_seconds, limits=limits, follow_redirects=False)

    def send(self, delivery: Delivery) -> None:
        """Posts a message; see `Receiver`."""
        body = json.dumps(dict(delivery.payload), ensure_ascii=False, allow_nan=False).encode()
        try:
            status, retry_after = self._post(body, self._headers(body, delivery.key))
        except httpx2.TimeoutException:
            raise DeliveryError(f"no answer within {self._timeout_seconds:g} s") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise DeliveryError("the URL cannot be used", trouble=Trouble.MISCONFIGURED) from None
        except (httpx2.HTTPError, OSError) as error:
            # Its own text may hold the URL.
            raise DeliveryError(f"no connection ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise _unwelcome(status, retry_after)

    def close(self) -> None:
        """See `Receiver`."""
        self._client.close()

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        timestamp = f"{self._clock():.0f}"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "normalcy",
            "Idempotency-Key": key,
            "X-Normalcy-Timestamp": timestamp,
        }
        if self._secret is not None:
            headers["X-Normalcy-Signature"] = sign(body, secret=self._secret, timestamp=timestamp)
        return headers

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, float | None]:
        with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
            _read_out(answer)
            asked = answer.headers.get("Retry-After")
            return answer.status_code, retry_after_seconds(asked, now=self._clock())


def _read_out(answer: httpx2.Response) -> None:
    """What is left unread would cost the connection. Its status is all that counts: this may fail."""
    read_bytes = 0
    with suppress(httpx2.HTTPError):
        for chunk in answer.iter_raw():
            read_bytes += len(chunk)
            if read_bytes > _MOST_ANSWER_BYTES:
                return


def retry_after_seconds(value: str | None, *, now: float) -> float | None:
    """What `Retry-After` asks for: seconds, or a date.

    >>> retry_after_seconds("120", now=0.0), retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", now=10.0)
    (120.0, 50.0)
    >>> retry_after_seconds("soon", now=0.0) is None
    True
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    with suppress(ValueError):
        asked = parsedate_to_datetime(value)
        return max(0.0, (asked if asked.tzinfo else asked.replace(tzinfo=UTC)).timestamp() - now)
    return None


def _unwelcome(status: int, retry_after: float | None) -> DeliveryError:
    what = f"it answered HTTP {status}"
    if status >= 500 or status in _PASSING:
        return DeliveryError(what, retry_after_seconds=retry_after)
    if 300 <= status < 400:
        return DeliveryError(f"{what}: it has moved", trouble=Trouble.MISCONFIGURED)
    trouble = Trouble.REFUSED if status in _REFUSED else Trouble.MISCONFIGURED
    return DeliveryError(what, trouble=trouble, retry_after_seconds=retry_after)
