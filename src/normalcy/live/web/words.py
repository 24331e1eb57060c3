"""How states, times and rates are said to people."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from normalcy.live.cameras.state import CameraState
from normalcy.live.status import CameraStatus, NodeState

STATE_WORDS: Final[Mapping[CameraState, str]] = {
    CameraState.CONNECTING: "Connecting",
    CameraState.ONLINE: "Live",
    CameraState.STALLED: "Picture frozen",
    CameraState.OFFLINE: "Offline",
    CameraState.DISABLED: "Switched off",
    CameraState.FAILED: "Not working",
}
STATE_TONES: Final[Mapping[CameraState, str]] = {
    CameraState.CONNECTING: "warn",
    CameraState.ONLINE: "good",
    CameraState.STALLED: "warn",
    CameraState.OFFLINE: "bad",
    CameraState.DISABLED: "off",
    CameraState.FAILED: "bad",
}
NODE_WORDS: Final[Mapping[NodeState, str]] = {
    "alive": "Alive",
    "starting": "Starting",
    "silent": "Not heard",
    "stopped": "Stopped",
}
NODE_TONES: Final[Mapping[NodeState, str]] = {
    "alive": "good",
    "starting": "warn",
    "silent": "bad",
    "stopped": "off",
}
NOT_SCORED: Final = "not_scored"
SHOWN_STATES: Final[Mapping[str, tuple[str, str]]] = {
    **{state.name.lower(): (words, STATE_TONES[state]) for state, words in STATE_WORDS.items()},
    NOT_SCORED: ("Not scored", "bad"),
}
"""Words and tone of what a camera is shown as."""
UNSCORED_SECONDS: Final = 20.0
"""A scorer that died is back by then."""
_NOTHING_TO_SCORE: Final = frozenset({"dark", "changing", "learning"})
"""Views that are not scored, which is as it should be."""
DROP_WORDS: Final[Mapping[str, str]] = {
    "buffer_full": "Scoring was behind, the newest frame was kept",
    "rate_cap": "Beyond the frame rate you set",
    "stride": "Left out, as you set",
    "damaged": "Damaged on the way",
    "scene_change": "The view was changing",
    "restart": "Around a restart",
    "repeated": "Given again by its server",
}
SCENE_WORDS: Final[Mapping[str, str]] = {
    "settled": "As usual",
    "changing": "The view is changing",
    "learning": "A new view: getting used to it",
    "dark": "Dark",
    "unknown": "Not known yet",
}
KIND_WORDS: Final[Mapping[str, str]] = {
    "anomaly": "Something unusual",
    "scene_change": "The view changed",
    "dark": "Suddenly dark",
}
SEVERITY_WORDS: Final[Mapping[str, str]] = {"alert": "Alert", "notice": "Notice"}
VERDICT_WORDS: Final[Mapping[str | None, str]] = {
    "confirmed": "Confirmed",
    "false_alarm": "False alarm",
    None: "Not reviewed",
}
STAGE_WORDS: Final[Mapping[str, str]] = {
    "running": "Running",
    "restarting": "Starting again",
    "stopped": "Stopped",
    "failed": "Failed",
}
STAGE_TONES: Final[Mapping[str, str]] = {
    "running": "good",
    "restarting": "warn",
    "stopped": "off",
    "failed": "bad",
}
MESSAGE_WORDS: Final[Mapping[str, str]] = {
    "waiting": "Waiting to be sent",
    "sent": "Sent",
    "held": "Held back by the hourly limit",
    "dead": "Given up",
}

_SPANS: Final = ((86400.0, "day", "days"), (3600.0, "h", "h"), (60.0, "min", "min"), (1.0, "s", "s"))
_PERIODS: Final = (
    (24.0, "an hour"),
    (1.0, "a day"),
    (1 / 7, "a week"),
    (1 / 30, "a month"),
    (1 / 365, "a year"),
)


def shown_state(camera: CameraStatus) -> str:
    """What a camera is shown as: its state, but `not_scored` where frames come that somebody should judge."""
    has_frames = camera.state is CameraState.ONLINE and camera.frame_age_seconds is not None
    if has_frames and camera.scene not in _NOTHING_TO_SCORE and is_unscored(camera):
        return NOT_SCORED
    return camera.state.name.lower()


def is_unscored(camera: CameraStatus) -> bool:
    """Whether its last verdict is older than it may be, and it had the time to get another since it came back."""
    online_seconds = time.time() - camera.state_since
    scored_age_seconds = online_seconds if camera.scored_age_seconds is None else camera.scored_age_seconds
    return min(online_seconds, scored_age_seconds) > UNSCORED_SECONDS


def span_words(seconds: float) -> str:
    """A length of time, in its largest unit.

    >>> span_words(0.4), span_words(75), span_words(86400 * 3)
    ('0.4 s', '1 min', '3 days')
    """
    if seconds < 1:
        return f"{max(seconds, 0.0):.1f} s"
    size, one, many = next(each for each in _SPANS if seconds >= each[0])
    count = int(seconds / size)
    return f"{count} {one if count == 1 else many}"


def rate_words(per_day: float) -> str:
    """How often something happens.

    >>> rate_words(48), rate_words(3), rate_words(0.5), rate_words(0.001)
    ('about 2 an hour', 'about 3 a day', 'about 4 a week', 'less than 1 a year')
    """
    for per, period in _PERIODS:
        if per_day >= per * 0.999:
            return f"about {per_day / per:.0f} {period}"
    return "less than 1 a year"


def bytes_words(size: float) -> str:
    """An amount of memory or disk.

    >>> bytes_words(512), bytes_words(3_400_000), bytes_words(52_000_000_000)
    ('512 B', '3.4 MB', '52 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def when_words(at: float, *, zone: tzinfo | None, now: float) -> str:
    """A time of day, with its date where that is not today; `zone` None is the machine's.

    >>> when_words(0.0, zone=UTC, now=60.0), when_words(0.0, zone=UTC, now=1e9)
    ('00:00:00', '1 Jan 1970, 00:00:00')
    """
    local, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    clock = f"{local:%H:%M:%S}"
    if local.date() == today.date():
        return clock
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {clock}"


def iso(at: float) -> str:
    """A time for programs."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def figure(value: float | None) -> str:
    """A score or threshold.

    >>> figure(1.23456), figure(None)
    ('1.23', '—')
    """
    return "—" if value is None else f"{value:.3g}"
