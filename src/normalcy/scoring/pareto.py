"""The generalised Pareto tail: how excesses over a high threshold die away.

Survival of an excess y:  S(y) = (1 + shape * y / scale) ** (-1 / shape),  exp(-y / scale) where shape is 0.
A negative shape ends at -scale / shape; a positive one dies away slowly.

Sources: Pickands, Annals of Statistics 3 (1975); Coles, An Introduction to Statistical Modeling of Extreme
Values (2001), chapter 4; the prior on the shape: Martins & Stedinger, Water Resources Research 37 (2001) 2551.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

SHAPE_LIMIT = 0.5
"""Shapes stay inside (-0.5, 0.5): finite variance, and a likelihood that is regular."""

# Beta(9, 6) on shape + 0.5, the generalised likelihood of Martins & Stedinger: mean 0.1, sd 0.12. A few dozen
# peaks say little about the shape, and plain maximum likelihood errs towards tails that end too soon, which
# promises fewer false alarms than there will be.
_PRIOR_RISE, _PRIOR_FALL = 9.0, 6.0
_NEAR_ZERO = 1e-9


@dataclass(frozen=True)
class ParetoTail:
    """A fitted tail; `scale` is in score units and above 0."""

    shape: float
    scale: float

    def survival(self, excess: float) -> float:
        """Probability that an excess is larger than this one, which is at least 0."""
        if abs(self.shape) < _NEAR_ZERO:
            return math.exp(-excess / self.scale)
        reach = self.shape * excess / self.scale
        return math.exp(-math.log1p(reach) / self.shape) if reach > -1.0 else 0.0

    def excess(self, survival: float) -> float:
        """The excess with this survival, above 0 and at most 1: the inverse of `survival`."""
        if abs(self.shape) < _NEAR_ZERO:
            return -self.scale * math.log(survival)
        return self.scale * math.expm1(-self.shape * math.log(survival)) / self.shape

    def above(self, excess: float) -> "ParetoTail":
        """The tail of what lies beyond this excess: the same shape, another scale."""
        return ParetoTail(self.shape, self.scale + self.shape * excess)


def fit_pareto(excess_N: Float64Array) -> ParetoTail | None:
    """Fits a tail by penalised maximum likelihood; None where the excesses carry none (all 0, or no optimum)."""
    from scipy.optimize import minimize  # reading a fitted tail does without scipy

    mean = float(excess_N.mean())
    if not mean > 0.0:
        return None
    unit_N = excess_N / mean

    def loss(point: Float64Array) -> float:
        return _penalised_loss(unit_N, shape=float(point[0]), scale=math.exp(float(point[1])))

    best = minimize(
        loss,
        x0=np.array([0.05, 0.0]),
        method="Nelder-Mead",
        bounds=[(-SHAPE_LIMIT, SHAPE_LIMIT), (-5.0, 5.0)],
        tol=1e-7,
    )
    if not (best.success and math.isfinite(best.fun)):
        return None
    return ParetoTail(shape=float(best.x[0]), scale=mean * math.exp(float(best.x[1])))


def _penalised_loss(excess_N: Float64Array, *, shape: float, scale: float) -> float:
    """Negative log-likelihood less the log of the prior; infinite where the tail ends before the data."""
    place = shape + SHAPE_LIMIT
    reach_N = shape * excess_N / scale
    if not 0.0 < place < 1.0 or float(reach_N.min()) <= -1.0:
        return math.inf
    prior = (_PRIOR_RISE - 1.0) * math.log(place) + (_PRIOR_FALL - 1.0) * math.log1p(-place)
    if abs(shape) < _NEAR_ZERO:
        decay = float(excess_N.sum()) / scale
    else:
        decay = (1.0 + 1.0 / shape) * float(np.log1p(reach_N).sum())
    return len(excess_N) * math.log(scale) + decay - prior
