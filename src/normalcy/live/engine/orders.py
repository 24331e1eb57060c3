"""What the supervisor and the inference process say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from normalcy.live.config.live import LiveConfig
from normalcy.live.frames.memory import MemoryName
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.settings import ScoringSettings


@dataclass(frozen=True)
class InferenceJob:
    """What the process is started with.

    Attributes:
        config: In force; its cameras come later, by `Configure`.
        store_url: Of the event store, with its secrets in place.
        media: Folder of pictures and clips.
    """

    config: LiveConfig
    store_url: str = field(repr=False)
    media: Path


@dataclass(frozen=True)
class DetectorFacts:
    """What other processes must know of a detector.

    Attributes:
        spec: The clips it reads.
        calibration: From score to false alarms per day, as it was fitted.
        scoring: How its scores become alarms.
        backend: What scores.
        map_range: Map values of the first and the last colour.
    """

    spec: ClipSpec
    calibration: Calibration
    scoring: ScoringSettings
    backend: str
    map_range: tuple[float, float]


@dataclass(frozen=True)
class Ready:
    """The process is up: its detectors by name."""

    detectors: Mapping[str, DetectorFacts]


@dataclass(frozen=True)
class Configure:
    """Takes another configuration up; detectors stay as they are.

    Attributes:
        config: From now on.
        cameras: All that are watched from now on.
    """

    config: LiveConfig
    cameras: Mapping[str, MemoryName]


@dataclass(frozen=True)
class Relearn:
    """People said something of a camera's events."""

    camera: str


Order = Configure | Relearn
"""What the inference process is told."""
