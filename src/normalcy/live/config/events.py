"""What becomes of an alarm."""

from pydantic import Field

from normalcy.config import StrictConfig


class EventsConfig(StrictConfig):
    """How alarms become events.

    Attributes:
        cool_down_seconds: An alarm so soon after an event's end joins it and sends no other alert.
        pre_roll_seconds: Of its clip, before it starts.
        post_roll_seconds: Of its clip, after it ends.
        longest_clip_seconds: A clip is cut there; the event goes on.
        clip_fps: Pictures per second of clips.
        offline_alert_seconds: A camera that is gone for so long is told of.
    """

    cool_down_seconds: float = Field(10.0, ge=0)
    pre_roll_seconds: float = Field(4.0, ge=0, le=30)
    post_roll_seconds: float = Field(2.0, ge=0, le=30)
    longest_clip_seconds: float = Field(60.0, gt=0, le=600)
    clip_fps: float = Field(8.0, gt=0, le=30)
    offline_alert_seconds: float = Field(30.0, ge=0)
