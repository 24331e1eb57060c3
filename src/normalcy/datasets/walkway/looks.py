"""Chance looks: builds, skins, hair and clothes of passers-by, and the paint of what they ride or carry."""

from typing import TypeVar

import numpy as np

from normalcy.datasets.walkway.person import Look
from normalcy.datasets.walkway.shapes import Color, shade

T = TypeVar("T")

SKINS: tuple[Color, ...] = ((240, 204, 178), (226, 178, 146), (198, 148, 112), (150, 104, 76), (108, 74, 56))
HAIRS: tuple[Color, ...] = ((34, 28, 26), (62, 42, 28), (104, 70, 40), (168, 130, 76), (142, 138, 134))
TOPS: tuple[Color, ...] = (
    (178, 58, 50),
    (58, 96, 148),
    (66, 124, 88),
    (216, 208, 192),
    (204, 156, 66),
    (92, 92, 100),
    (122, 76, 128),
    (54, 60, 74),
    (206, 122, 92),
    (112, 158, 176),
)
BOTTOMS: tuple[Color, ...] = (
    (54, 66, 102),
    (44, 44, 50),
    (96, 84, 70),
    (134, 122, 104),
    (74, 92, 118),
    (86, 50, 52),
)
SHOES: tuple[Color, ...] = ((40, 36, 36), (88, 58, 40), (220, 218, 212), (112, 40, 40))
PAINTS: tuple[Color, ...] = (
    (126, 56, 46),
    (52, 78, 118),
    (60, 98, 78),
    (196, 184, 152),
    (92, 74, 58),
    (70, 70, 78),
)


def chance_look(rng: np.random.Generator, *, active: bool = False) -> Look:
    """A passer-by; with `active` in trousers and without bags, as for sport."""
    garment = rng.choice(3, p=(0.66, 0.18, 0.16))
    carries = rng.choice(3, p=(0.62, 0.20, 0.18))
    return Look(
        height_m=float(rng.uniform(1.58, 1.88)),
        girth=float(rng.uniform(0.90, 1.18)),
        skin=pick(rng, SKINS),
        hair=pick(rng, HAIRS),
        top=chance_paint(rng, TOPS),
        bottom=chance_paint(rng, BOTTOMS),
        shoes=pick(rng, SHOES),
        bag=chance_paint(rng, PAINTS),
        long_sleeves=bool(rng.random() < 0.6),
        hair_style=(("short", "long", "hat")[rng.choice(3, p=(0.55, 0.30, 0.15))]),
        garment="trousers" if active else ("trousers", "coat", "skirt")[garment],
        carries="nothing" if active else ("nothing", "backpack", "handbag")[carries],
    )


def chance_paint(rng: np.random.Generator, palette: tuple[Color, ...] = PAINTS) -> Color:
    """A colour of a palette, somewhat lighter or darker."""
    return shade(pick(rng, palette), float(rng.uniform(0.85, 1.15)))


def pick(rng: np.random.Generator, choices: tuple[T, ...]) -> T:
    """One of some choices."""
    return choices[int(rng.integers(len(choices)))]
