"""Capture processes whose decoder hangs in a call; for processes that are started anew, and so import this."""

import ctypes
import os
import signal
import time

from normalcy.live.cameras import connections
from normalcy.live.cameras.capture import run_capture
from normalcy.video.reader import VideoReader

HANGS_SECONDS = 600


def hang_politely():
    """As FFmpeg does: other threads go on."""
    time.sleep(HANGS_SECONDS)


def hang_altogether():
    """No other thread of the process runs."""
    ctypes.PyDLL(None).sleep(HANGS_SECONDS)


def die(*_):
    """As a decoder does that reads past its memory."""
    os.kill(os.getpid(), signal.SIGSEGV)


def run_wedged(job, *, hang, **words):
    """A capture whose decoder hangs after three frames."""
    open_camera = connections.open_camera

    def open_wedged(source, options):
        reader = open_camera(source, options)
        return Wedged(reader, hang)

    connections.open_camera = open_wedged
    run_capture(job, **words)


class Wedged:
    def __init__(self, reader: VideoReader, hang) -> None:
        self._reader, self._hang = reader, hang

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def lazily(self):
        for count, lazy in enumerate(self._reader.lazily()):
            if count == 3:
                self._hang()
            yield lazy
