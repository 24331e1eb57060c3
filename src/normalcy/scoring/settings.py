"""How scores become alarms."""

from pydantic import Field

from normalcy.config import StrictConfig


class ScoringSettings(StrictConfig):
    """How scores become alarms.

    Attributes:
        hop_frames: A clip is scored at every so many frames; 1 scores each frame as soon as it comes.
        smoothing_alpha: Weight of the newest score in the causal exponential average; 1 smooths nothing.
        false_alarms_per_day: The rate at which the alarm is to be raised on normal video.
        threshold: A fixed threshold on the smoothed score, in place of the calibrated one; null for none.
        exit_factor: The alarm ends at the score that normal video reaches this many times as often.
        min_event_seconds: Shorter alarms are dropped.
        merge_gap_seconds: Alarms closer than this are one event.
    """

    hop_frames: int = Field(1, ge=1)
    smoothing_alpha: float = Field(0.5, gt=0, le=1)
    false_alarms_per_day: float = Field(1.0, gt=0)
    threshold: float | None = None
    exit_factor: float = Field(10.0, ge=1)
    min_event_seconds: float = Field(0.3, ge=0)
    merge_gap_seconds: float = Field(2.0, ge=0)
