"""Draws a script: each frame with the actors' identities, boxes and the pixels of the abnormal ones.

Letters: T frames, K tracks, H height, W width, C channels (RGB), 4 a box as x0, y0, x1, y1 in whole pixels.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.actors import Actor
from normalcy.datasets.walkway.annotations import Annotations, packed
from normalcy.datasets.walkway.backdrop import backdrop, brightness
from normalcy.datasets.walkway.camera import Camera
from normalcy.datasets.walkway.drawing import Sprite, draw
from normalcy.datasets.walkway.script import VideoScript
from normalcy.datasets.walkway.sensor import SHAKE_PX_PER_HEIGHT, sensor
from normalcy.datasets.walkway.settings import SETTINGS
from normalcy.datasets.walkway.shadows import shade_floor

BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]
Int16Array = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

# Somebody of whom less lies within the picture is not labelled: nobody could tell what that is.
LEAST_IN_VIEW = 0.25
_OPAQUE = 128
_CHEST_M = 1.2
_NOWHERE: Box = (-1, -1, -1, -1)


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One frame.

    Attributes:
        image_HWC: uint8 RGB.
        ids_HW: Track id of whoever is seen at each pixel, 0 for the empty scene.
        mask_HW: Visible pixels of the abnormal.
        boxes: Box of each actor in the picture, by track id.
        abnormal: Track ids of those who are abnormal just then and enough of whom is in the picture.
    """

    image_HWC: UInt8Array
    ids_HW: UInt16Array
    mask_HW: BoolArray
    boxes: dict[int, Box]
    abnormal: frozenset[int]


@dataclass(frozen=True, eq=False)
class RenderedVideo:
    """A video with all that is known of it.

    Attributes:
        frames_THWC: uint8 RGB.
        labels_T: Whether each frame is abnormal.
        masks_THW: Visible pixels of the abnormal.
        ids_THW: Track id of whoever is seen at each pixel, 0 for the empty scene.
        annotations: Boxes, tracks and abnormal spans.
    """

    frames_THWC: UInt8Array
    labels_T: BoolArray
    masks_THW: BoolArray
    ids_THW: UInt16Array
    annotations: Annotations


def render_video(script: VideoScript) -> RenderedVideo:
    """Draws a whole script into memory."""
    frames = list(render_frames(script))
    annotations = annotate(script, frames)
    return RenderedVideo(
        frames_THWC=np.stack([frame.image_HWC for frame in frames]),
        labels_T=annotations.labels(),
        masks_THW=np.stack([frame.mask_HW for frame in frames]),
        ids_THW=np.stack([frame.ids_HW for frame in frames]),
        annotations=annotations,
    )


def render_frames(script: VideoScript) -> Iterator[RenderedFrame]:
    """Draws a script frame by frame."""
    stage = Stage(script)
    return (stage.frame(index) for index in range(script.frames))


def annotate(script: VideoScript, frames: Iterable[RenderedFrame]) -> Annotations:
    """Collects what is known of a video's frames; the frames are used one at a time."""
    ids = [actor.track_id for actor in script.actors]
    boxes, abnormal, masks = [], [], []
    for frame in frames:
        boxes.append([frame.boxes.get(track_id, _NOWHERE) for track_id in ids])
        abnormal.append([track_id in frame.abnormal for track_id in ids])
        masks.append(packed(frame.mask_HW))
    boxes_TK4 = np.array(boxes, np.int16).reshape(-1, len(ids), 4)
    seen = np.flatnonzero((boxes_TK4[..., 0] >= 0).any(axis=0))
    return Annotations(
        size_px=script.size_px,
        track_ids_K=np.array(ids, np.uint16)[seen],
        kinds_K=tuple(script.actors[column].kind for column in seen.tolist()),
        boxes_TK4=boxes_TK4[:, seen],
        abnormal_TK=np.array(abnormal, np.bool_).reshape(-1, len(ids))[:, seen],
        packed_TP=np.stack(masks),
    )


class Stage:
    """Draws any frame of a script, each on its own; with `noise` off as a camera without noise would."""

    def __init__(self, script: VideoScript, *, noise: bool = True) -> None:
        self.script = script
        height = script.size_px[0]
        self._camera = Camera(script.size_px)
        self._sensor = sensor(script.seed, noise=noise)
        self._finer = 4 if height <= 144 else 3 if height <= 288 else 2
        self._margin_px = math.ceil(SHAKE_PX_PER_HEIGHT * height) + 2

    def frame(self, index: int) -> RenderedFrame:
        """Draws one frame."""
        seconds = index / self.script.fps
        shift_px = self._sensor.shake_px(seconds, self.script.size_px[0])
        cast = self._cast(seconds, shift_px)
        scene_HWC = self._empty(shift_px)
        floor_rows = [self._camera.floor_row(actor.stance(seconds).z_m) + shift_px[1] for actor, _ in cast]
        shade_floor(scene_HWC, [(sprite, row) for (_, sprite), row in zip(cast, floor_rows, strict=True)])
        ids_HW = np.zeros(self.script.size_px, np.uint16)
        boxes: dict[int, Box] = {}
        abnormal: set[int] = set()
        for actor, sprite in cast:
            _paste(scene_HWC, sprite, light=self._light(actor, seconds))
            opaque_HW = sprite.rgba_HWC[..., 3] >= _OPAQUE
            if opaque_HW.any():
                ids_HW[sprite.window][opaque_HW] = actor.track_id
                boxes[actor.track_id] = _box(sprite, opaque_HW)
                if sprite.in_view >= LEAST_IN_VIEW and actor.abnormal(seconds):
                    abnormal.add(actor.track_id)
        image_HWC = self._sensor.expose(scene_HWC, index=index, seconds=seconds)
        mask_HW = np.isin(ids_HW, sorted(abnormal))
        return RenderedFrame(image_HWC, ids_HW, mask_HW, boxes, frozenset(abnormal))

    def _cast(self, seconds: float, shift_px: tuple[float, float]) -> list[tuple[Actor, Sprite]]:
        """Who is in the picture, from far to near."""
        cast = []
        for actor in self.script.actors:
            if not actor.present(seconds):
                continue
            stance = actor.stance(seconds)
            solids = actor.body.solids(actor.moment(seconds))
            sprite = draw(solids, stance, self._camera, shift_px=shift_px, finer=self._finer)
            if sprite is not None:
                cast.append((actor, sprite))
        return sorted(cast, key=lambda pair: -pair[0].stance(seconds).z_m)

    def _empty(self, shift_px: tuple[float, float]) -> FloatArray:
        """The scene without actors, displaced by the shake."""
        margin = self._margin_px
        empty_HWC = backdrop(
            self.script.setting,
            self._camera,
            seed=self.script.scene_seed,
            margin_px=margin,
            finer=self._finer,
        )
        move = np.array([[1.0, 0.0, shift_px[0] - margin], [0.0, 1.0, shift_px[1] - margin]])
        return np.asarray(cv2.warpAffine(empty_HWC, move, self.script.size_px[::-1]), np.float32)

    def _light(self, actor: Actor, seconds: float) -> float:
        stance = actor.stance(seconds)
        place = (np.array([value], np.float32) for value in (stance.x_m, _CHEST_M, stance.z_m))
        return float(brightness(SETTINGS[self.script.setting].lamps, *place)[0])


def _paste(scene_HWC: FloatArray, sprite: Sprite, *, light: float) -> None:
    part_HWC = scene_HWC[sprite.window]
    part_HWC *= 1 - sprite.rgba_HWC[..., 3:].astype(np.float32) / 255
    part_HWC += sprite.rgba_HWC[..., :3] * np.float32(light)


def _box(sprite: Sprite, opaque_HW: BoolArray) -> Box:
    rows, columns = np.flatnonzero(opaque_HW.any(axis=1)), np.flatnonzero(opaque_HW.any(axis=0))
    left, top = sprite.left_px, sprite.top_px
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
