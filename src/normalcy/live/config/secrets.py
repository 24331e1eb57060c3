"""Secrets in a configuration: `${NAME}` is read from the environment, `${file:PATH}` from a file.

A configuration keeps the reference, so that it can be shown and saved; what it stands for is read where it is used.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from normalcy.errors import ConfigError
from normalcy.video.urls import redact

# Passwords hold spaces and quotes too: all up to the line's last `@` may be one, unless another URL begins before.
_URL_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]*://(?:(?:(?!://)[^\n])*@)?\S*", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{(file:)?([^}]+)\}")


def resolve(text: str, *, environment: Mapping[str, str] = os.environ) -> str:
    """The text with each reference replaced by what it stands for.

    >>> resolve("rtsp://${USER_OF_DOOR}@door/1", environment={"USER_OF_DOOR": "guard"})
    'rtsp://guard@door/1'

    Raises:
        ConfigError: A variable is not set, or a file cannot be read; the text itself is not shown.
    """

    def value(match: re.Match[str]) -> str:
        is_file, name = match.groups()
        return _from_file(Path(name)) if is_file else _from_environment(name, environment)

    return _REFERENCE.sub(value, text)


def safe_text(text: str) -> str:
    """A message in which every URL is without its secrets; rather too much is hidden than too little.

    >>> safe_text("source is 'rtsp://a:b@door/1': no answer")
    "source is 'rtsp://***@door/1': no answer"
    """
    return _URL_IN_TEXT.sub(lambda match: redact(match.group()), text)


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise ConfigError(f"the environment variable {name} is not set", where=f"${{{name}}}")
    return environment[name]


def _from_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"cannot be read ({reason})", where=f"${{file:{path}}}") from error
