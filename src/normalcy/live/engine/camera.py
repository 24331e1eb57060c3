"""One camera as the engine sees it: its frames in; changes of its events, and parts of its timeline, out."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from normalcy.errors import InputError
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.schedule import watches
from normalcy.live.engine.detectors import Detector
from normalcy.live.engine.display import Display
from normalcy.live.engine.known_view import KEPT_SECONDS, level_of, source_digest, view_record, watch_of
from normalcy.live.engine.minutes import Minute, Minutes
from normalcy.live.engine.scene import SCORED, LevelShift, SceneState, SceneWatch
from normalcy.live.engine.scene_events import SceneEvents
from normalcy.live.engine.scorer import CameraScorer, RegionVerdict, Tuning
from normalcy.live.engine.times import CaptureTimes
from normalcy.live.engine.tuning import FalseAlarms, alert_threshold, tunings_of
from normalcy.live.events.incident import Incident, IncidentRule, Judgement, Step
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import CameraMemory, Stamped
from normalcy.live.store.records import EventRecord, ViewRecord
from normalcy.methods.contract import TeachableCamera
from normalcy.scoring.model import Found
from normalcy.scoring.types import Clip, ClipScores

logger = logging.getLogger(__name__)

SILENT_SECONDS = 30.0
"""A camera without verdicts for so long has ended what it was doing, whether or not it comes back."""
_COMPLAINT_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Judged:
    """What came of frames.

    Attributes:
        steps: Changes of events.
        minutes: Parts of the timeline, by region.
        verdicts: On the frames, by region.
    """

    steps: list[Step] = field(default_factory=list)
    minutes: list[tuple[str, Minute]] = field(default_factory=list)
    verdicts: Sequence[RegionVerdict] = ()


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
        resumed_scene: The open event of its view, likewise.
        known_view: What an earlier engine knew of its view; that of another source is none.
        clock: Monotonic, in seconds.
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
        resumed_scene: EventRecord | None = None,
        known_view: ViewRecord | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.detector, self.memory = name, detector, memory
        self._clock, self._heard, self._is_silent = clock, clock(), False
        self._complained, self._is_watching = -math.inf, True
        self._display = Display(
            memory, map_range=detector.bundle.header.map_scale, detector=detector.identity
        )
        if known_view and known_view.source != source_digest(config):
            known_view = None
        self._scene = watch_of(known_view, learning=self._display.was_changing)
        self._display.scene(self._scene.state)
        self._level = self._display.level() or level_of(known_view, detector=detector.identity)
        self._view_told, self._times = -math.inf, CaptureTimes()
        self._scene_events = SceneEvents(name, resumed=resumed_scene)
        self._is_view_untold = self._display.is_untold
        self._waiting_steps: list[Step] = []
        self._generation, self._next_number = -1, 0
        self._held: Stamped | None = None
        self._incidents: dict[str, Incident] = {}
        self._minutes: dict[str, Minutes] = {}
        self._alert_at: dict[str, float] = {}
        self._resumed = dict(resumed)
        self._false_alarms: FalseAlarms = {}
        tunings = self._take_up(config, timezone)
        self._scorer = CameraScorer(name, model=detector.model, tunings=tunings)
        self._rearrange(tunings, rule)

    def configure(self, config: CameraConfig, *, rule: IncidentRule, timezone: str | None) -> Judged:
        """Takes another configuration up; events of regions that are gone end."""
        tunings = self._take_up(config, timezone)
        self._scorer.retune(tunings)
        return self._rearrange(tunings, rule)

    def learn(self, false_alarms: FalseAlarms) -> None:
        """Takes up what people said of its events; before that the calibration holds as it was fitted."""
        if false_alarms != self._false_alarms:
            self._false_alarms = false_alarms
            tunings = self._tunings()
            self._scorer.retune(tunings)
            self._alert_at = self._alert_thresholds(tunings)

    def _take_up(self, config: CameraConfig, timezone: str | None) -> list[Tuning]:
        self.config, self._zone = config, ZoneInfo(timezone) if timezone else None
        if not config.scene_change:
            self._scene, self._level = SceneWatch(), LevelShift()
            self._waiting_steps.extend(self._scene_events.close())
            self._display.scene(self._scene.state)
            self._display.keep_level(self._level)
        return self._tunings()

    def _tunings(self) -> list[Tuning]:
        size_px = self.detector.model.spec.size_px
        return tunings_of(self.config, self.detector.bundle, size_px=size_px, false_alarms=self._false_alarms)

    def _rearrange(self, tunings: Sequence[Tuning], rule: IncidentRule) -> Judged:
        names = [tuning.region.name for tuning in tunings]
        gone = self._incidents.keys() - names
        judged = Judged([step for name in gone for step in self._incidents.pop(name).close()])
        for name in gone:
            judged.minutes.extend((name, minute) for minute in self._minutes.pop(name).news())
        for name in names:
            self._minutes.setdefault(name, Minutes())
            self._incidents.setdefault(name, self._new_incident(name, rule)).rule = rule
        self._alert_at = self._alert_thresholds(tunings)
        return judged

    def _new_incident(self, region: str, rule: IncidentRule) -> Incident:
        resumed = self._resumed.pop(region, None)
        return Incident(
            self.name,
            region=region,
            bundle=self.detector.name,
            detector=self.detector.identity,
            rule=rule,
            resumed=resumed,
        )

    def _alert_thresholds(self, tunings: Sequence[Tuning]) -> dict[str, float]:
        return {
            tuning.region.name: alert_threshold(
                self.config, tuning, enter_threshold=self._scorer.enter_threshold(tuning.region.name)
            )
            for tuning in tunings
        }

    def untaught(self) -> TeachableCamera | None:
        """The method's camera as the detector has it; None where it cannot be taught anything."""
        return self._scorer.untaught()

    def judge_by(self, camera: TeachableCamera) -> None:
        """Scores by what the method was taught of this camera."""
        self._scorer.judge_by(camera)

    @property
    def open_events(self) -> list[EventRecord]:
        """Of all regions."""
        return [each.event for each in self._incidents.values() if each.event]

    # -- frames in

    def next_clip(self) -> Clip | None:
        """Takes frames that wait, until they make a clip or there are no more; of a flood of them, a buffer's worth."""
        for _ in range(self.memory.layout.slots):
            frame, self._held = self._held or self.memory.read(), None
            if frame is None:
                has_ended = self.memory.capture.ended[0] and not self.memory.waiting
                return self._scorer.last_clip() if has_ended else None
            if (clip := self._take(frame)) is not None:
                return clip
        return None

    def _take(self, frame: Stamped) -> Clip | None:
        if frame.generation != self._generation:
            if (clip := self._scorer.last_clip()) is not None:
                self._held = frame
                return clip
            self._display.drop(Drop.RESTART, self._scorer.start_anew())
        elif frame.number != self._next_number and not self.detector.model.spec.spacing_seconds:
            # Frames gave way to newer ones, and this method measures from each to the next.
            self._display.drop(Drop.RESTART, self._scorer.cut())
        self._generation, self._next_number = frame.generation, frame.number + 1
        self._look(frame)
        if self._scene.state not in SCORED:
            self._display.drop(Drop.SCENE_CHANGE)
            return None
        self._times.remember(frame)
        return self._scorer.push(frame)

    def _look(self, frame: Stamped) -> None:
        """Tells what happens in the view from a change of the view itself."""
        if frame.image_HWC is None or not self.config.scene_change:
            return
        self._scene_events.seen_at = frame.captured_at
        before, state = self._scene.state, self._scene.update(frame.image_HWC, frame.pts_seconds)
        if state is before and not self._is_view_untold:
            return
        self._is_view_untold = False
        logger.info("camera %s: the view is %s", self.name, state.name.lower())
        self._display.scene(state)
        self._view_told = -math.inf
        self._waiting_steps.extend(self._scene_events.update(state, pts_seconds=frame.pts_seconds))
        if state is SceneState.CHANGING:
            self._level.forget_view()
        if state in (SceneState.CHANGING, SceneState.LEARNING):
            self._display.drop(Drop.SCENE_CHANGE, self._scorer.start_anew())

    # -- verdicts out

    def settle(self, clip: Clip, found: Found, *, now: float) -> Judged:
        """Turns what the model found in a clip into changes of events.

        Args:
            clip: As `next_clip` gave it.
            found: As the model gave it.
            now: Wall clock.

        Raises:
            InputError: A score is not finite.
        """
        scores = self._scorer.scores(clip, found)
        _require_finite(scores)
        learning = self._scene.state is SceneState.LEARNING
        for raw in scores.score_T:
            self._level.follow(float(raw), learning=learning)
        self._display.keep_level(self._level)
        if learning:
            self._display.drop(Drop.SCENE_CHANGE, len(clip.due))
            return Judged()
        captured = self._times.of(clip.due[-1].index)
        self._follow_schedule(captured.at)
        judged = self._judge(self._scorer.settle(clip, scores, factor=self._level.factor))
        self._display.verdicts(judged.verdicts, frames=len(clip.due), now=now)
        self._display.latency(self._clock() - captured.clock)
        return judged

    def _follow_schedule(self, at: float) -> None:
        """What goes on when its hours begin raises its alarm anew: what was before does not belong to it."""
        before, self._is_watching = self._is_watching, self.is_watching(at)
        if self._is_watching and not before:
            self._scorer.end_alarms()

    def _judge(self, verdicts: Sequence[RegionVerdict]) -> Judged:
        self._heard, self._is_silent = self._clock(), False
        judged = Judged(verdicts=verdicts)
        for verdict in verdicts:
            self._judge_region(verdict, judged)
        is_told = self._is_watching or bool(self.open_events)
        self._show_alarm(is_told and any(verdict.update.frames[-1].alarmed for verdict in verdicts))
        return judged

    def _judge_region(self, verdict: RegionVerdict, judged: Judged) -> None:
        incident, minutes = self._incidents[verdict.region], self._minutes[verdict.region]
        threshold = verdict.track.rule.enter_threshold
        for frame, alarm in zip(verdict.update.frames, verdict.update.open_events, strict=True):
            captured = self._times.of(frame.index)
            judgement = Judgement(
                # Between its spans an event goes on, and none begins.
                alarm=alarm if frame.alarmed or incident.event else None,
                at=captured.at,
                clock=captured.clock,
                threshold=threshold,
                alert_threshold=self._alert_at[verdict.region],
                rate_of=verdict.track.rate_of,
                may_open=self._is_watching,
            )
            judged.steps.extend(incident.update(frame, judgement))
            whole = minutes.add(frame.smoothed, at=captured.at, threshold=threshold)
            judged.minutes.extend((verdict.region, each) for each in whole)

    def is_watching(self, at: float) -> bool:
        """Whether its schedule lets it alarm."""
        return watches(self.config.schedule, datetime.fromtimestamp(at, self._zone))

    def _show_alarm(self, alarmed: bool) -> None:
        events = self.open_events
        self._display.alarm(alarmed=alarmed, event=events[0].id if events else "")

    # -- without frames

    def expire(self) -> list[Step]:
        """Ends alarms and events of a camera that has been silent for long; tells what its view did meanwhile."""
        return [*self.view_steps(), *self._expire()]

    def view_steps(self) -> list[Step]:
        """Changes of the events of its view since the last time."""
        steps, self._waiting_steps = self._waiting_steps, []
        return steps

    def _expire(self) -> list[Step]:
        silent_seconds = self._clock() - self._heard
        if silent_seconds < SILENT_SECONDS or self.memory.waiting:
            return []
        if not self._is_silent:
            self._is_silent = True
            self._display.drop(Drop.RESTART, self._scorer.start_anew())
            self._show_alarm(alarmed=False)
        over = [each for each in self._incidents.values() if each.patience_seconds <= silent_seconds]
        steps = [step for each in over for step in each.close()]
        if steps:
            self._show_alarm(alarmed=False)
        return steps

    def news(self) -> list[tuple[str, Minute]]:
        """Parts of the timeline that came since the last time, of minutes that are not over."""
        return [(name, each) for name, minutes in self._minutes.items() for each in minutes.news()]

    def view_news(self) -> ViewRecord | None:
        """What is known of its view, for the engine that comes next; None where that was told just now."""
        now = self._clock()
        view = self.view if now - self._view_told >= KEPT_SECONDS else None
        self._view_told = now if view else self._view_told
        return view

    @property
    def view(self) -> ViewRecord | None:
        """The same at any time; None while nobody can say what it usually shows."""
        if not self.config.scene_change:
            return None
        return view_record(
            self.name,
            self._scene,
            self._level,
            source=source_digest(self.config),
            detector=self.detector.identity,
            seen_at=self._scene_events.seen_at,
        )

    def hand_over(self) -> Judged:
        """Leaves what is open to the node that watches from now on."""
        self._show_alarm(alarmed=False)
        return Judged(self.view_steps(), self.news())

    def finish(self) -> Judged:
        """Closes what is open."""
        steps = [step for each in self._incidents.values() for step in each.close()]
        self._show_alarm(alarmed=False)
        return Judged([*self.view_steps(), *self._scene_events.close(), *steps], self.news())

    def stumble(self, error: Exception, clip: Clip | None = None) -> None:
        """Something could not be scored: it is said, the frames are counted, and the camera starts anew.

        Args:
            error: Why.
            clip: What was to be scored, where it came so far.
        """
        now = self._clock()
        if now - self._complained >= _COMPLAINT_SECONDS:
            self._complained = now
            logger.error("camera %s: frames cannot be scored", self.name, exc_info=error)
        self._display.drop(Drop.RESTART, self._scorer.forget() + (len(clip.due) if clip else 0))


def _require_finite(scores: ClipScores) -> None:
    odd = int((~np.isfinite(scores.score_T)).sum())
    if odd:
        raise InputError(
            f"{odd} of {scores.score_T.size} frame scores are not finite", hint="look for a NaN in the model"
        )
