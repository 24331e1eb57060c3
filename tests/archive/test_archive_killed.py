"""A worker is killed on the first chunk of a video while the next chunk waits for it."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from archive_footage import CHUNK_SECONDS, of_video, require_same, scored_in_one_go, write_walk

from normalcy.archive import judging
from normalcy.archive.items import ChunkItem
from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive
from normalcy.engines.contract import Outcome
from normalcy.engines.local import LocalEngine

OPTIONS = ArchiveOptions(backend="torch", threads=1, chunk_seconds=CHUNK_SECONDS, wait_seconds=60)
_WAITS_SECONDS = 1.5
"""After so long chunk 1 has looked at its five seconds and waits."""


class KillingEngine(LocalEngine):
    """Two workers; the one that is given chunk 0 is held up, and killed when chunk 1 has waited for a while.

    Attributes:
        killed: Process id.
        tries: How often each chunk was begun, by number.
    """

    def __init__(self) -> None:
        super().__init__(2)
        self.killed: int | None = None
        self.tries: dict[int, int] = {}

    def run(self, job: Any, items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        if not isinstance(items[0], ChunkItem):
            yield from super().run(job, items)
            return
        (idle,) = self._crew.workers  # the one that has cut the video
        os.kill(idle.process.pid, signal.SIGSTOP)
        killer = threading.Thread(target=self._kill, args=(idle.process.pid,))
        killer.start()
        for outcome in super().run(job, items):
            self.tries[items[outcome.place].number] = outcome.tries
            yield outcome
        killer.join()

    def _kill(self, pid: int) -> None:
        end = time.monotonic() + 60
        while not self._is_on(1) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(_WAITS_SECONDS)
        assert self._is_on(0)
        assert self._is_on(1), "chunk 1 did not wait"
        self.killed = pid
        os.kill(pid, signal.SIGKILL)

    def _is_on(self, place: int) -> bool:
        return any(each.place == place and each.state.name == "WORKING" for each in self._crew.workers)


def test_a_worker_killed_on_the_first_chunk_costs_only_that_chunk(tiny_flow_run, tmp_path):
    video = write_walk(tmp_path / "in" / "walk.mp4", 22)
    engine, out = KillingEngine(), str(tmp_path / "out")
    result = score_archive(tiny_flow_run.bundle, [str(video)], out=out, engine=engine, options=OPTIONS)
    assert engine.killed is not None
    assert engine.tries == {0: 2, 1: 1, 2: 1, 3: 1}
    row = result.rows["walk.mp4"]
    assert (row["chunks"], row["notes"], row["error"]) == (4, "", None)
    tables = read_archive(out)
    expected = scored_in_one_go(tiny_flow_run.bundle, video)
    require_same(of_video(tables.scores, "walk.mp4"), of_video(tables.events, "walk.mp4"), expected)


class WithoutState:
    """A state before that comes only when it is waited for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def now(self, witness: str) -> None:
        pass

    def awaited(self, witness: str, *, looked: int) -> Any:
        self.asked.append(looked)
        raise judging.Broken("never")


def test_no_more_is_held_than_was_said():
    import numpy as np

    from normalcy.methods.contract import FrameStamp
    from normalcy.scoring.stamp_window import ClipStamps

    stamps = ClipStamps((FrameStamp(0, 0.0),), (FrameStamp(0, 0.0),))
    batch = [(stamps, {"look": np.zeros(10_000, np.uint8)})] * 8
    before = WithoutState()
    judge = judging.Judge(before, most_held_bytes=200_000)
    judge.take(batch, "")
    judge.take(batch, "")
    with pytest.raises(judging.Broken):
        judge.take(batch, "")
    assert before.asked == [24]
