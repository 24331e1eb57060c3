"""Sources as a browser may see them, and back: passwords stay here."""

import re
from typing import Final

from normalcy.errors import ConfigError
from normalcy.video.urls import HIDDEN, redact

_REFERENCE: Final = re.compile(r"\$\{(?:file:)?[^}]+\}")
_MARK: Final = "\ue000"
"""Stands for a reference while the rest is looked at; no source holds it."""
_REFERENCED_USER: Final = re.compile(rf"^([a-z][a-z0-9+.-]*://)(?:[^:@/?#]*:{_MARK}|{_MARK})@", re.IGNORECASE)
_REFERENCED_VALUE: Final = re.compile(rf"[^=&?/#]+={_MARK}(?=[&/?#]|$)")
_NO_SECRET: Final = "channel=0"
_URL_IN_TEXT: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def shown_source(source: str) -> str:
    """A source without its secrets; one whose secrets are all references `${NAME}` is shown as it is written.

    >>> shown_source("rtsp://guard:${DOOR}@door/1"), shown_source("rtsp://guard:hunter2@door/1")
    ('rtsp://guard:${DOOR}@door/1', 'rtsp://***@door/1')
    """
    marked = _REFERENCE.sub(_MARK, source)
    bare = _REFERENCED_VALUE.sub(_NO_SECRET, _REFERENCED_USER.sub(r"\1", marked))
    return source if redact(bare) == bare else redact(source)


def entered_source(text: str, *, before: str | None, known: frozenset[str]) -> str:
    """What a person who typed `text` means.

    Args:
        text: Of the form's field.
        before: The source as it is written in the configuration; what it is shown as means itself.
        known: References that the configuration already holds. No other is taken: who may use the dashboard
            must not be able to send any file or variable of this machine to an address of their choice.

    Raises:
        ConfigError: Part of it is hidden, or it names another secret.
    """
    text = text.strip()
    if before is not None and text == shown_source(before):
        return before
    if HIDDEN in text:
        hint = "Type the whole address, with its user and password"
        raise ConfigError("part of the address is hidden", where="source", hint=hint)
    if unknown := sorted(references(text) - known):
        hint = "Add it in the configuration file"
        raise ConfigError(f"the secret {unknown[0]} is not in use yet", where="source", hint=hint)
    return text


def references(source: str) -> frozenset[str]:
    """The secrets that a source names."""
    return frozenset(_REFERENCE.findall(source))


def safe_text(text: str) -> str:
    """A message in which every URL is without its secrets.

    >>> safe_text("source is 'rtsp://a:b@door/1': no answer")
    "source is 'rtsp://***@door/1': no answer"
    """
    return _URL_IN_TEXT.sub(lambda match: redact(match.group()), text)
