"""Which videos a synthesized set has: settings in turn, and over the test videos every kind of anomaly."""

from dataclasses import dataclass

from normalcy.datasets.base import Split
from normalcy.datasets.walkway.actors import ANOMALY_KINDS, AnomalyKind
from normalcy.datasets.walkway.settings import SETTING_NAMES, SettingName


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


def plan_videos(*, train_videos: int, test_videos: int) -> list[PlannedVideo]:
    """Training videos, then test videos with one or two anomalies each; seven test videos have every kind."""
    return [*_training(train_videos), *_testing(test_videos)]


def _training(count: int) -> list[PlannedVideo]:
    settings = [SETTING_NAMES[index % len(SETTING_NAMES)] for index in range(count)]
    return [
        PlannedVideo(f"{number:02d}_{setting}", "train", number, setting)
        for number, setting in enumerate(settings, start=1)
    ]


def _testing(count: int) -> list[PlannedVideo]:
    videos: list[PlannedVideo] = []
    free_choices = 0
    for number in range(1, count + 1):
        kinds = _kinds(number - 1)
        if "against_flow" in kinds:
            setting: SettingName = "corridor"
        else:
            setting = SETTING_NAMES[free_choices % len(SETTING_NAMES)]
            free_choices += 1
        videos.append(PlannedVideo(f"{number:02d}_{setting}", "test", number, setting, kinds))
    return videos


def _kinds(index: int) -> tuple[AnomalyKind, ...]:
    """One kind after another, and with every other one a second that is three kinds further."""
    first, second = (ANOMALY_KINDS[place % len(ANOMALY_KINDS)] for place in (index, index + 3))
    if index % 2:
        return (first,)
    # What was left behind stays to the end, so it comes last.
    return (second, first) if first == "abandoned_object" else (first, second)
