"""Which videos a synthesized set has: settings in turn, and over the test videos every kind of anomaly."""

from collections.abc import Sequence
from dataclasses import dataclass

from normalcy.datasets.base import Split
from normalcy.datasets.walkway.actors import ANOMALY_KINDS, AnomalyKind
from normalcy.datasets.walkway.settings import SETTING_NAMES, SettingName
from normalcy.errors import ConfigError


@dataclass(frozen=True)
class PlannedVideo:
    """A video to be made.

    Attributes:
        name: Unique within its split.
        split: Where it belongs.
        number: From 1, within its split.
        setting: Where it plays.
        kinds: Anomalies in order of appearance.
    """

    name: str
    split: Split
    number: int
    setting: SettingName
    kinds: tuple[AnomalyKind, ...] = ()


def plan_videos(
    *,
    train_videos: int,
    test_videos: int,
    settings: Sequence[SettingName] = SETTING_NAMES,
    anomalies: Sequence[AnomalyKind] = ANOMALY_KINDS,
) -> list[PlannedVideo]:
    """Training videos, then test videos with one or two anomalies each.

    As many test videos as there are kinds of anomaly, or more, have every kind.

    Args:
        train_videos: How many normal videos.
        test_videos: How many videos with anomalies.
        settings: Used in turn.
        anomalies: Used in turn; `against_flow` always plays in the corridor.

    Raises:
        ConfigError: No settings or no anomalies to choose from, or `against_flow` without the corridor.
    """
    if not settings or not anomalies:
        raise ConfigError("no settings or no anomalies to choose from", where="walkway")
    if "against_flow" in anomalies and "corridor" not in settings:
        hint = "Add the setting 'corridor', or leave 'against_flow' out"
        raise ConfigError("'against_flow' needs a one-way setting", where="walkway", hint=hint)
    return [*_training(train_videos, settings), *_testing(test_videos, settings, anomalies)]


def _training(count: int, settings: Sequence[SettingName]) -> list[PlannedVideo]:
    chosen = [settings[index % len(settings)] for index in range(count)]
    return [
        PlannedVideo(f"{number:02d}_{setting}", "train", number, setting)
        for number, setting in enumerate(chosen, start=1)
    ]


def _testing(
    count: int, settings: Sequence[SettingName], anomalies: Sequence[AnomalyKind]
) -> list[PlannedVideo]:
    videos: list[PlannedVideo] = []
    free_choices = 0
    for number in range(1, count + 1):
        kinds = _kinds(number - 1, anomalies)
        if "against_flow" in kinds:
            setting: SettingName = "corridor"
        else:
            setting = settings[free_choices % len(settings)]
            free_choices += 1
        videos.append(PlannedVideo(f"{number:02d}_{setting}", "test", number, setting, kinds))
    return videos


def _kinds(index: int, anomalies: Sequence[AnomalyKind]) -> tuple[AnomalyKind, ...]:
    """One kind after another, and with every other one a second from half-way further on."""
    count = len(anomalies)
    first, second = anomalies[index % count], anomalies[(index + count // 2) % count]
    if index % 2 or first == second:
        return (first,)
    # What was left behind stays to the end, so it comes last.
    return (second, first) if first == "abandoned_object" else (first, second)
