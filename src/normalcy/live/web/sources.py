"""Sources as a browser may see them, and back: passwords stay here."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from normalcy.errors import ConfigError
from normalcy.video.urls import HIDDEN, as_url, redact

_REFERENCE: Final = re.compile(r"\$\{(?:file:)?[^}]+\}")
_MARK: Final = "\ue000"
"""Stands for a reference while the rest is looked at; no source holds it."""
_REFERENCED_USER: Final = re.compile(rf"^([a-z][a-z0-9+.-]*://)(?:[^:@/?#]*:{_MARK}|{_MARK})@", re.IGNORECASE)
_REFERENCED_VALUE: Final = re.compile(rf"[^=&?/#]+={_MARK}(?=[&/?#]|$)")
_NO_SECRET: Final = "channel=0"


def shown_source(source: str) -> str:
    """A source without its secrets; one whose secrets are all references `${NAME}` is shown as it is written.

    >>> shown_source("rtsp://guard:${DOOR}@door/1"), shown_source("rtsp://guard:hunter2@door/1")
    ('rtsp://guard:${DOOR}@door/1', 'rtsp://***@door/1')
    """
    marked = _REFERENCE.sub(_MARK, source)
    bare = _REFERENCED_VALUE.sub(_NO_SECRET, _REFERENCED_USER.sub(r"\1", marked))
    return source if redact(bare) == bare else redact(source)


def entered_source(text: str, *, before: str | None, known: Mapping[str, frozenset[str]]) -> str:
    """What a person who typed `text` means.

    Args:
        text: Of the form's field.
        before: The source as it is written in the configuration; what it is shown as means itself.
        known: References that the configuration already holds, and where each goes. None goes elsewhere: who may use
            the dashboard must not be able to send a secret of this machine to an address of their choice.

    Raises:
        ConfigError: Part of it is hidden or cannot be printed, or it names another secret, or one for another host.
    """
    text = text.strip()
    if before is not None and text == shown_source(before):
        return before
    if not text.isprintable():
        # Programs do not agree on where such an address leads.
        raise ConfigError("an address holds no line breaks", where="source")
    if HIDDEN in text:
        hint = "Type the whole address, with its user and password"
        raise ConfigError("part of the address is hidden", where="source", hint=hint)
    for reference in sorted(references(text)):
        if reference not in known:
            hint = "Add it in the configuration file"
            raise ConfigError(f"the secret {reference} is not in use yet", where="source", hint=hint)
        if destination(text) not in known[reference]:
            hint = "Change the address in the configuration file"
            raise ConfigError(f"the secret {reference} is for another host", where="source", hint=hint)
    return text


def known_secrets(sources: Iterable[str]) -> dict[str, frozenset[str]]:
    """References in sources, and where each of them goes."""
    found: dict[str, frozenset[str]] = {}
    for source in sources:
        for reference in references(source):
            found[reference] = found.get(reference, frozenset()) | {destination(source)}
    return found


def destination(source: str) -> str:
    """Where a source leads: its host; the whole of it where that cannot be told, or is itself a reference.

    >>> destination("rtsp://guard:${DOOR}@Door.local:554/1"), destination("${WHOLE}")
    ('door.local', '${WHOLE}')
    """
    try:
        host = urlsplit(_REFERENCE.sub(_MARK, source)).hostname if as_url(source) == source else None
    except ValueError:
        host = None
    return source if not host or _MARK in host else host


def references(source: str) -> frozenset[str]:
    """The secrets that a source names."""
    return frozenset(_REFERENCE.findall(source))
