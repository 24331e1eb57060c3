"""Reading values of the command line."""

import difflib
import re
from collections.abc import Sequence
from typing import TypeVar

from normalcy.errors import ConfigError

NameT = TypeVar("NameT", bound=str)


def size_px(text: str) -> tuple[int, int]:
    """Height and width from `96x144`.

    >>> size_px("96x144")
    (96, 144)
    """
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.strip())
    if not match:
        raise ConfigError(
            f"cannot read the size {text!r}", where="--size", hint="Write it as 96x144, height x width"
        )
    return int(match[1]), int(match[2])


def names(given: Sequence[str], known: Sequence[NameT], *, where: str) -> tuple[NameT, ...]:
    """Names that are all known, each once, in the order given.

    >>> names(["wall", "wall"], ["wall", "crowd"], where="--settings")
    ('wall',)

    Raises:
        ConfigError: One is unknown; says the nearest one.
    """
    by_text = {str(name): name for name in known}
    for name in given:
        if name not in by_text:
            near = difflib.get_close_matches(name.lower(), by_text, n=1, cutoff=0.4)
            guess = f"Did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"unknown name {name!r}", where=where, hint=f"{guess}Known are {', '.join(known)}"
            )
    return tuple(by_text[name] for name in dict.fromkeys(given))
