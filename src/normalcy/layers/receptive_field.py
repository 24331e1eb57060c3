"""How many pixels in a row one unit of a stack of convolutions sees."""

from collections.abc import Sequence

Layer = tuple[int, int]  # (kernel, stride)


def receptive_field(stack: Sequence[Layer]) -> int:
    """Side of the square of pixels that one unit of the last layer depends on, far from the border.

    Args:
        stack: (kernel, stride) of every layer, the first layer first; padding does not matter.

    >>> receptive_field([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)])
    70
    """
    return receptive_fields(stack)[-1]


def receptive_fields(stack: Sequence[Layer]) -> tuple[int, ...]:
    """The same while walking back: one unit of the last layer, its side before that layer, and so on to the pixels.

    n units of a layer's output are (n - 1) * stride + kernel units of its input.

    >>> receptive_fields([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)])
    (1, 4, 7, 16, 34, 70)
    """
    sides = [1]
    for kernel, stride in reversed(stack):
        if kernel < 1 or stride < 1:
            raise ValueError(f"a layer of kernel {kernel} and stride {stride}: both must be 1 or more")
        # A stride above the kernel skips pixels; the square still spans them.
        sides.append((sides[-1] - 1) * stride + kernel)
    return tuple(sides)
