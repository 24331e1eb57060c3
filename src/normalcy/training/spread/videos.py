"""Videos as they are given to workers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from normalcy.datasets.base import LabelledVideo
from normalcy.engines.contract import Outcome
from normalcy.errors import FallbackWarning, InputError, NormalcyWarning


def at_its_place(video: LabelledVideo) -> LabelledVideo:
    """The video by a path that does not depend on where a process was started."""
    return replace(video, path=video.path.absolute())


@contextmanager
def unsaid_warnings() -> Iterator[None]:
    """Of a video: whoever opens it next, with a user to tell, is given them again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NormalcyWarning)
        yield


def require_arrived(outcome: Outcome[Any], video: LabelledVideo, *, is_held: bool, setting: str) -> None:
    """Warns where a worker failed of a video, and what it was to keep is not here.

    Raises:
        InputError: A worker kept it where this machine does not find it.
    """
    if is_held:
        return
    if outcome.error is not None:
        message = f"{video.name}: a worker failed of it ({outcome.error}); it is tried once more here"
        warnings.warn(message, FallbackWarning, stacklevel=3)
        return
    raise InputError(
        "a worker has kept it where this machine does not find it",
        where=video.name,
        hint=f"{setting} must be a folder that all machines share, with the same versions on each",
    )
