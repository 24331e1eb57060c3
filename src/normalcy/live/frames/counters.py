"""What is counted of a camera, and why frames are dropped."""

from enum import IntEnum


class Drop(IntEnum):
    """Why a frame was not scored. Each is counted; the numbers are places in shared memory.

    BUFFER_FULL: the scorer was behind, so the oldest waiting frame gave way to the newest.
    RATE_CAP: the camera sends more than `max_fps`.
    STRIDE: only every so many frames was asked for.
    DAMAGED: it could not be decoded.
    SCENE_CHANGE: the view was changing, or just went dark.
    RESTART: it was waiting when the scorer started anew, or belonged to a clip that a gap cut in two.
    REPEATED: a server gave again what it had given before the connection broke.
    """

    BUFFER_FULL = 0
    RATE_CAP = 1
    STRIDE = 2
    DAMAGED = 3
    SCENE_CHANGE = 4
    RESTART = 5
    REPEATED = 6


LATENCY_BOUNDS_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the buckets of capture-to-score times; one more bucket is beyond the last."""
