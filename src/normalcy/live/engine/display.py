"""What the engine writes into a camera's shared memory for the dashboard: score, alarm, heat map, latency, drops."""

import math
from collections.abc import Sequence

import numpy as np

from normalcy.explain.heatmap import resize_map
from normalcy.live.engine.scene import LevelShift, SceneState
from normalcy.live.engine.scorer import RegionVerdict
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS, Drop
from normalcy.live.frames.memory import CameraMemory, as_bytes, as_text
from normalcy.scoring.types import FloatArray

_MOST_ID_BYTES = 40


class Display:
    """The engine's record of one camera.

    Args:
        memory: Where it lies; what an engine left there that died is put right.
        map_range: Map values of the first and the last colour.
        detector: Identity of what scores.

    Attributes:
        was_changing: Whether the view was changing, or being learned, when that engine died.
        is_untold: Whether it was changing, so that no event tells of the view that came.
    """

    def __init__(self, memory: CameraMemory, *, map_range: tuple[float, float], detector: str) -> None:
        self._memory, self._map_range, self._detector = memory, map_range, detector
        before = int(memory.engine.scene[0])
        self.is_untold = before == SceneState.CHANGING
        self.was_changing = self.is_untold or before == SceneState.LEARNING
        self._count_lost()
        self.scene(SceneState.UNKNOWN)
        self.alarm(alarmed=False, event="")

    def verdicts(self, verdicts: Sequence[RegionVerdict], *, frames: int, now: float) -> None:
        """Shows the region that is nearest to its threshold.

        Args:
            verdicts: On the frames of a clip.
            frames: How many got a verdict.
            now: Wall clock.
        """
        told = [(verdict, verdict.update.frames[-1]) for verdict in verdicts if verdict.update.frames]
        if not told:
            return
        verdict, frame = max(
            told, key=lambda each: _nearness(each[1].smoothed, each[0].track.rule.enter_threshold)
        )
        record = self._memory.engine
        record.scored[0] += frames
        record.scored_at[0], record.index[0] = now, frame.index
        record.score[0], record.threshold[0] = frame.smoothed, verdict.track.rule.enter_threshold
        record.rate_per_day[0] = frame.false_alarms_per_day
        if frame.map_HW is not None:
            self._map(frame.map_HW)

    def alarm(self, *, alarmed: bool, event: str) -> None:
        """Shows whether the alarm is on, and the id of the open event; empty where none is."""
        self._memory.engine.alarmed[0] = alarmed
        self._memory.engine.event[0] = as_bytes(event, most=_MOST_ID_BYTES)

    def scene(self, state: SceneState) -> None:
        """Shows what the view is doing."""
        self._memory.engine.scene[0] = state

    def drop(self, cause: Drop, frames: int = 1) -> None:
        """Counts frames that are not scored."""
        self._memory.engine.dropped[0, cause] += frames

    def _count_lost(self) -> None:
        """Frames that an engine had taken and not judged when it died."""
        record = self._memory.engine
        lost = int(record.read[0] - record.scored[0] - record.dropped[0].sum())
        if lost > 0:
            self.drop(Drop.RESTART, lost)

    def level(self) -> LevelShift | None:
        """How much higher the view scores than the one before, as the engine left it that died; None where none did."""
        record = self._memory.engine
        if record.level_factor[0] <= 0 or as_text(record.level_of[0]) != self._detector:
            return None
        return LevelShift(factor=float(record.level_factor[0]), usual=float(record.level_usual[0]))

    def keep_level(self, level: LevelShift) -> None:
        """Keeps that for an engine that comes after this one."""
        record = self._memory.engine
        record.level_usual[0], record.level_factor[0] = level.usual, level.factor
        record.level_of[0] = as_bytes(self._detector, most=_MOST_ID_BYTES)

    def latency(self, seconds: float) -> None:
        """Counts a time from capture to score."""
        bucket = sum(seconds > bound for bound in LATENCY_BOUNDS_SECONDS)
        self._memory.engine.latency[0, bucket] += 1
        self._memory.engine.latency_sum[0] += seconds

    def _map(self, map_HW: FloatArray) -> None:
        low, high = self._map_range
        unit_HW = (resize_map(map_HW, self._memory.layout.map_HW) - low) / max(high - low, 1e-12)
        self._memory.write_map((np.clip(np.nan_to_num(unit_HW), 0, 1) * 255).astype(np.uint8))


def _nearness(score: float, threshold: float) -> float:
    """How near a score is to its threshold; comparable between regions."""
    if not math.isfinite(threshold) or threshold == 0:
        return score
    return score / abs(threshold)
