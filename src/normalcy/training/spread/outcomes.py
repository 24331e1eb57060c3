"""Results of an engine in the order of their items."""

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from normalcy.engines.contract import Outcome
from normalcy.errors import TrainingError

Result = TypeVar("Result")


def in_order(outcomes: Iterator[Outcome[Result]], *, what: str) -> Iterator[Result]:
    """The results, the first item's first; what comes before its turn waits in a file, not in memory.

    Args:
        outcomes: As they come.
        what: An item is, for errors.

    Raises:
        TrainingError: An item failed: nothing is made of what is left.
    """
    turn = 0
    with tempfile.TemporaryDirectory(prefix="normalcy-") as folder:
        waiting = _Waiting(Path(folder))
        for outcome in outcomes:
            if outcome.error is not None:
                raise TrainingError(f"{what} {outcome.place + 1} failed: {outcome.error}")
            waiting.put(outcome.place, outcome.result)
            while waiting.has(turn):
                yield waiting.take(turn)
                turn += 1


class _Waiting:
    """Results by place: the last one in memory, for it is mostly its turn, the others in files of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: tuple[int, Any] | None = None
        self._kept = set[int]()

    def put(self, place: int, result: Any) -> None:
        if self._last is not None:
            kept, waits = self._last
            (self._folder / str(kept)).write_bytes(pickle.dumps(waits))
            self._kept.add(kept)
        self._last = place, result

    def has(self, place: int) -> bool:
        return place in self._kept or (self._last is not None and self._last[0] == place)

    def take(self, place: int) -> Any:
        if self._last is not None and self._last[0] == place:
            (_, result), self._last = self._last, None
            return result
        self._kept.remove(place)
        path = self._folder / str(place)
        result = pickle.loads(path.read_bytes())
        path.unlink()
        return result
