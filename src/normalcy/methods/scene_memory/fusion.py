"""From what each stream says to one score: how surprising it is for held-out normal video.

1. The logarithm of each stream's value, in deviations of held-out normal video.
2. Streams that are two witnesses of the same thing are one: their deviations are added, over the root of their number
   (Samuel Stouffer et al., "The American Soldier", volume 1, 1949).
3. The surprise of each: the negative logarithm of the chance of a higher value, of a logistic distribution, as far as
   there is evidence for it.
4. The cube root of the sum of their cubes. Each is reason enough alone, and those that have nothing to say hardly
   count: in a plain sum, their ordinary ups and downs would hide the one that has.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Arrays

FloatArray = npt.NDArray[np.float32]
NameT = TypeVar("NameT", bound=str)

WITNESSES = (("speed", "appearance"), ("dwell", "stillness"))
"""How fast it goes and what it looks like; that something stays, and that it does not move."""

_LEAST = 0.3  # of the usual: less is as good as nothing
_LEAST_OBSERVED_SPREAD = 1e-3
_LEAST_SPREAD = 0.05  # of the logarithm: a stream that said nothing on held-out video has none of its own
_LOGISTIC = math.pi / math.sqrt(3)  # from deviations to the scale of the logistic distribution
_UNSURPRISING = np.float32(
    -20
)  # below, the cube of the surprise would leave the range that processors are fast in
_POWER = 3
_NO_LIMIT = 1e9  # seconds: before any held-out video was seen


class Terms(Arrays):
    """What the logarithm of each of P terms is on held-out normal video.

    Args:
        names: In an order that never changes: statistics are kept in it.
    """

    centre_P: FloatArray
    spread_P: FloatArray

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self.centre_P = np.zeros(len(self._places), np.float32)
        self.spread_P = np.ones(len(self._places), np.float32)

    def observe(self, parts: Mapping[str, npt.NDArray[np.floating]]) -> None:
        """Takes mean and deviation of the terms given, each above 0."""
        for name, values in parts.items():
            place, log = self._places[name], np.log(values)
            self.centre_P[place] = float(log.mean())
            # A term that never changes says nothing; this keeps its deviations finite.
            self.spread_P[place] = max(float(log.std()), _LEAST_OBSERVED_SPREAD)

    def scale(self, name: str) -> tuple[float, float]:
        """Mean and deviation of a term."""
        place = self._places[name]
        return float(self.centre_P[place]), float(self.spread_P[place])


class StreamFusion(Arrays):
    """Fuses the values of streams.

    Args:
        renews_seconds: By stream, the time after which it tells of something else.
    """

    held_out_seconds: FloatArray

    def __init__(self, renews_seconds: Mapping[str, float]) -> None:
        self.renews_seconds = dict(renews_seconds)
        self.terms = Terms(renews_seconds)
        self.held_out_seconds = np.array(_NO_LIMIT, np.float32)

    def observe(self, parts: Mapping[str, npt.NDArray[np.floating]], *, seconds: float) -> None:
        """Takes mean and deviation of each stream on so many seconds of held-out normal video."""
        self.terms.observe({name: np.maximum(part, _LEAST) for name, part in parts.items()})
        self.held_out_seconds[...] = seconds

    def deviation(self, stream: str, value: npt.ArrayLike) -> FloatArray:
        """The logarithm of a value of a stream, in deviations of held-out normal video from its mean."""
        centre, spread = self.terms.scale(stream)
        away = np.log(np.maximum(np.asarray(value, np.float32), np.float32(_LEAST))) - np.float32(centre)
        return np.asarray(away / np.float32(max(spread, _LEAST_SPREAD)), np.float32)

    def fused(self, deviations: Mapping[NameT, FloatArray]) -> FloatArray:
        """The score of all streams that deviations are given of; arrays of any shape."""
        cubes = [self._surprise(group, deviations) ** _POWER for group in _groups(deviations)]
        return np.asarray(np.sum(cubes, axis=0) ** np.float32(1 / _POWER), np.float32)

    def _surprise(self, group: tuple[NameT, ...], deviations: Mapping[NameT, FloatArray]) -> FloatArray:
        """How surprising what witnesses of the same thing say is.

        Held-out video that holds so many pieces of evidence cannot tell how rare something is beyond one in as many;
        from there on, surprise grows as its own logarithm alone.
        """
        joint = np.sum([deviations[name] for name in group], axis=0) * np.float32(
            _LOGISTIC / math.sqrt(len(group))
        )
        surprise = np.logaddexp(np.float32(0), np.maximum(joint, _UNSURPRISING))
        renews_seconds = max(self.renews_seconds[name] for name in group)
        known = np.float32(math.log1p(float(self.held_out_seconds) / renews_seconds))
        return np.asarray(np.minimum(surprise, known) + np.log1p(np.maximum(surprise - known, 0)), np.float32)


def _groups(streams: Mapping[NameT, FloatArray]) -> list[tuple[NameT, ...]]:
    """The streams, witnesses of the same thing together, in a fixed order."""
    together = [tuple(name for name in streams if name in pair) for pair in WITNESSES]
    paired = {name for pair in WITNESSES for name in pair}
    return [group for group in together if group] + [(name,) for name in streams if name not in paired]
