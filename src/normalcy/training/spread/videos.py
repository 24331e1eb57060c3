"""Videos as they are given to workers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from normalcy.datasets.base import LabelledVideo
from normalcy.errors import NormalcyWarning


def at_its_place(video: LabelledVideo) -> LabelledVideo:
    """The video by a path that does not depend on where a process was started."""
    return replace(video, path=video.path.absolute())


@contextmanager
def unsaid_warnings() -> Iterator[None]:
    """Of a video: whoever opens it next, with a user to tell, is given them again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NormalcyWarning)
        yield
