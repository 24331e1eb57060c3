"""The thresholds of a camera as the dashboard shows them: what they are, and what others would have done."""

import time
from collections.abc import Mapping

from normalcy.errors import ConfigError, InputError
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import DetectorFacts
from normalcy.live.engine.regions import WatchedRegion
from normalcy.live.engine.tuning import quiet_threshold, settings_of
from normalcy.live.status import CalibrationView, VerdictEffect
from normalcy.live.store.events import find_event, find_events
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.scores import read_scores
from normalcy.live.store.store import Store
from normalcy.live.store.verdicts import false_alarms_by_region
from normalcy.live.supervision.past import RATES_PER_DAY, events_at, observed_days
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.settings import ScoringSettings

_PREVIEW_SECONDS = 7 * 86_400.0
_MOST_EVENTS = 500


class Thresholds:
    """Reads the store, and what is known of the detectors.

    Args:
        store: Of events and timelines.
        detectors: By name, as they are known by now.
    """

    def __init__(self, store: Store, detectors: Mapping[str, DetectorFacts]) -> None:
        self._store, self._detectors = store, detectors

    def view(self, camera: str, config: LiveConfig) -> CalibrationView:
        """The threshold of a camera's first watched region, and what other rates would have meant.

        Raises:
            ConfigError: There is no such camera, or its detector is not open yet.
        """
        region = _first_region(camera, config)
        base, settings = self._of(camera, config, region)
        with self._store.reading() as session:
            learned = false_alarms_by_region(session, camera).get(region.name, [])
            now = time.time()
            seconds_N, score_N, _ = read_scores(session, camera, now - _PREVIEW_SECONDS, now, region.name)
        calibration = base.with_false_alarms(learned)
        gap_seconds = settings.merge_gap_seconds + config.events.cool_down_seconds
        rates = sorted({*RATES_PER_DAY, settings.false_alarms_per_day}, reverse=True)
        thresholds = [quiet_threshold(calibration, rate) for rate in rates]
        preview = [
            (rate, threshold, events_at(seconds_N, score_N, threshold=threshold, gap_seconds=gap_seconds))
            for rate, threshold in zip(rates, thresholds, strict=True)
        ]
        return CalibrationView(
            settings.false_alarms_per_day,
            _threshold(calibration, settings),
            calibration.describe(false_alarms_per_day=settings.false_alarms_per_day),
            observed_days(score_N),
            preview,
            len(learned),
        )

    def effect(self, event_id: str, config: LiveConfig) -> VerdictEffect:
        """What marking an event as a false alarm does to its camera and region.

        Raises:
            InputError: There is no such event.
            ConfigError: Its camera is gone, or its detector is not open yet.
        """
        with self._store.reading() as session:
            event = find_event(session, event_id)
            if event is None:
                raise InputError(f"there is no event {event_id!r}")
            learned = false_alarms_by_region(session, event.camera).get(event.region, [])
            past = find_events(session, EventFilter(cameras=(event.camera,)), limit=_MOST_EVENTS)
        base, settings = self._of(event.camera, config, _region(event, config))
        before = _threshold(base.with_false_alarms(learned), settings)
        after = before
        if event.verdict != "false_alarm":
            after = _threshold(base.with_false_alarms([*learned, event.peak_score]), settings)
        silenced = [
            each.id for each in past if each.region == event.region and before <= each.peak_score < after
        ]
        return VerdictEffect(before, after, tuple(silenced))

    def _of(
        self, camera: str, config: LiveConfig, region: WatchedRegion
    ) -> tuple[Calibration, ScoringSettings]:
        bundle = config.bundle_of(config.cameras[camera], name=camera)
        facts = self._detectors.get(bundle)
        if facts is None:
            raise ConfigError("its detector is not open yet", where=f"camera {camera}")
        return facts.calibration, settings_of(config.cameras[camera], facts.scoring, region)


def _first_region(camera: str, config: LiveConfig) -> WatchedRegion:
    """The first that the camera's own rate holds for; where all have rates of their own, the first of them."""
    if camera not in config.cameras:
        raise ConfigError("there is no such camera", where=camera)
    watched = [each for each in config.cameras[camera].regions if each.mode == "watch"]
    if not watched:
        return WatchedRegion("")
    shared = [each for each in watched if each.false_alarms_per_day is None and each.threshold is None]
    first = (shared or watched)[0]
    return WatchedRegion(first.name, None, first.false_alarms_per_day, first.threshold)


def _region(event: EventRecord, config: LiveConfig) -> WatchedRegion:
    if event.camera not in config.cameras:
        raise ConfigError("there is no such camera any more", where=event.camera)
    for region in config.cameras[event.camera].regions:
        if region.name == event.region:
            return WatchedRegion(region.name, None, region.false_alarms_per_day, region.threshold)
    return WatchedRegion("")


def _threshold(calibration: Calibration, settings: ScoringSettings) -> float:
    if settings.threshold is not None:
        return settings.threshold
    return quiet_threshold(calibration, settings.false_alarms_per_day)
