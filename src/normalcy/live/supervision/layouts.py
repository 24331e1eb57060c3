"""How large the shared memory of a camera has to be."""

import math

from normalcy.live.config.live import LiveConfig
from normalcy.live.frames.layout import Layout
from normalcy.methods.contract import ClipSpec

_MARGIN_SECONDS = 6.0
"""Pictures stay for so much longer than a clip reaches back: alarms show only after a while."""
_BYTES_PER_PIXEL = 0.4
_WIDEST = 2.0
_LEAST_PICTURE_BYTES = 64 * 1024
_MAP_HEIGHT_PX = 96


def picture_fps(config: LiveConfig) -> float:
    """Pictures per second that people are shown, live or in clips."""
    return max(config.events.clip_fps, config.web.picture_fps if config.web.enabled else 0.0)


def layout_of(name: str, config: LiveConfig, spec: ClipSpec) -> Layout:
    """Of a camera's shared memory.

    Args:
        name: Of the camera.
        config: In force.
        spec: The clips that its detector reads.
    """
    camera = config.cameras[name]
    height, width = spec.size_px
    seconds = config.events.pre_roll_seconds + _MARGIN_SECONDS
    picture_px = camera.preview_height_px**2 * _WIDEST
    return Layout(
        image_HWC=(height, width, spec.channels),
        slots=camera.buffer_frames,
        pictures=math.ceil(seconds * picture_fps(config)),
        picture_bytes=max(_LEAST_PICTURE_BYTES, math.ceil(picture_px * _BYTES_PER_PIXEL)),
        map_HW=(_MAP_HEIGHT_PX, max(1, round(_MAP_HEIGHT_PX * width / height))),
    )
