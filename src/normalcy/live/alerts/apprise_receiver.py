"""Anything apprise speaks: telegrams, mails, phones."""

import logging
import re
import time
from datetime import tzinfo
from pathlib import Path
from typing import Any

from normalcy.live.alerts.delivery import Delivery, DeliveryError, Trouble
from normalcy.live.alerts.words import title_and_text
from normalcy.live.config.alerts import AppriseConfig
from normalcy.live.config.secrets import resolve

_MOST_SECONDS = 60.0
_PICTURE_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_STATUS = re.compile(r"error=(\d{3})\b")


class AppriseReceiver:
    """One service by its apprise URL. Such services know no idempotency keys: people may see a repetition twice.

    Args:
        config: Where to.
        zone: Of the times in words; that of the machine without.

    Raises:
        ConfigError: A secret cannot be read.
    """

    def __init__(self, config: AppriseConfig, *, zone: tzinfo | None = None) -> None:
        from apprise import Apprise, AppriseAsset, PersistentStoreMode

        _keep_logs_inside()
        self._zone = zone
        self._service = Apprise(asset=AppriseAsset(storage_mode=PersistentStoreMode.MEMORY))
        self._is_known = bool(self._service.add(resolve(config.url)))

    def send(self, delivery: Delivery) -> None:
        """Sends a message in words; see `Receiver`."""
        if not self._is_known:
            raise DeliveryError("apprise cannot use its URL", trouble=Trouble.MISCONFIGURED)
        if not (result := self._notify(delivery)):
            raise DeliveryError(_reason(result))

    def close(self) -> None:
        """Nothing stays open."""

    def _notify(self, delivery: Delivery) -> Any:
        from apprise import NotifyType

        title, text = title_and_text(delivery.payload, zone=self._zone)
        is_alert = delivery.payload.get("severity") == "alert"
        snapshot = _written(delivery.snapshot) if delivery.snapshot is not None else None
        return self._service.notify(
            body=text,
            title=title,
            notify_type=NotifyType.WARNING if is_alert else NotifyType.INFO,
            attach=str(snapshot) if snapshot is not None else None,
            timeout=_MOST_SECONDS,
        )


def _written(snapshot: Path) -> Path | None:
    """A picture, once it is there: an event is told of before its picture is written. None where it does not come."""
    deadline = time.monotonic() + _PICTURE_SECONDS
    while not snapshot.is_file():
        if time.monotonic() >= deadline:
            return None
        time.sleep(_LOOK_SECONDS)
    return snapshot


def _keep_logs_inside() -> None:
    """What apprise and its connections log may hold tokens; what matters of it is in our errors."""
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _reason(result: Any) -> str:
    """The HTTP status where the service named one; nothing else of its log, which may hold tokens."""
    codes = [found[1] for entry in result.logs() if (found := _STATUS.search(str(entry)))]
    return f"the service did not take it (HTTP {codes[-1]})" if codes else "the service did not take it"
