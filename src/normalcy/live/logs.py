"""Logs of the live engine: one line each on standard error, as text or as JSON.

Whatever somebody logs, URLs in it are shown without their secrets.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from normalcy.live.config.secrets import safe_text

_TEXT = "%(asctime)s %(levelname)-7s %(processName)s %(name)s: %(message)s"

# What `extra` may say of a record.
_EXTRA = ("camera", "state", "reason", "request")


class TextLines(logging.Formatter):
    """A log record as a line of text, and its traceback."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return safe_text(super().format(record))


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.processName,
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: getattr(record, key) for key in _EXTRA if hasattr(record, key)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        safe = {key: safe_text(each) if isinstance(each, str) else each for key, each in line.items()}
        return json.dumps(safe, ensure_ascii=False)


def log_to_standard_error(*, as_json: bool, level: int = logging.INFO) -> None:
    """Shows normalcy's own log and captured warnings; once in each process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    for name in ("normalcy", "py.warnings"):
        log = logging.getLogger(name)
        log.handlers[:] = [handler]
        log.setLevel(level)
        log.propagate = False
