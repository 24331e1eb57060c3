"""What one camera keeps between its frames.

Letters: T frames, R rows and C columns of cells, H and W height and width.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.contract import ClipScores, FrameStamp, Look
from normalcy.methods.scene_memory.motion import steadied
from normalcy.methods.scene_memory.scenes import FOREGROUND, Background, foreground_cells
from normalcy.methods.scene_memory.smoothing import Smoother
from normalcy.methods.scene_memory.streams.appearance import Appearance, Neighbour
from normalcy.methods.scene_memory.view import View

if TYPE_CHECKING:
    from normalcy.methods.scene_memory.memory import Memory

FloatArray = npt.NDArray[np.float32]


@dataclass
class _Verdict:
    score: float
    map_RC: FloatArray
    parts: dict[str, float]


@dataclass
class Camera:
    """State of one camera: its scene, its background, and what each stream keeps.

    Attributes:
        memory: What it is judged by; many cameras share it.
        source: Which video, for the record of what is remembered.
        trusts_first: Whether what the first frame shows has been there for long, such as a parked car.
    """

    memory: "Memory"
    source: str = ""
    trusts_first: bool = True
    _background: Background | None = None
    _states: dict[str, Any] = field(default_factory=dict)
    _smoothers: dict[str, Smoother] = field(default_factory=dict)
    _seen: FrameStamp | None = None
    _last: _Verdict | None = None

    def scores(self, stamps: tuple[FrameStamp, ...], look: Look) -> ClipScores:
        """Scores of a clip's scored frames; those that were scored before keep their score.

        No stream says much of a camera's first frames: they take the score of the last of their clip.
        """
        verdicts: list[_Verdict | None] = []
        for view in self._views(stamps, look):
            if view is not None:
                maps = self._maps(view)
                if self._last or view.is_last:
                    self._last = self._judge(maps, view.seconds)
            verdicts.append(self._last)
        assert self._last is not None
        return self._clip_scores([verdict or self._last for verdict in verdicts])

    def _clip_scores(self, verdicts: Sequence[_Verdict]) -> ClipScores:
        height, width = self.memory.config.size_px
        maps = [cv2.resize(each.map_RC, (width, height), interpolation=cv2.INTER_LINEAR) for each in verdicts]
        parts = {
            name: np.array([each.parts[name] for each in verdicts], np.float32) for name in verdicts[0].parts
        }
        return ClipScores(np.array([each.score for each in verdicts], np.float32), np.stack(maps), parts)

    def remember(
        self, stamps: tuple[FrameStamp, ...], look: Look, *, start_seconds: float = -math.inf
    ) -> None:
        """Takes a clip of normal footage into the memory.

        Args:
            stamps: Of the clip's frames.
            look: What was seen in it.
            start_seconds: Earlier frames are not remembered, but streams that take time to see have seen them.
        """
        for view in self._views(stamps, look):
            if view is not None:
                for name, stream in self.memory.watched():
                    take = stream.remember if view.where[2] >= start_seconds else stream.judge
                    take(view, self._states[name])

    def amend(
        self, stamps: tuple[FrameStamp, ...], look: Look, *, times_RC: FloatArray, start_seconds: float = 0.0
    ) -> None:
        """Takes a clip into a memory that is fitted, or out of it.

        Args:
            stamps: Of the clip's frames.
            look: What was seen in it.
            times_RC: As if each cell had been seen so many times; below 0 it is taken out.
            start_seconds: Earlier frames change nothing, but streams that take time to see have seen them.
        """
        for view in self._views(stamps, look):
            if view is not None:
                counted_RC = times_RC if view.where[2] >= start_seconds else np.zeros_like(times_RC)
                for name, stream in self.memory.watched():
                    stream.amend(view, self._states[name], counted_RC)

    def with_own_memory(self) -> "Camera":
        """A camera of the same source that can be taught without the others, with which it shares its memory now."""
        return Camera(self.memory.copy(), self.source, self.trusts_first)

    def anew(self) -> "Camera":
        """A camera of the same source that has seen nothing yet, on the same memory."""
        return Camera(self.memory, self.source, self.trusts_first)

    def beside(self, source: str) -> "Camera":
        """A camera of other footage on the same memory."""
        return Camera(self.memory, source, trusts_first=False)

    def teach(
        self,
        stamps: tuple[FrameStamp, ...],
        look: Look,
        *,
        box: tuple[float, float, float, float] | None,
        times: float,
        start_seconds: float = 0.0,
    ) -> None:
        """Takes a clip for normal, in a box of the picture or all of it, as if it had been seen so many times."""
        config = self.memory.config
        inside_RC = np.ones(config.grid_RC, np.bool_) if box is None else config.cells_within(box)
        times_RC = np.where(inside_RC, np.float32(times), np.float32(0))
        self.amend(stamps, look, times_RC=times_RC, start_seconds=start_seconds)

    def settle(self) -> None:
        """After all that was to be taught."""
        self.memory.settle()

    def nearest(self, stamps: tuple[FrameStamp, ...], look: Look, *, count: int) -> list[Neighbour]:
        """What the strangest places of a clip's last frame look most like, where looks are watched."""
        appearance = self.memory.streams.get("appearance")
        found: list[Neighbour] = []
        for view in self._views(stamps, look):
            if view is not None and isinstance(appearance, Appearance):
                found = appearance.nearest(view, count=count)
        return found

    def _views(self, stamps: tuple[FrameStamp, ...], look: Look) -> Iterator[View | None]:
        """Views of the scored frames, None where one was seen already."""
        for t, place in enumerate(self.memory.clip.scored):
            stamp, before = stamps[place], stamps[place - 1]
            if self._seen and stamp.index <= self._seen.index:
                yield None
                continue
            usual = self.memory.config.spacing_seconds
            apart, since = (_elapsed(other, stamp, usual=usual) for other in (before, self._seen or before))
            self._seen = stamp
            if since > _GAP_SECONDS:
                # Of what was, nothing is known any more: the next frames are a camera's first.
                self._background, self._last, since = None, None, min(apart, usual)
            yield self._view(stamp, look, t, apart=apart, seconds=since, last=place == len(stamps) - 1)

    def _view(
        self, stamp: FrameStamp, look: Look, t: int, *, apart: float, seconds: float, last: bool
    ) -> View:
        """What streams get to see: `apart` lie between the two frames of the flow, `seconds` since the last view."""
        thumb_HW3 = look["thumb_THW3"][t]
        if self._background is None or self._background.has_left(thumb_HW3, seconds=seconds):
            scene = self.memory.scenes.nearest(thumb_HW3)
            self._background = Background(self.memory.scenes, scene, trusts_first=self.trusts_first)
            self._states = {name: stream.begin() for name, stream in self.memory.watched()}
            self._smoothers = {name: stream.smoother() for name, stream in self.memory.watched()}
        compared = self._background.compare(thumb_HW3, seconds=seconds)
        flow_hw2 = steadied(look["flow_Thw2"][t], compared.strange_HW < FOREGROUND)
        movement = self.memory.motion.movement(flow_hw2, apart)
        return View(
            scene=self._background.scene,
            seconds=seconds,
            velocity_RC2=movement.velocity_RC2,
            thumb_HW3=compared.image_HW3,
            strange_HW=compared.strange_HW,
            new_HW=compared.new_HW,
            foreground_RC=foreground_cells(compared.strange_HW, self.memory.config.grid_RC),
            residual_RC2=look["residual_TRC2"][t] if "residual_TRC2" in look else None,
            deviation_HW=self._background.deviation_HW,
            look_RCF=look.get("look_RCF") if last else None,
            boxes_N4=look.get("boxes_N4") if last else None,
            is_last=last,
            where=(self.source, stamp.index, stamp.pts_seconds),
        )

    def _maps(self, view: View) -> dict[str, FloatArray]:
        return {name: stream.judge(view, self._states[name]) for name, stream in self.memory.watched()}

    def _judge(self, maps: dict[str, FloatArray], seconds: float) -> _Verdict:
        parts = {name: self._smoothers[name](float(map_RC.max()), seconds) for name, map_RC in maps.items()}
        return _Verdict(*self.memory.fuse(parts, maps), parts)


_LEAST_SECONDS = 0.02
_GAP_SECONDS = 10.0  # after such a gap, watching begins anew


def _elapsed(before: FrameStamp, after: FrameStamp, *, usual: float) -> float:
    """Seconds between two frames, the usual ones where a camera's clock stood still or jumped back."""
    elapsed = after.pts_seconds - before.pts_seconds
    return elapsed if elapsed > 0 else max(usual, _LEAST_SECONDS)
