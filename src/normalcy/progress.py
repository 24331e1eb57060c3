"""How long steps tell how far they are."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is (0 where nobody knows)."""
