"""Augmented views of a video for training: what changes a picture changes what a frozen backbone sees in it.

A view is one draw of flip, crop, light and blur for a whole video, so that its frames still follow each other. What a
view looks like depends on the video's content and the view's number alone: view 0 is the video as it is.

Letters: T frames, H height, W width.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]

_LEAST_SIDE = 0.75  # of the picture that a crop keeps
_MOST_LIGHT = 0.35  # of the range of a gain around 1
_BLURRED = 0.4  # of the views
_LEAST_BLUR_PX, _MOST_BLUR_PX = 0.6, 1.8


@dataclass(frozen=True)
class View:
    """One draw.

    Attributes:
        flipped: Left for right.
        side: Part of the height and width that is kept.
        top, left: Where, 0 to 1 of what is left over.
        gain: Of the light.
        blur_px: Standard deviation; 0 for none.
    """

    flipped: bool = False
    side: float = 1.0
    top: float = 0.0
    left: float = 0.0
    gain: float = 1.0
    blur_px: float = 0.0

    def of(self, image_HW3: UInt8Array) -> UInt8Array:
        """The picture as this view shows it, of the same size."""
        height, width = image_HW3.shape[:2]
        if self.side < 1:
            tall, wide = round(self.side * height), round(self.side * width)
            top, left = round(self.top * (height - tall)), round(self.left * (width - wide))
            kept = image_HW3[top : top + tall, left : left + wide]
            image_HW3 = np.asarray(
                cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
            )
        if self.flipped:
            image_HW3 = image_HW3[:, ::-1]
        if self.gain != 1:
            image_HW3 = np.asarray(
                cv2.convertScaleAbs(np.ascontiguousarray(image_HW3), alpha=self.gain), np.uint8
            )
        if self.blur_px:
            image_HW3 = np.asarray(cv2.GaussianBlur(image_HW3, (0, 0), self.blur_px), np.uint8)
        return np.ascontiguousarray(image_HW3)


def view_of(content: str, number: int) -> View:
    """View `number` of the video with this content hash.

    >>> view_of("ab12", 0) == View()
    True
    """
    if number == 0:
        return View()
    random = np.random.default_rng([number, *content.encode()])
    return View(
        flipped=bool(number % 2),
        side=float(random.uniform(_LEAST_SIDE, 1)),
        top=float(random.uniform()),
        left=float(random.uniform()),
        gain=float(random.uniform(1 - _MOST_LIGHT, 1 + _MOST_LIGHT)),
        blur_px=float(random.uniform(_LEAST_BLUR_PX, _MOST_BLUR_PX)) if random.uniform() < _BLURRED else 0.0,
    )
