"""From a camera's configuration and what people said of its events to what decides about its alarms."""

import warnings
from collections.abc import Mapping, Sequence

from normalcy.errors import ShortCalibrationWarning
from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.regions import WatchedRegion, watched_regions
from normalcy.live.engine.scorer import Tuning
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.settings import ScoringSettings

FalseAlarms = Mapping[str, Sequence[float]]
"""Peak scores of events that people called false alarms, by region."""


def tunings_of(
    camera: CameraConfig, bundle: Bundle, *, size_px: tuple[int, int], false_alarms: FalseAlarms
) -> list[Tuning]:
    """One for each watched region of a camera.

    Args:
        camera: Its configuration.
        bundle: Its detector, with the calibration that belongs to what scores.
        size_px: (height, width) of the detector's maps.
        false_alarms: Of this camera.
    """
    return [
        Tuning(
            region,
            settings_of(camera, bundle.header.scoring, region),
            bundle.calibration.with_false_alarms(false_alarms.get(region.name, ())),
        )
        for region in watched_regions(camera.regions, size_px=size_px)
    ]


def settings_of(camera: CameraConfig, scoring: ScoringSettings, region: WatchedRegion) -> ScoringSettings:
    """Of a bundle, with the rate or threshold of the region, else of the camera; a rate puts a threshold away."""
    if region.threshold is not None:
        return scoring.model_copy(update={"threshold": region.threshold})
    rate = region.false_alarms_per_day or camera.false_alarms_per_day
    if rate is None:
        return scoring
    return scoring.model_copy(update={"false_alarms_per_day": rate, "threshold": None})


def alert_threshold(camera: CameraConfig, tuning: Tuning, *, enter_threshold: float) -> float:
    """The score from which on an event is an alert: where normal video is even rarer, or at once where nobody knows."""
    if tuning.settings.threshold is not None:
        return enter_threshold
    return max(enter_threshold, quiet_threshold(tuning.calibration, camera.alert_per_day))


def quiet_threshold(calibration: Calibration, false_alarms_per_day: float) -> float:
    """A threshold, without the warning that the rate is extrapolated: that is said where a bundle is made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortCalibrationWarning)
        return calibration.threshold(false_alarms_per_day)
