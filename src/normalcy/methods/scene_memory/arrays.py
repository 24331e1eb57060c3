"""Named arrays of what a memory holds, in holders within holders: what a bundle keeps. NumPy alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError

Array = npt.NDArray[Any]


class Arrays:
    """Holds arrays, and other holders of them.

    Its arrays are those public attributes that are arrays; the holders within it are public attributes too, or values
    of one that is a dictionary. Names are joined by dots: `streams.speed.usual.usual_SR`.

    Attributes:
        grows: Whether the shapes of its own arrays depend on what was remembered.
    """

    grows: ClassVar[bool] = False

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, as they are held: no copies."""
        return {
            prefix + name: array
            for prefix, holder in self._holders()
            for name, array in holder._own().items()
        }

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Takes copies of all arrays from elsewhere.

        Raises:
            BundleError: Names or shapes are others.
        """
        if wrong := misfits(self.arrays(), arrays):
            raise BundleError(f"{len(wrong)} arrays do not fit: {'; '.join(wrong[:3])}")
        for prefix, holder in self._holders():
            for name, array in holder._own().items():
                setattr(holder, name, np.array(arrays[prefix + name], array.dtype, order="C"))
            holder.loaded()

    def loaded(self) -> None:
        """After its arrays came from elsewhere: what was made of others is to be forgotten."""

    def make_room(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Prepares for arrays of these shapes, by name, where shapes depend on what was remembered."""
        for prefix, holder in self._holders():
            for name, array in holder._own().items() if holder.grows else ():
                shape = tuple(shapes.get(prefix + name, array.shape))
                if shape != array.shape:
                    setattr(holder, name, np.zeros(shape, array.dtype))

    def _own(self) -> dict[str, Array]:
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray) and not name.startswith("_")
        }

    def _holders(self, prefix: str = "") -> Iterator[tuple[str, "Arrays"]]:
        """This one and all within it, each with how its names begin."""
        yield prefix, self
        for name, value in vars(self).items():
            if not name.startswith("_"):
                within = value.items() if isinstance(value, dict) else [("", value)]
                for key, each in within:
                    if isinstance(each, Arrays):
                        yield from each._holders(f"{prefix}{name}.{key}." if key else f"{prefix}{name}.")


def within(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin so, by the rest of their names.

    >>> within("speed.", {"speed.a": np.zeros(1), "shape.a": np.ones(1)})
    {'a': array([0.])}
    """
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays under names that begin so."""
    return {prefix + name: array for name, array in arrays.items()}


def counted_together(count: Array, other: Array) -> Array:
    """Sums of two counts of single precision, in double: beyond 16.7 million, adding ones to one would be lost.

    Raises:
        BundleError: They are of other places, scenes or bins.
    """
    if count.shape != other.shape:
        raise BundleError(f"counts of {other.shape} do not add up with {count.shape}")
    return (count.astype(np.float64) + other).astype(count.dtype)


def misfits(expected: Mapping[str, Array], found: Mapping[str, Array]) -> list[str]:
    """What is wrong with the names and shapes of arrays, a line each."""
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is unknown" for name in found if name not in expected]
    return lines + [
        f"{name} is {tuple(array.shape)}, expected {expected[name].shape}"
        for name, array in found.items()
        if name in expected and tuple(array.shape) != expected[name].shape
    ]
