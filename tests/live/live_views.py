"""Whole pictures, shown to a camera of the engine, and what it tells of its view."""

from dataclasses import replace

import cv2
from live_engine import Watched
from live_scenes import FPS

from normalcy.video.frame import Frame


def shrunk(model, images):
    """As the capture process makes them."""
    height, width = model.spec.size_px
    for index, image in enumerate(images):
        small_HWC = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if model.spec.channels == 1:
            small_HWC = cv2.cvtColor(small_HWC, cv2.COLOR_RGB2GRAY)[..., None]
        yield Frame(small_HWC, index, index / FPS, "cam")


def see(seen: Watched, images, *, first: int = 0):
    """Shows pictures to a camera, the first at a place in its life; steps of the events of its view."""
    frames = shrunk(seen.camera.detector.model, images)
    return seen.see(
        replace(each, index=each.index + first, pts_seconds=each.pts_seconds + first / FPS) for each in frames
    ).view()


def told(steps):
    """What steps say: change, kind of event, its state."""
    return [(step.change, step.event.kind, step.event.state) for step in steps]
