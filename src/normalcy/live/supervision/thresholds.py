"""The thresholds of a camera as the dashboard shows them: what they are, and what others would have done."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from normalcy.errors import ConfigError, InputError
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.schedule import watches
from normalcy.live.engine.inference import DetectorFacts
from normalcy.live.engine.regions import WatchedRegion
from normalcy.live.engine.tuning import settings_of
from normalcy.live.status import CalibrationView, VerdictEffect
from normalcy.live.store.events import find_event, find_events
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.scores import read_scores
from normalcy.live.store.store import Store
from normalcy.live.store.verdicts import false_alarms_by_region
from normalcy.live.supervision.past import (
    RATES_PER_DAY,
    BoolArray,
    Float32Array,
    Float64Array,
    events_at,
    observed_days,
)
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.events import EventRule
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import alarm_rule, describe_threshold

_PREVIEW_SECONDS = 7 * 86_400.0
_MOST_EVENTS = 500


@dataclass(frozen=True)
class _Known:
    """What decides about the alarms of a region, but for what people said of it."""

    region: str
    calibration: Calibration
    settings: ScoringSettings
    detector: str

    def threshold(self, false_alarms: list[float]) -> float:
        """With what people called false alarms."""
        calibration = self.calibration.with_false_alarms(false_alarms)
        return alarm_rule(self.settings, calibration).enter_threshold


class Thresholds:
    """Reads the store, and what is known of the detectors.

    Args:
        store: Of events and timelines.
        detectors: By name, as they are known by now.
    """

    def __init__(self, store: Store, detectors: Mapping[str, DetectorFacts]) -> None:
        self._store, self._detectors = store, detectors

    def view(self, camera: str, config: LiveConfig, region: str | None = None) -> CalibrationView:
        """The threshold of a watched region, and what other rates would have meant.

        Args:
            camera: Of that name.
            config: In force.
            region: Of that name; without, the first that the camera's own rate holds for.

        Raises:
            ConfigError: There is no such camera or region, or its detector is not open yet.
        """
        known = self._known(camera, config, _watched(camera, config, region))
        now = time.time()
        with self._store.reading() as session:
            learned = false_alarms_by_region(session, camera, detector=known.detector).get(known.region, [])
            seconds_N, score_N, _ = read_scores(session, camera, now - _PREVIEW_SECONDS, now, known.region)
        watched_N = _within_hours(seconds_N, config.cameras[camera], config)
        calibration = known.calibration.with_false_alarms(learned)
        settings = known.settings
        return CalibrationView(
            settings.false_alarms_per_day,
            alarm_rule(settings, calibration).enter_threshold,
            describe_threshold(settings, calibration),
            observed_days(score_N[watched_N]),
            _preview(seconds_N[watched_N], score_N[watched_N], calibration, settings, config),
            len(learned),
            known.region,
        )

    def threshold(self, camera: str, config: LiveConfig, region: str) -> float:
        """The threshold alone, without the past that a view looks through; raises as `view`."""
        known = self._known(camera, config, _watched(camera, config, region))
        with self._store.reading() as session:
            learned = false_alarms_by_region(session, camera, detector=known.detector)
        return known.threshold(learned.get(known.region, []))

    def effect(self, event_id: str, config: LiveConfig) -> VerdictEffect:
        """What marking an event as a false alarm does to its camera and region.

        Raises:
            InputError: There is no such event.
            ConfigError: Its camera is gone, or its detector is not open yet.
        """
        event = self._event(event_id)
        known = self._known(event.camera, config, _region(event, config))
        wanted = EventFilter(
            cameras=(event.camera,), kind=event.kind, region=event.region, detector=known.detector
        )
        with self._store.reading() as session:
            learned = false_alarms_by_region(session, event.camera, detector=known.detector)
            past = find_events(session, wanted, limit=_MOST_EVENTS)
        peaks = learned.get(event.region, [])
        # What another detector gave it says nothing of the scores of this one.
        is_news = event.verdict != "false_alarm" and event.detector == known.detector
        before = known.threshold(peaks)
        after = known.threshold([*peaks, event.peak_score]) if is_news else before
        silenced = [each for each in past if each.id != event_id and before <= each.peak_score < after]
        confirmed = tuple(each.id for each in silenced if each.verdict == "confirmed")
        return VerdictEffect(before, after, tuple(each.id for each in silenced), confirmed)

    def _event(self, event_id: str) -> EventRecord:
        with self._store.reading() as session:
            event = find_event(session, event_id)
        if event is None:
            raise InputError(f"there is no event {event_id!r}")
        return event

    def _known(self, camera: str, config: LiveConfig, region: WatchedRegion) -> _Known:
        bundle = config.bundle_of(config.cameras[camera], name=camera)
        facts = self._detectors.get(bundle)
        if facts is None:
            raise ConfigError("its detector is not open yet", where=f"camera {camera}")
        settings = settings_of(config.cameras[camera], facts.scoring, region)
        return _Known(region.name, facts.calibration, settings, facts.identity)


def _preview(
    seconds_N: Float64Array,
    score_N: Float32Array,
    calibration: Calibration,
    settings: ScoringSettings,
    config: LiveConfig,
) -> list[tuple[float, float, int]]:
    """(false alarms per day, threshold, events), by the rule that alarms, whatever the rate."""
    found = []
    for rate in sorted({*RATES_PER_DAY, settings.false_alarms_per_day}, reverse=True):
        asked = settings.model_copy(update={"false_alarms_per_day": rate, "threshold": None})
        rule = _by_the_second(alarm_rule(asked, calibration), config.events.cool_down_seconds)
        found.append((rate, rule.enter_threshold, events_at(seconds_N, score_N, rule)))
    return found


def _by_the_second(rule: EventRule, cool_down_seconds: float) -> EventRule:
    """For a timeline that knows the highest score of each second alone; incidents also take in what cools down."""
    min_seconds = max(0.0, rule.min_seconds - 1.0)
    gap_seconds = rule.merge_gap_seconds + cool_down_seconds
    return replace(rule, min_seconds=min_seconds, merge_gap_seconds=gap_seconds)


def _within_hours(seconds_N: Float64Array, camera: CameraConfig, config: LiveConfig) -> BoolArray:
    """Which seconds lie in minutes that a camera watches in."""
    zone = ZoneInfo(config.timezone) if config.timezone else None
    minute_M, place_N = np.unique(seconds_N // 60, return_inverse=True)
    watched_M = [watches(camera.schedule, datetime.fromtimestamp(60 * each, zone)) for each in minute_M]
    return np.array(watched_M, np.bool_)[place_N]


def _watched(camera: str, config: LiveConfig, name: str | None) -> WatchedRegion:
    """The region of a name; without one the first that the camera's own rate holds for, else the first of all."""
    if camera not in config.cameras:
        raise ConfigError("there is no such camera", where=camera)
    regions = [each for each in config.cameras[camera].regions if each.mode == "watch"]
    if not regions and not name:
        return WatchedRegion("")
    if name is None:
        shared = [each for each in regions if each.false_alarms_per_day is None and each.threshold is None]
        found = (shared or regions)[0]
    elif not (named := [each for each in regions if each.name == name]):
        raise ConfigError(f"it watches no region {name!r}", where=f"camera {camera}")
    else:
        (found,) = named
    return WatchedRegion(found.name, None, found.false_alarms_per_day, found.threshold)


def _region(event: EventRecord, config: LiveConfig) -> WatchedRegion:
    if event.camera not in config.cameras:
        raise ConfigError("there is no such camera any more", where=event.camera)
    for region in config.cameras[event.camera].regions:
        if region.name == event.region:
            return WatchedRegion(region.name, None, region.false_alarms_per_day, region.threshold)
    return WatchedRegion("")
