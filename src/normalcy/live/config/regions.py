"""Regions of a camera's picture."""

from typing import Literal

from pydantic import Field, field_validator

from normalcy.config import StrictConfig

Point = tuple[float, float]


class RegionConfig(StrictConfig):
    """A polygon in the picture.

    Attributes:
        name: What it is called in events.
        polygon: Corners as (x, y), each a part of the picture's width and height, 0 to 1.
        mode: `watch` alarms for what happens in it, by itself; `ignore` never does.
        false_alarms_per_day: Of this region alone; without, that of the camera.
        threshold: A fixed threshold on the smoothed score, in place of the rate; none without.
    """

    name: str = Field(min_length=1, max_length=60)
    polygon: tuple[Point, ...] = Field(min_length=3, max_length=64)
    mode: Literal["watch", "ignore"] = "watch"
    false_alarms_per_day: float | None = Field(None, gt=0, allow_inf_nan=False)
    threshold: float | None = Field(None, allow_inf_nan=False)

    @field_validator("polygon")
    @classmethod
    def _inside(cls, polygon: tuple[Point, ...]) -> tuple[Point, ...]:
        for x, y in polygon:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(f"the corner ({x:g}, {y:g}) is outside of the picture, which is 0 to 1")
        if abs(_area(polygon)) < 1e-6:
            raise ValueError("its corners enclose no area")
        return polygon


def _area(polygon: tuple[Point, ...]) -> float:
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs) / 2
