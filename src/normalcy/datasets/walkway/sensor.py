"""What the camera adds to the scene: a slow drift of the light, a slight shake, and noise.

Each is a function of time and seed alone, so that any frame can be drawn without the ones before it.

Letters: H height, W width, C channels (RGB).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

SHAKE_PX_PER_HEIGHT = 0.2 / 64
LIGHT_DRIFT = 0.05
TINT_DRIFT = 0.008
# Noise in grey levels: of the circuits, and of the light itself, which grows with brightness.
READ_NOISE, LIGHT_NOISE = 1.6, 0.006
_SHAKE_HZ, _LIGHT_HZ = (0.31, 0.83, 1.9), (0.021, 0.047, 0.11)
_WAVE_STREAM, _NOISE_STREAM = 1, 2


@dataclass(frozen=True)
class Sensor:
    """A camera's own disturbances in one video.

    Attributes:
        seed: Of this video.
        phases: Of the waves that shake and drift are made of.
        noise: Whether there is noise.
    """

    seed: tuple[int, ...]
    phases: tuple[float, ...]
    noise: bool = True

    def shake_px(self, seconds: float, height_px: int) -> tuple[float, float]:
        """How far the picture is displaced to the right and downward."""
        reach = SHAKE_PX_PER_HEIGHT * height_px
        return reach * _wave(seconds, _SHAKE_HZ, self.phases[:3]), reach * _wave(
            seconds, _SHAKE_HZ, self.phases[3:6]
        )

    def gain(self, seconds: float) -> FloatArray:
        """Brightness of red, green and blue."""
        light = 1 + LIGHT_DRIFT * _wave(seconds, _LIGHT_HZ, self.phases[6:9])
        warmth = TINT_DRIFT * _wave(seconds, _LIGHT_HZ, self.phases[9:12])
        return np.array([light * (1 + warmth), light, light * (1 - warmth)], np.float32)

    def expose(self, scene_HWC: FloatArray, *, index: int, seconds: float) -> UInt8Array:
        """The picture that the camera gives of a scene; may overwrite the scene."""
        scene_HWC *= self.gain(seconds)
        if self.noise:
            rng = np.random.default_rng((*self.seed, _NOISE_STREAM, index))
            noise_HWC = rng.standard_normal(scene_HWC.shape, np.float32)
            noise_HWC *= READ_NOISE + LIGHT_NOISE * scene_HWC
            scene_HWC += noise_HWC
        return np.clip(np.rint(scene_HWC), 0, 255).astype(np.uint8)


def sensor(seed: tuple[int, ...], *, noise: bool = True) -> Sensor:
    """The disturbances of a video."""
    rng = np.random.default_rng((*seed, _WAVE_STREAM))
    return Sensor(seed, tuple(rng.uniform(0, math.tau, 12).tolist()), noise)


def _wave(seconds: float, hertz: tuple[float, ...], phases: tuple[float, ...]) -> float:
    """A sum of sines between -1 and 1."""
    return sum(math.sin(math.tau * f * seconds + p) for f, p in zip(hertz, phases, strict=True)) / len(hertz)
