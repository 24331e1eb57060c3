"""The test button: one message to one receiver."""

import time
import uuid

from normalcy.errors import ConfigError, NormalcyError
from normalcy.live.alerts.delivery import Delivery
from normalcy.live.alerts.receivers import build_trial
from normalcy.live.config.live import LiveConfig


def send_test(config: LiveConfig, receiver: str) -> str:
    """Sends a test message past the outbox, and says in a sentence what became of it. Blocks until that is known.

    Args:
        config: In force.
        receiver: `webhook:NAME`, `apprise:NAME` or `mqtt`.

    Raises:
        ConfigError: There is no such receiver.
    """
    if receiver not in config.alerts.receivers:
        known = ", ".join(config.alerts.receivers) or "none"
        raise ConfigError(f"there is no receiver {receiver!r}", where="alerts", hint=f"There are: {known}")
    try:
        built = build_trial(receiver, config)
        try:
            built.send(_test_message())
        finally:
            built.close()
    except NormalcyError as error:
        return f"The test message did not arrive: {error}."
    except Exception as error:  # of a library: its text may hold secrets
        return f"The test message did not arrive: it failed ({type(error).__name__})."
    return "The test message arrived."


def _test_message() -> Delivery:
    now = time.time()
    key = f"{uuid.uuid4().hex}:test"
    sentence = "This is a test. Alerts of normalcy arrive here."
    payload = {
        "type": "test",
        "key": key,
        "severity": "notice",
        "sentence": sentence,
        "at_epoch": round(now, 3),
    }
    return Delivery(id=0, key=key, payload=payload, created_at=now)
