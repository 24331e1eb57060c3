"""Reading values of the command line."""

import re

from normalcy.errors import ConfigError


def size_px(text: str) -> tuple[int, int]:
    """Height and width from `96x144`.

    >>> size_px("96x144")
    (96, 144)
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    if not match:
        raise ConfigError(
            f"cannot read the size {text!r}", where="--size", hint="Write it as 96x144, height x width"
        )
    return int(match[1]), int(match[2])
