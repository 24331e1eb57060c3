"""Figures of several seeds below each other: a dot for each, a bar from the mean by one standard deviation."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from normalcy.explain.ticks import tick_step
from normalcy.report import svg

_ROW_PX, _TOP_PX, _LEFT_PX, _WIDTH_PX, _AXIS_PX = 26, 14, 290, 760, 40
_TICKS = 6
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.rule{stroke:#ddd}.seed{fill:#2563eb;opacity:.45}"
    ".mean{fill:#1e3a8a}.reach{stroke:#1e3a8a;stroke-width:2}.base{stroke:#b45309;stroke-dasharray:4 3}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.rule{stroke:#444}.seed{fill:#93c5fd}.mean{fill:#bfdbfe}"
    ".reach{stroke:#bfdbfe}}"
)


def dot_plot(rows: Mapping[str, Sequence[float]], *, axis: str, label: str, rule: float | None = None) -> str:
    """As SVG that stands alone.

    Args:
        rows: A figure for each seed, by name of the row.
        axis: What the figures are.
        label: The sentence that stands for the picture where it cannot be seen.
        rule: A dashed line at this value.
    """
    known = [value for own in rows.values() for value in own] + ([] if rule is None else [rule])
    low, high = _ends(known)
    bottom = _TOP_PX + _ROW_PX * len(rows)

    def x(value: float) -> float:
        return _LEFT_PX + (value - low) / (high - low) * (_WIDTH_PX - _LEFT_PX - 16)

    drawn = [svg.element("style", _STYLE), *_axis(axis, low, high, x=x, bottom=bottom)]
    if rule is not None:
        drawn.append(svg.path([(x(rule), _TOP_PX), (x(rule), bottom)], class_="base"))
    for number, (name, own) in enumerate(rows.items()):
        y = _TOP_PX + _ROW_PX * (number + 0.5)
        drawn.append(svg.text(name, x=_LEFT_PX - 10, y=y + 4, text_anchor="end"))
        drawn += _marks(own, x=x, y=y)
    height = bottom + _AXIS_PX
    return svg.picture(
        *drawn,
        label=label,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH_PX} {height}",
        width=_WIDTH_PX,
        height=height,
    )


def _axis(words: str, low: float, high: float, *, x: Callable[[float], float], bottom: float) -> list[str]:
    """Lines from top to bottom with their values, and what they are values of."""
    drawn, step = [], tick_step(high - low, at_most=_TICKS)
    digits = max(0, -math.floor(math.log10(step)))
    for place in range(math.ceil(low / step), math.floor(high / step) + 1):
        at = place * step
        drawn.append(svg.path([(x(at), _TOP_PX), (x(at), bottom)], class_="rule"))
        drawn.append(svg.text(f"{at:.{digits}f}", x=x(at), y=bottom + 16, text_anchor="middle"))
    return [*drawn, svg.text(words, x=x((low + high) / 2), y=bottom + 34, text_anchor="middle")]


def _marks(own: Sequence[float], *, x: Callable[[float], float], y: float) -> list[str]:
    marks = [svg.element("circle", cx=x(value), cy=y, r=4, class_="seed") for value in own]
    if own:
        mean = statistics.fmean(own)
        reach = statistics.stdev(own) if len(own) > 1 else 0.0
        marks.append(svg.path([(x(mean - reach), y), (x(mean + reach), y)], class_="reach"))
        marks.append(svg.element("circle", cx=x(mean), cy=y, r=5, class_="mean"))
    return marks


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis: a little beyond what is drawn."""
    if not values:
        return 0.0, 1.0
    reach = max(max(values) - min(values), 0.02)
    return min(values) - 0.15 * reach, max(values) + 0.15 * reach
