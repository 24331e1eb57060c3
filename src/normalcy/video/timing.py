"""How long decoding takes, and how long making frames of what was decoded, each by itself."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from normalcy.video._scaler import Scaler
from normalcy.video.contract import ReadOptions
from normalcy.video.reader import open_backend
from normalcy.video.sources import find_source


@dataclass
class ReadingTimes:
    """Milliseconds of each frame.

    Attributes:
        decode: Until a picture is there.
        resize: From the picture to the frame that a method reads.
    """

    decode: list[float] = field(default_factory=list)
    resize: list[float] = field(default_factory=list)


def time_reading(source: str | Path, options: ReadOptions, *, frames: int) -> ReadingTimes:
    """Reads so many frames at most.

    Args:
        source: As `open_video` takes it.
        options: Size and colour of the frames.
        frames: At most.

    Raises:
        VideoError: It cannot be read.
    """
    backend, times = open_backend(find_source(source), options), ReadingTimes()
    scaler = Scaler(size_px=options.size_px, grey=options.grey)
    try:
        decoded = backend.decode(options)
        for _ in range(frames):
            start = time.perf_counter()
            each = next(decoded, None)
            if each is None:
                break
            middle = time.perf_counter()
            scaler.to_image(each.picture)
            times.decode.append((middle - start) * 1000)
            times.resize.append((time.perf_counter() - middle) * 1000)
        decoded.close()
    finally:
        backend.close()
    return times
