"""One camera as the engine sees it: its frames in, its verdicts, events, timeline and pictures out."""

import logging
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from normalcy.explain.heatmap import resize_map
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.schedule import watches
from normalcy.live.engine.detectors import Detector
from normalcy.live.engine.minutes import Minute, Minutes
from normalcy.live.engine.scene import SCORED, LevelShift, SceneState, SceneWatch
from normalcy.live.engine.scorer import CameraScorer, RegionVerdict, Tuning
from normalcy.live.engine.tuning import FalseAlarms, alert_threshold, tunings_of
from normalcy.live.events.incident import Incident, IncidentRule, Step
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS, Drop
from normalcy.live.frames.memory import CameraMemory, Stamped, as_bytes
from normalcy.live.store.records import EventRecord
from normalcy.scoring.model import Found
from normalcy.scoring.types import Clip, ClipScores, FrameScore

logger = logging.getLogger(__name__)

_FRAMES_REMEMBERED = 4096


@dataclass(frozen=True, eq=False)
class Judged:
    """What a clip came to.

    Attributes:
        steps: Changes of events.
        minutes: Parts of the timeline that are whole, by region.
    """

    steps: list[Step]
    minutes: list[tuple[str, Minute]]


class LiveCamera:
    """State of one camera in the engine.

    Args:
        name: Of the camera.
        config: Of the camera.
        detector: What scores it.
        memory: Shared with its capture process.
        rule: When an incident is over.
        timezone: Of its schedule; that of the machine without.
        resumed: Its open events of an engine that died, by region.
        false_alarms: What people said of its events.
    """

    def __init__(
        self,
        name: str,
        *,
        config: CameraConfig,
        detector: Detector,
        memory: CameraMemory,
        rule: IncidentRule,
        timezone: str | None = None,
        resumed: Mapping[str, EventRecord],
        false_alarms: FalseAlarms,
    ) -> None:
        self.name, self.detector, self.memory = name, detector, memory
        self._scene, self._level = SceneWatch(), LevelShift()
        self._captured: deque[tuple[int, float, float]] = deque(maxlen=_FRAMES_REMEMBERED)
        self._incidents: dict[str, Incident] = {}
        self._minutes: dict[str, Minutes] = {}
        self._alert_at: dict[str, float] = {}
        self._resumed = dict(resumed)
        self._scorer: CameraScorer | None = None
        self.configure(config, rule=rule, timezone=timezone, false_alarms=false_alarms)

    def configure(
        self, config: CameraConfig, *, rule: IncidentRule, timezone: str | None, false_alarms: FalseAlarms
    ) -> list[Step]:
        """Takes another configuration up; events of regions that are gone end."""
        self.config, self._zone = config, ZoneInfo(timezone) if timezone else None
        tunings = tunings_of(
            config,
            self.detector.bundle,
            size_px=self.detector.model.spec.size_px,
            false_alarms=false_alarms,
        )
        if self._scorer is None:
            self._scorer = CameraScorer(self.name, model=self.detector.model, tunings=tunings)
        else:
            self._scorer.retune(tunings)
        return self._rearrange(tunings, rule)

    def _rearrange(self, tunings: Sequence[Tuning], rule: IncidentRule) -> list[Step]:
        names = {tuning.region.name for tuning in tunings}
        gone = [name for name in self._incidents if name not in names]
        steps = [step for name in gone for step in self._incidents.pop(name).close()]
        for name in names:
            self._minutes.setdefault(name, Minutes())
            incident = self._incidents.get(name) or Incident(
                self.name,
                region=name,
                bundle=self.detector.name,
                rule=rule,
                resumed=self._resumed.pop(name, None),
            )
            incident.rule = rule
            self._incidents[name] = incident
        self._minutes = {name: self._minutes[name] for name in names}
        self._alert_at = {
            tuning.region.name: alert_threshold(
                self.config, tuning, enter_threshold=self.scorer.enter_threshold(tuning.region.name)
            )
            for tuning in tunings
        }
        return steps

    @property
    def scorer(self) -> CameraScorer:
        """The three scoring pieces."""
        assert self._scorer is not None
        return self._scorer

    @property
    def open_events(self) -> dict[str, Incident]:
        """Incidents with an open event, by its id."""
        return {each.event.id: each for each in self._incidents.values() if each.event}

    def next_clip(self) -> Clip | None:
        """Takes frames that wait, until they make a clip or there are no more."""
        while (frame := self.memory.read()) is not None:
            if (clip := self._take(frame)) is not None:
                return clip
        return None

    def _take(self, frame: Stamped) -> Clip | None:
        if frame.image_HWC is not None and self.config.scene_change:
            before = self._scene.state
            state = self._scene.update(frame.image_HWC, frame.pts_seconds)
            if state is not before:
                self._changed_to(state)
        if self._scene.state not in SCORED:
            self._drop(Drop.SCENE_CHANGE)
            return None
        self._captured.append((frame.index, frame.captured, frame.captured_at))
        return self.scorer.push(frame)

    def _changed_to(self, state: SceneState) -> None:
        logger.info("camera %s: the view is %s", self.name, state.name.lower())
        self.memory.engine.scene[0] = state
        if state in (SceneState.CHANGING, SceneState.LEARNING):
            self.scorer.start_anew()

    def settle(self, clip: Clip, found: Found, *, now: float) -> Judged:
        """Turns what the model found in a clip into changes of events.

        Args:
            clip: As `next_clip` gave it.
            found: As the model gave it.
            now: Wall clock.
        """
        scores = self.scorer.scores(clip, found)
        factor = self._follow_level(scores)
        if self._scene.state is SceneState.LEARNING:
            for _ in clip.due:
                self._drop(Drop.SCENE_CHANGE)
            return Judged([], [])
        judged = Judged([], [])
        verdicts = self.scorer.settle(clip, scores, factor=factor)
        for verdict in verdicts:
            self._judge(verdict, judged)
        self._show(verdicts, clip, now=now)
        return judged

    def _follow_level(self, scores: ClipScores) -> float:
        learning = self._scene.state is SceneState.LEARNING
        for raw in scores.score_T:
            self._level.update(float(raw), learning=learning)
        return self._level.factor

    def _judge(self, verdict: RegionVerdict, judged: Judged) -> None:
        incident, minutes = self._incidents[verdict.region], self._minutes[verdict.region]
        threshold = verdict.track.rule.enter_threshold
        for frame in verdict.update.frames:
            at = self._captured_at(frame.index)
            alarm = verdict.track.open_event if frame.alarmed or incident.event else None
            steps = incident.update(
                frame,
                alarm=alarm,
                at=at,
                threshold=threshold,
                alert_threshold=self._alert_at[verdict.region],
                rate_of=verdict.track.rate_of,
                may_open=self.is_watching(at),
            )
            judged.steps.extend(steps)
            whole = minutes.add(frame.smoothed, at=at, threshold=threshold)
            judged.minutes.extend((verdict.region, each) for each in whole)

    def expire(self, now: float) -> list[Step]:
        """Ends events whose cool-down is over, where no frames come that could tell."""
        return [step for each in self._incidents.values() for step in each.expire(now)]

    def finish(self) -> Judged:
        """Closes what is open."""
        steps = [step for each in self._incidents.values() for step in each.close()]
        return Judged(
            steps, [(name, each) for name, minutes in self._minutes.items() for each in minutes.flush()]
        )

    def is_watching(self, at: float) -> bool:
        """Whether its schedule lets it alarm."""
        return watches(self.config.schedule, datetime.fromtimestamp(at, self._zone))

    def _captured_at(self, index: int) -> float:
        """Wall clock of a frame of the last few thousand."""
        for known, _, captured_at in reversed(self._captured):
            if known <= index:
                return captured_at
        return time.time()

    def _drop(self, cause: Drop) -> None:
        self.memory.engine.dropped[0, cause] += 1

    def _show(self, verdicts: Sequence[RegionVerdict], clip: Clip, *, now: float) -> None:
        """Writes what the dashboard shows: the region that is nearest to its threshold."""
        told = [(verdict, verdict.update.frames[-1]) for verdict in verdicts if verdict.update.frames]
        if not told:
            return
        verdict, frame = max(
            told, key=lambda each: _nearness(each[1].smoothed, each[0].track.rule.enter_threshold)
        )
        record = self.memory.engine
        record.scored[0] += len(clip.due)
        record.scored_at[0], record.index[0] = now, frame.index
        record.score[0], record.threshold[0] = frame.smoothed, verdict.track.rule.enter_threshold
        record.rate_per_day[0] = frame.false_alarms_per_day
        record.alarmed[0] = any(each.alarmed for _, each in told)
        record.event[0] = as_bytes(next(iter(self.open_events), ""), most=40)
        self._show_map(frame)
        self._count_latency(clip)

    def _show_map(self, frame: FrameScore) -> None:
        if frame.map_HW is None:
            return
        low, high = self.detector.bundle.header.map_scale
        unit_HW = (resize_map(frame.map_HW, self.memory.layout.map_HW) - low) / max(high - low, 1e-12)
        self.memory.write_map((np.clip(np.nan_to_num(unit_HW), 0, 1) * 255).astype(np.uint8))

    def _count_latency(self, clip: Clip) -> None:
        newest = clip.due[-1].index
        captured = next((at for index, at, _ in reversed(self._captured) if index == newest), None)
        if captured is None:
            return
        seconds = time.monotonic() - captured
        bucket = sum(seconds > bound for bound in LATENCY_BOUNDS_SECONDS)
        self.memory.engine.latency[0, bucket] += 1
        self.memory.engine.latency_sum[0] += seconds


def _nearness(score: float, threshold: float) -> float:
    """How near a score is to its threshold; comparable between regions."""
    if not math.isfinite(threshold) or threshold == 0:
        return score
    return score / abs(threshold)
