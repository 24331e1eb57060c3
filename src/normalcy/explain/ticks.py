"""Round steps for an axis."""

import math


def tick_step(span: float, *, at_most: int) -> float:
    """The smallest of 1, 2, 5, 10, ... that cuts a span into no more than `at_most` pieces.

    >>> tick_step(20.0, at_most=8)
    5.0
    """
    power = 10.0 ** math.floor(math.log10(span / at_most))
    return next(power * step for step in (1, 2, 5, 10, 20) if span / (power * step) <= at_most)
