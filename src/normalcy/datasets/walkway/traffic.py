"""Ordinary walkers who come by all the time, alone or in company, and keep clear of each other.

Letters: N people, T moments on a clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.actors import Actor
from normalcy.datasets.walkway.behaviours import Cue, walker
from normalcy.datasets.walkway.camera import LANES_M, WALKING_MPS, Camera
from normalcy.datasets.walkway.settings import Setting

FloatArray = npt.NDArray[np.float64]

# Nearer than this across and in depth, two people would walk through each other.
CLEAR_M = (0.6, 0.3)
_TRIES = 15
_STEP_SECONDS = 0.1
_ABREAST_M = 0.5


@dataclass(frozen=True)
class _Scene:
    setting: Setting
    camera: Camera
    rng: np.random.Generator
    clock_T: FloatArray


def traffic(
    setting: Setting, camera: Camera, rng: np.random.Generator, *, seconds: float, cast: Sequence[Actor]
) -> list[Actor]:
    """Walkers at about even intervals, from so long before the start that the picture is never empty.

    Somebody for whom no way clear of the others is found stays at home.
    """
    scene = _Scene(setting, camera, rng, np.arange(0.0, seconds, _STEP_SECONDS))
    places = [_places(actor, scene.clock_T) for actor in cast]
    walkers: list[Actor] = []
    gap_seconds = (1 + setting.group_chance) / (setting.walkers_per_m * WALKING_MPS)
    entry_seconds = -2 * (camera.half_width_m(LANES_M[-1]) + 2) / WALKING_MPS
    while entry_seconds < seconds:
        for actor in _newcomers(scene, entry_seconds, places):
            walkers.append(replace(actor, track_id=len(cast) + len(walkers) + 1))
            places.append(_places(actor, scene.clock_T))
        entry_seconds += gap_seconds * float(rng.uniform(0.5, 1.5))
    return walkers


def _newcomers(scene: _Scene, entry_seconds: float, places: Sequence[FloatArray]) -> list[Actor]:
    company = scene.rng.random() < scene.setting.group_chance
    for _ in range(_TRIES):
        group = _group(scene, entry_seconds, company=company)
        if not any(_clash(_places(actor, scene.clock_T), places) for actor in group):
            return group
    return []


def _group(scene: _Scene, entry_seconds: float, *, company: bool) -> list[Actor]:
    rng = scene.rng
    direction = 1 if scene.setting.one_way else int(rng.choice((-1, 1)))
    depth_m = float(rng.choice(LANES_M)) + float(rng.uniform(-0.12, 0.12))
    cue = Cue(scene.camera, rng, entry_seconds, np.inf, depth_m, direction, 0)
    pace_mps, drift_m = cue.pace_mps(), float(rng.uniform(-0.25, 0.25))
    cues = [cue]
    if company:
        beside_m = depth_m + (_ABREAST_M if depth_m < np.mean(LANES_M) else -_ABREAST_M)
        later = entry_seconds + float(rng.uniform(-0.2, 0.2))
        cues.append(replace(cue, depth_m=beside_m, on_seconds=later))
    return [walker(each, pace_mps=pace_mps, drift_m=drift_m) for each in cues]


def _places(actor: Actor, clock_T: FloatArray) -> FloatArray:
    """X and Z at each moment, (T, 2); NaN while it is not on the scene."""
    nowhere = (np.nan, np.nan)
    at = actor.path.at
    rows = [at(seconds)[1:3] if actor.present(seconds) else nowhere for seconds in clock_T.tolist()]
    return np.array(rows)


def _clash(place_T2: FloatArray, others: Iterable[FloatArray]) -> bool:
    return any(bool((np.abs(place_T2 - other_T2) < CLEAR_M).all(axis=1).any()) for other_T2 in others)
