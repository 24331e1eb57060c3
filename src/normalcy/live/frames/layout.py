"""How the shared memory of one camera is laid out.

    | capture's record | engine's record | slots: stamp + image, N times | pictures: stamp + JPEG, P times | map |

Each record has one writer: the capture process or the engine. So no lock is needed, and a process that is killed can
leave none behind. Slots are guarded by sequence numbers: odd while one is written, and changed by every write. Fields
lie at multiples of their size, so that each is read and written whole.

Letters: N slots of the ring, P pictures kept, H height, W width, C channels.
"""

from dataclasses import dataclass

import numpy as np

from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS, Drop

MOST_TEXT_BYTES = 240

CAPTURE_RECORD = np.dtype(
    [
        ("state", "<i4"),
        ("state_since", "<f8"),  # wall clock
        ("heartbeat", "<f8"),  # monotonic clock; of the thread that decodes
        ("generation", "<i8"),  # grows with every connection
        ("written", "<i8"),  # frames put into the ring so far
        ("pictures", "<i8"),  # pictures put into their ring so far
        ("frames_in", "<i8"),  # decoded
        ("last_frame", "<f8"),  # monotonic clock
        ("reconnects", "<i8"),
        ("ended", "<i4"),  # a file came to its end
        ("width_px", "<i4"),
        ("height_px", "<i4"),
        ("fps", "<f8"),
        ("codec", "S16"),
        ("reason", f"S{MOST_TEXT_BYTES}"),
        ("dropped", "<i8", (len(Drop),)),
        ("pid", "<i8"),
        ("next_index", "<i8"),  # of the frame that comes next, over all connections
        ("pts_seconds", "<f8"),  # of the last frame, over all connections
        ("life_start", "<f8"),  # monotonic clock; of the first frame
    ],
    align=True,
)
ENGINE_RECORD = np.dtype(
    [
        ("read", "<i8"),  # frames taken from the ring so far
        ("scored", "<i8"),  # frames that got a verdict
        ("scored_at", "<f8"),  # wall clock of the last verdict
        ("index", "<i8"),  # of the frame that the last verdict is on
        ("score", "<f8"),  # smoothed; of the region nearest to its threshold
        ("threshold", "<f8"),
        ("rate_per_day", "<f8"),  # how often normal video reaches the score
        ("alarmed", "<i4"),
        ("scene", "<i4"),  # SceneState
        (
            "level_factor",
            "<f8",
        ),  # of the scores of a view that the detector does not know; 0 before any is known
        ("level_usual", "<f8"),  # what scores usually are; NaN before that is known
        ("level_of", "S40"),  # identity of the detector whose scores they are
        ("map_sequence", "<i8"),
        ("event", "S40"),  # id of the open event
        ("dropped", "<i8", (len(Drop),)),
        ("latency", "<i8", (len(LATENCY_BOUNDS_SECONDS) + 1,)),  # capture to score
        ("latency_sum", "<f8"),
    ],
    align=True,
)
SLOT_STAMP = np.dtype(
    [
        ("sequence", "<i8"),
        ("number", "<i8"),  # how many were written before it
        ("generation", "<i8"),
        ("index", "<i8"),
        ("pts_seconds", "<f8"),
        ("captured", "<f8"),  # monotonic clock
        ("captured_at", "<f8"),  # wall clock
        ("has_image", "<i4"),  # frames that no clip takes come without
    ],
    align=True,
)
PICTURE_STAMP = np.dtype(
    [
        ("sequence", "<i8"),
        ("number", "<i8"),
        ("index", "<i8"),
        ("pts_seconds", "<f8"),
        ("captured_at", "<f8"),
        ("size_bytes", "<i8"),
        ("width_px", "<i4"),
        ("height_px", "<i4"),
    ],
    align=True,
)


@dataclass(frozen=True)
class Layout:
    """Sizes of the shared memory of a camera.

    Attributes:
        image_HWC: Shape of the images that the method reads.
        slots: Frames that can wait, N.
        pictures: Pictures for people that are kept, P: also what a clip shows of the time before its event.
        picture_bytes: The largest JPEG that is kept.
        map_HW: Shape of the anomaly map that is shown.
    """

    image_HWC: tuple[int, int, int]
    slots: int
    pictures: int
    picture_bytes: int
    map_HW: tuple[int, int]

    @property
    def image_bytes(self) -> int:
        """Of one image."""
        height, width, channels = self.image_HWC
        return height * width * channels

    @property
    def offsets(self) -> dict[str, int]:
        """Where each part starts, and `end`."""
        map_bytes = self.map_HW[0] * self.map_HW[1]
        sizes = {
            "capture": CAPTURE_RECORD.itemsize,
            "engine": ENGINE_RECORD.itemsize,
            "stamps": self.slots * SLOT_STAMP.itemsize,
            "picture_stamps": self.pictures * PICTURE_STAMP.itemsize,
            "images": self.slots * self.image_bytes,
            "jpegs": self.pictures * self.picture_bytes,
            "map": map_bytes,
        }
        offsets, at = {}, 0
        for name, size in sizes.items():
            offsets[name] = at
            at += -(-size // 64) * 64
        return offsets | {"end": at}
