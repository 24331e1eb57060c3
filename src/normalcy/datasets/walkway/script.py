"""What happens in a video: a script of actors, made by chance from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.datasets.walkway.actors import ANOMALY_KINDS, Actor, AnomalyKind
from normalcy.datasets.walkway.behaviours import BEHAVIOURS, Cue
from normalcy.datasets.walkway.camera import LANES_M, Camera
from normalcy.datasets.walkway.settings import SETTING_NAMES, SETTINGS, SettingName
from normalcy.datasets.walkway.traffic import traffic
from normalcy.errors import ConfigError

SMALLEST_PX, LARGEST_PX = 48, 2160
HIGHEST_FPS, SHORTEST_SECONDS = 240, 2
# Abnormal behaviour keeps to the middle lanes, where it is seen well.
STAGE_LANES_M = LANES_M[1:5]


@dataclass(frozen=True)
class VideoScript:
    """All that a video shows, from which each frame can be drawn on its own.

    Attributes:
        setting: Where it plays.
        size_px: (height, width).
        fps: Frames per second.
        frames: Number of frames.
        seed: Of noise, light and shake.
        scene_seed: Of the place's textures; videos of one camera share it.
        actors: Everybody and everything that comes by.
    """

    setting: SettingName
    size_px: tuple[int, int]
    fps: float
    frames: int
    seed: tuple[int, ...]
    scene_seed: int
    actors: tuple[Actor, ...]


def make_script(
    setting: SettingName,
    *,
    seed: int | Sequence[int],
    size_px: tuple[int, int] = (96, 144),
    fps: float = 10.0,
    seconds: float = 20.0,
    anomaly: AnomalyKind | Sequence[AnomalyKind] | None = None,
    scene_seed: int = 0,
) -> VideoScript:
    """Makes up a video of ordinary walkers and, one after another, the anomalies asked for.

    Args:
        setting: `wall`, `corridor` (one-way) or `crowd`.
        seed: The same seed makes the same script.
        size_px: (height, width); speeds in pixels scale with the height.
        fps: Frames per second; speeds in pixels a frame scale with 10 / fps.
        seconds: Length; at least 2.
        anomaly: Kind or kinds, in order of appearance. The first quarter or so of the video is always normal.
        scene_seed: Seed of the place's textures.

    Raises:
        ConfigError: A value out of range, or `against_flow` outside the one-way corridor.
    """
    kinds = (anomaly,) if isinstance(anomaly, str) else tuple(anomaly or ())
    check_options(size_px=size_px, fps=fps, seconds=seconds)
    _check_kinds(setting, kinds)
    entropy = (seed,) if isinstance(seed, int) else tuple(seed)
    rng = np.random.default_rng(entropy)
    camera = Camera(size_px)
    cast: list[Actor] = []
    for kind, (on_seconds, off_seconds) in zip(kinds, _slots(rng, seconds, len(kinds)), strict=True):
        direction = 1 if SETTINGS[setting].one_way else int(rng.choice((-1, 1)))
        depth_m = float(rng.choice(STAGE_LANES_M))
        cue = Cue(camera, rng, on_seconds, off_seconds, depth_m, direction, len(cast) + 1)
        cast += BEHAVIOURS[kind](cue)
    cast += traffic(SETTINGS[setting], camera, rng, seconds=seconds, cast=cast)
    return VideoScript(setting, size_px, fps, round(seconds * fps), entropy, scene_seed, tuple(cast))


def check_options(*, size_px: tuple[int, int], fps: float, seconds: float) -> None:
    """Raises ConfigError for a size, rate or length out of range."""
    if not all(SMALLEST_PX <= side <= LARGEST_PX for side in size_px):
        hint = f"Height and width go from {SMALLEST_PX} to {LARGEST_PX} pixels"
        raise ConfigError(f"size {size_px[0]}x{size_px[1]} is out of range", where="walkway", hint=hint)
    if not 1 <= fps <= HIGHEST_FPS:
        hint = f"Choose 1 to {HIGHEST_FPS}"
        raise ConfigError(f"fps {fps:g} is out of range", where="walkway", hint=hint)
    if seconds < SHORTEST_SECONDS:
        hint = f"Choose {SHORTEST_SECONDS} or more"
        raise ConfigError(f"{seconds:g} s is too short for a video", where="walkway", hint=hint)


def _check_kinds(setting: str, kinds: tuple[AnomalyKind, ...]) -> None:
    if setting not in SETTINGS:
        hint = f"Choose one of {', '.join(SETTING_NAMES)}"
        raise ConfigError(f"setting {setting!r} is unknown", where="walkway", hint=hint)
    for kind in kinds:
        if kind not in BEHAVIOURS:
            hint = f"Choose among {', '.join(ANOMALY_KINDS)}"
            raise ConfigError(f"anomaly {kind!r} is unknown", where="walkway", hint=hint)
        if kind == "against_flow" and not SETTINGS[setting].one_way:
            hint = "Choose the setting 'corridor'"
            raise ConfigError(
                f"setting {setting!r} has no one-way flow to walk against", where="walkway", hint=hint
            )


def _slots(rng: np.random.Generator, seconds: float, count: int) -> list[tuple[float, float]]:
    """From when to when each anomaly lasts: after a normal start, with normal time between and behind."""
    first, last = 0.22 * seconds, 0.92 * seconds
    share = (last - first) / max(count, 1)
    starts = [first + share * (number + float(rng.uniform(0, 0.2))) for number in range(count)]
    return [(start, start + share * float(rng.uniform(0.5, 0.65))) for start in starts]
