"""Views of a camera that change, and such that only look like it: made of the generated walkway scenes."""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from normalcy.datasets.walkway.render import render_frames
from normalcy.datasets.walkway.script import make_script

SIZE_PX = (96, 144)
FPS = 10.0

Image = np.ndarray
Change = Callable[[Image, float], Image]
"""A picture (uint8 RGB) and the seconds since the change began, into the picture that the camera gives."""


def walkway(
    setting: str = "corridor", *, seconds: float = 12.0, seed: int = 3, **words: object
) -> list[Image]:
    """Pictures of people who walk, uint8 RGB (H, W, C) at FPS."""
    script = make_script(setting, seed=seed, seconds=seconds, fps=FPS, size_px=SIZE_PX, **words)
    return [frame.image_HWC for frame in render_frames(script)]


def again(images: list[Image], seconds: float) -> Iterator[Image]:
    """The same to and fro, so that nothing jumps, for as long as asked."""
    there_and_back = [*images, *images[-2:0:-1]]
    for number in range(round(seconds * FPS)):
        yield there_and_back[number % len(there_and_back)]


def changing(images: Iterable[Image], change: Change, *, at: float, until: float = np.inf) -> Iterator[Image]:
    """Pictures with a change that begins at some time and ends at another, in seconds."""
    for number, image in enumerate(images):
        seconds = number / FPS
        yield change(image, seconds - at) if at <= seconds < until else image


# --- the view is another one


def lights_out(image: Image, _: float) -> Image:
    """What little is left, and the noise of a sensor that sees nothing."""
    return noisy(image * 0.03, 2)


def infrared(image: Image, _: float) -> Image:
    """No colours, materials of another brightness, and a lamp beside the lens: bright in the middle."""
    height, width = image.shape[:2]
    y_HW, x_HW = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    grey_HW = image.astype(np.float32) @ np.array([1.3, -0.6, 0.3], np.float32)
    lamp_HW = np.exp(-(x_HW**2 + y_HW**2) / 0.7) * 1.6
    return noisy(np.repeat(((40 + grey_HW) * lamp_HW)[..., None], 3, axis=2), 4)


def turned(image: Image, _: float) -> Image:
    """What was on the right is on the left, and the rest was not in the picture."""
    height, width = image.shape[:2]
    moved = cv2.resize(np.roll(image, -round(0.55 * width), axis=1)[:, ::-1], (width, round(1.5 * height)))
    return np.ascontiguousarray(moved[-height:])


def covered(image: Image, _: float) -> Image:
    """A cloth over the lens lets a little light through."""
    height, width = image.shape[:2]
    cloth = cv2.resize(cv2.resize(image, (1, 4), interpolation=cv2.INTER_AREA), (width, height))
    return noisy(60 + 0.1 * cloth, 2)


# --- the view is what it was


def lamp(image: Image, seconds: float) -> Image:
    """A lamp at the side that takes a moment to come up."""
    width = image.shape[1]
    light_W = 1 + 0.9 * min(1.0, seconds / 0.3) * np.exp(-np.linspace(0, 3, width))
    return shown(image * light_W[None, :, None])


def person(image: Image, seconds: float) -> Image:
    """Somebody crosses right before the camera, in a second and a half."""
    return crossed(image, seconds / 1.5, width=0.4, tint=(40, 45, 90))


def cart(image: Image, seconds: float) -> Image:
    """Something twice as wide, and slower."""
    return crossed(image, seconds / 3, width=0.6, tint=(190, 180, 60))


def crossed(image: Image, part: float, *, width: float, tint: tuple[int, int, int]) -> Image:
    """A box with a pattern of its own that is as high as the picture, `part` of the way from left to right."""
    if part > 1:
        return image
    full = image.shape[1]
    left, right = (round(full * (part * (1 + width) - width + edge)) for edge in (0, width))
    drawn = image.copy()
    stripes = np.array(tint) + 25 * np.sin(np.arange(image.shape[0]) / 4)[:, None]
    drawn[6:, max(0, left) : max(0, right)] = shown(stripes)[6:, None]
    return drawn


def dusk(image: Image, seconds: float) -> Image:
    """Ten minutes until a tenth of the light is left."""
    return noisy(image * 0.1 ** min(1.0, seconds / 600), 1)


def shown(image: Image) -> Image:
    return np.clip(image, 0, 255).astype(np.uint8)


def noisy(image: Image, spread: float) -> Image:
    rng = np.random.default_rng(int(image.sum()) % 2**32)
    return shown(image + rng.normal(0, spread, image.shape))
