"""What the supervisor and the inference process say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from normalcy.live.config.live import LiveConfig
from normalcy.live.frames.memory import MemoryName
from normalcy.live.store.records import Lease
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
        node: Name of this node; empty where this engine has the database for itself.
    """

    config: LiveConfig
    store_url: str = field(repr=False)
    media: Path
    node: str = ""


@dataclass(frozen=True)
class DetectorFacts:
    """What other processes must know of a detector.

    Attributes:
        spec: The clips it reads.
        calibration: From score to false alarms per day, as it was fitted.
        scoring: How its scores become alarms.
        backend: What scores.
        identity: Digest of what makes its scores; those of another identity say nothing of this one's.
    """

    spec: ClipSpec
    calibration: Calibration
    scoring: ScoringSettings
    backend: str
    identity: str


@dataclass(frozen=True)
class Ready:
    """The process is up: its detectors by name."""

    detectors: Mapping[str, DetectorFacts]


@dataclass(frozen=True)
class Counters:
    """The process lives, and what it counted since it began; sent by the scoring loop itself every second or two.

    Attributes:
        lost: Changes of events that the store never took.
        gave_way: Parts of timelines, and news of events, that were left out because too much waited.
        refusals: How often the store refused for a while.
        refused_since: Wall clock, since when it refuses now; None where it takes what comes.
        media_failures: Pictures and clips that could not be written.
        thinned_pictures: Pictures that were left out of clips because all clips together grew too large.
        lesson_failures: False alarms that could not be taught.
        fenced: Changes that were not written because another node has their camera by now.
    """

    lost: int = 0
    gave_way: int = 0
    refusals: int = 0
    refused_since: float | None = None
    media_failures: int = 0
    thinned_pictures: int = 0
    lesson_failures: int = 0
    fenced: int = 0


@dataclass(frozen=True)
class Left:
    """All that was seen on a camera under a lease is written: another node may have it."""

    lease: Lease


@dataclass(frozen=True)
class Configure:
    """Takes another configuration up; detectors stay as they are.

    Attributes:
        config: From now on.
        cameras: All that are watched from now on.
        leases: By what right, among several nodes. What goes on at a camera that is in the configuration, and not here
            any more, goes on with another node: its events stay open.
    """

    config: LiveConfig
    cameras: Mapping[str, MemoryName]
    leases: Mapping[str, Lease] = field(default_factory=dict)


@dataclass(frozen=True)
class HandOver:
    """This node ends, and others go on with its cameras: events stay open."""


@dataclass(frozen=True)
class Relearn:
    """People said something of a camera's events."""

    camera: str


Order = Configure | HandOver | Relearn
"""What the inference process is told."""
