"""Judges what a chunk shows, as it goes where the state of the chunk before is there already.

    looks -> held -> until the state is there, or too much is held and it is waited for -> judged one after the other

Letters: T frames of a clip, H height, W width.
"""

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from normalcy.archive import places
from normalcy.archive.cutting import ChunkPlan
from normalcy.archive.handover import Handover
from normalcy.archive.items import ChunkItem
from normalcy.archive.store import Store
from normalcy.scoring.model import Found
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.stamp_window import ClipStamps
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip, ClipScores, Event, FrameScore

if TYPE_CHECKING:
    from normalcy.methods.base import Camera

MOST_HELD_BYTES = 512 * 1024**2
"""Of what a worker found and cannot judge yet."""
_STAMP_BYTES = 128
_ASK_SECONDS = 1.0
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.02, 1.0
_LOOKS_WAITED = 5.0
_NO_CLIP = np.zeros((0, 0, 0, 0), np.uint8)


class Broken(Exception):
    """The video cannot be scored in chunks."""


def require_unbroken(item: ChunkItem, store: Store) -> None:
    """Raises Broken where another chunk found that the video cannot be scored in chunks."""
    if found := store.get(places.broken(item.video)):
        raise Broken(json.loads(found)["why"])


class StateBefore:
    """The state that the chunk before leaves; a new one for the first chunk.

    Args:
        plan: Of this chunk.
        item: This chunk.
        store: Where states lie.
        track, camera: New ones of the video.
        wait_seconds: How long the chunk before may take at least; five times as long as this one has looked where
            that is more, and as long again as chunks before are done meanwhile.

    Attributes:
        waited_seconds: How long nothing was done but wait.
    """

    def __init__(
        self,
        plan: ChunkPlan,
        item: ChunkItem,
        store: Store,
        *,
        track: ScoreTrack,
        camera: "Camera | None",
        wait_seconds: float,
    ) -> None:
        self._plan, self._item, self._store = plan, item, store
        self._track, self._camera, self._least_seconds = track, camera, wait_seconds
        self._started = time.monotonic()
        self._asked = -_ASK_SECONDS
        self.waited_seconds = 0.0

    def now(self, witness: str) -> Handover | None:
        """It, where it is there by now; asked for once a second, for each time costs a question to the store.

        Raises:
            Broken: This chunk's first frames are others than those that the chunk before decoded.
            NotHandedOver: It is none.
        """
        if self._plan.from_start:
            return Handover(self._track, self._camera, "")
        if time.monotonic() < self._asked + _ASK_SECONDS:
            return None
        self._asked = time.monotonic()
        data = self._store.get(self._path)
        return None if data is None else self._opened(data, witness)

    def awaited(self, witness: str, *, looked: int) -> Handover:
        """It, once it is there; this chunk has looked at so many of its clips by now.

        Raises:
            Broken: As `now`; or it did not come, or need not, for the video is broken.
            NotHandedOver: It is none.
        """
        if self._plan.from_start:
            return Handover(self._track, self._camera, "")
        began = time.monotonic()
        try:
            return self._opened(self._data(self._patience(looked)), witness)
        finally:
            self.waited_seconds += time.monotonic() - began

    @property
    def _path(self) -> str:
        return places.state(self._item.video, self._item.number - 1)

    def _patience(self, looked: int) -> float:
        """How long to wait at least: a machine that is slow here is slow for the chunk before too."""
        look_seconds = (time.monotonic() - self._started) * len(self._plan.due_K) / max(1, looked)
        return max(self._least_seconds, _LOOKS_WAITED * look_seconds)

    def _data(self, patience: float) -> bytes:
        """What the chunk before wrote, once it has."""
        pause, end = _POLL_SECONDS, time.monotonic() + patience
        states = self._states()
        while (data := self._store.get(self._path)) is None:
            require_unbroken(self._item, self._store)
            if time.monotonic() > end:
                before, states, end = states, self._states(), time.monotonic() + patience
                if states <= before:
                    raise Broken(f"chunk {self._item.number} waited {patience:.3g} s for the one before")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
        return data

    def _states(self) -> int:
        """How many chunks of the video have left a state."""
        return sum("/state-" in path for path in self._store.paths(places.work(self._item.video)))

    def _opened(self, data: bytes, witness: str) -> Handover:
        found = Handover.from_bytes(data, track=self._track, camera=self._camera)
        if found.witness != witness:
            raise Broken(
                f"frame {self._plan.first} and those after it are decoded differently from a key frame on"
            )
        return found


class Judge:
    """Makes verdicts and events of what was found, and holds it until the state before is there.

    Args:
        before: Where the state comes from.
        most_held_bytes: When so much is held, nothing more is taken until the state is there.

    Attributes:
        verdicts, events: Of all clips that were judged.
    """

    def __init__(self, before: StateBefore, *, most_held_bytes: int = MOST_HELD_BYTES) -> None:
        self._before, self._most_held_bytes = before, most_held_bytes
        self._state: Handover | None = None
        self._held: list[tuple[ClipStamps, Found]] = []
        self._held_bytes = self._looked = 0
        self.verdicts: list[FrameScore] = []
        self.events: list[Event] = []

    def take(self, found: list[tuple[ClipStamps, Found]], witness: str) -> None:
        """The next clips; `witness` is the digest of the chunk's first frames.

        Raises:
            Broken: As `StateBefore.awaited`.
            NotHandedOver: Likewise.
        """
        self._held += found
        self._looked += len(found)
        self._held_bytes += sum(_bytes_of(stamps, each) for stamps, each in found)
        if self._state is None:
            self._state = self._before.now(witness)
        if self._state is None and self._held_bytes > self._most_held_bytes:
            self._state = self._before.awaited(witness, looked=self._looked)
        self._judge()

    def finish(self, witness: str, *, to_end: bool) -> Handover:
        """Judges what is held; the state after it all, and `to_end` the last event.

        Raises:
            Broken: As `StateBefore.awaited`.
            NotHandedOver: Likewise.
        """
        state = self._state or self._before.awaited(witness, looked=self._looked)
        self._state = state
        self._judge()
        if to_end:
            self.events += state.track.flush()
        return state

    def _judge(self) -> None:
        if self._state is None:
            return
        for stamps, found in self._held:
            clip = Clip(_NO_CLIP, stamps.stamps, stamps.due, "")
            scores = without_map(clip_scores(found, clip=clip, camera=self._state.camera))
            update = self._state.track.update(clip, scores)
            self.verdicts += update.frames
            self.events += update.events
        self._held, self._held_bytes = [], 0


def _bytes_of(stamps: ClipStamps, found: Found) -> int:
    """About how much memory it takes."""
    arrays = [found.score_T, *found.parts.values()] if isinstance(found, ClipScores) else found.values()
    held = len(stamps.stamps) + len(stamps.due)
    return _STAMP_BYTES * held + sum(int(array.nbytes) for array in arrays)


def without_map(scores: ClipScores) -> ClipScores:
    """No table holds maps, and a minute of them is large."""
    return replace(scores, map_THW=np.zeros((len(scores.score_T), 0, 0), np.float32))
