"""What the dashboard knows of the engine, and may ask of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig

NodeState = Literal["alive", "starting", "silent", "stopped"]


@dataclass(frozen=True)
class CameraStatus:
    """One camera as it is now.

    Attributes:
        name, title: What it is called.
        source: Without credentials.
        state, state_since, reason: Where it stands, since when (seconds since 1970), and why.
        frame_age_seconds: Since the last frame; none before there is one.
        size_px: (height, width) of the source's picture.
        source_fps: As the stream says.
        frames_in: Decoded since it was added.
        frames_scored: That got a verdict.
        scored_age_seconds: Since the last verdict; none before there is one.
        dropped: Frames by cause (`frames.counters.Drop` in small letters).
        buffered: Frames that were put into its buffer.
        taken: Frames that left it, or gave way there: scored, dropped, or in the window of the next clip.
        waiting: Frames in its buffer.
        reconnects: How often it had to be opened again.
        score: Smoothed, of the newest verdict; none before there is one.
        threshold: Of the alarm; none where it never alarms.
        rate_per_day: How often normal video reaches the score.
        alarmed: Whether the alarm is on.
        event: Id of the open event.
        scene: `settled`, `changing`, `learning` (a new view), `dark` or `unknown`.
        watching: Whether its schedule lets it alarm now.
        latency_counts: Capture to score, by `frames.counters.LATENCY_BOUNDS_SECONDS`.
        latency_sum_seconds: All of them together.
        node: That watches it; empty where none does, or where there is only this engine.
    """

    name: str
    title: str
    source: str
    state: CameraState
    state_since: float
    reason: str = ""
    frame_age_seconds: float | None = None
    size_px: tuple[int, int] = (0, 0)
    source_fps: float = 0.0
    codec: str = ""
    frames_in: int = 0
    frames_scored: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    buffered: int = 0
    taken: int = 0
    waiting: int = 0
    reconnects: int = 0
    score: float | None = None
    threshold: float | None = None
    rate_per_day: float | None = None
    alarmed: bool = False
    event: str | None = None
    scene: str = "unknown"
    watching: bool = True
    latency_counts: tuple[int, ...] = ()
    latency_sum_seconds: float = 0.0
    scored_age_seconds: float | None = None
    node: str = ""


@dataclass(frozen=True)
class NodeStatus:
    """One engine of several that share a database.

    Attributes:
        name: Of the node.
        state: `alive`, `starting` (its detectors are not open yet), `silent` (it was not heard for too long, and has
            lost its cameras) or `stopped`.
        is_here: Whether it is the one that is asked.
        silent_seconds: Since its last sign of life.
        started_at: In seconds since 1970.
        cameras: That it watches.
        capacity: Cameras at most; none without a limit.
        frames_per_second: That it scores, in all.
        version: Of normalcy.
        address: Of its dashboard; empty without one.
        unlike: Cameras that it knows by other settings than the node that is asked, or that only one of both knows.
    """

    name: str
    state: NodeState
    is_here: bool
    silent_seconds: float
    started_at: float
    cameras: tuple[str, ...] = ()
    capacity: int | None = None
    frames_per_second: float = 0.0
    version: str = ""
    address: str = ""
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageStatus:
    """One process of the engine.

    Attributes:
        name: `inference`, `alerts`, `capture NAME`.
        state: `running`, `restarting`, `stopped` or `failed`.
        pid: Of the process; none where there is none.
        restarts: How often it died.
        reason: Why it died last.
        memory_bytes: Resident; none where unknown.
    """

    name: str
    state: Literal["running", "restarting", "stopped", "failed"]
    pid: int | None = None
    restarts: int = 0
    reason: str = ""
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Note:
    """Something that a person should look at; it goes once it is mended.

    Attributes:
        topic: What it is about, such as `configuration`.
        text: What is wrong, and what to do; without credentials.
        at: Since when, in seconds since 1970.
    """

    topic: str
    text: str
    at: float


@dataclass(frozen=True)
class EngineCounters:
    """What the engine could not keep, since it was started; a process that died takes nothing of it back.

    Attributes:
        lost: Changes of events and cameras that could never be stored.
        gave_way: Parts of timelines, and of what grown events are by now, that were left out because too much waited.
        refusals: How often the store refused for a while.
        media_failures: Pictures and clips that could not be written.
        thinned_pictures: Pictures that were left out of clips because all clips together grew too large.
        lesson_failures: False alarms that could not be taught.
        fenced: Changes that were not written because another node has their camera by now.
    """

    lost: int = 0
    gave_way: int = 0
    refusals: int = 0
    media_failures: int = 0
    thinned_pictures: int = 0
    lesson_failures: int = 0
    fenced: int = 0


@dataclass(frozen=True)
class CalibrationView:
    """The threshold of a camera's region, and what other rates would have meant.

    Attributes:
        region: Whose it is; empty for the whole picture.
        false_alarms_per_day: What it is set to.
        threshold: What that comes to.
        described: Where that comes from, in a sentence.
        observed_days: Over how much of its own past the preview reaches.
        preview: (false alarms per day, threshold, events there would have been in that time), by descending rate.
        learned: False alarms that people marked, which raise the threshold.
    """

    false_alarms_per_day: float
    threshold: float
    described: str
    observed_days: float
    preview: Sequence[tuple[float, float, int]]
    learned: int = 0
    region: str = ""


@dataclass(frozen=True)
class VerdictEffect:
    """What marking an event as a false alarm does.

    Attributes:
        threshold_before, threshold_after: Of its camera.
        silenced: Ids of other past events that would not have alarmed with the new threshold.
        silenced_confirmed: Those of them that people confirmed.
    """

    threshold_before: float
    threshold_after: float
    silenced: tuple[str, ...] = ()
    silenced_confirmed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProbeResult:
    """What a source answered when it was tried.

    Attributes:
        ok: Whether a frame came.
        message: What it is, or why not; without credentials.
        jpeg: Its picture.
    """

    ok: bool
    message: str
    jpeg: bytes | None = None


class Engine(Protocol):
    """What the dashboard asks of the engine. All of it may be called from any thread."""

    @property
    def config(self) -> LiveConfig:
        """As it is in force."""
        ...

    @property
    def node(self) -> str:
        """Name of this node, where several engines share the database; empty where this one has it for itself."""
        ...

    def nodes(self) -> list[NodeStatus]:
        """All of them, by name; none where this engine is by itself."""
        ...

    def cameras(self) -> list[CameraStatus]:
        """In the order of the configuration."""
        ...

    def stages(self) -> list[StageStatus]:
        """All processes."""
        ...

    def notes(self) -> list[Note]:
        """What a person should look at, the newest last."""
        ...

    def picture(self, camera: str, *, heat: bool) -> bytes | None:
        """The newest picture as JPEG, with the heat map where asked for; None where there is none."""
        ...

    def raw_camera(self, camera: str) -> dict[str, Any]:
        """What the configuration file says of a camera, as it is written there: secrets stay references."""
        ...

    def save_camera(self, camera: str, settings: Mapping[str, Any] | None) -> None:
        """Writes a camera into the configuration file, or takes it out, and puts that into force.

        Raises:
            ConfigError: The configuration would be wrong; nothing was changed.
        """
        ...

    def change_camera(
        self, camera: str, change: Callable[[dict[str, Any]], Mapping[str, Any] | None]
    ) -> None:
        """The same from what the file says of the camera by now: nobody writes between reading and writing.

        Args:
            camera: Of that name; a new one where there is none.
            change: Gets what the file says of it, empty where it says nothing; gives what it shall say, or None to take
                the camera out. Must not ask the engine for anything.

        Raises:
            ConfigError: The configuration would be wrong; nothing was changed.
        """
        ...

    def try_source(self, source: str, *, transport: str = "tcp") -> ProbeResult:
        """Opens a source in a process of its own, within its time-outs, and tells what came."""
        ...

    def counters(self) -> EngineCounters:
        """What could not be kept."""
        ...

    def calibration(self, camera: str, region: str | None = None) -> CalibrationView:
        """Of a region of a camera; None is the first that the camera's own rate holds for.

        Raises:
            ConfigError: There is no such camera or region, or its detector is not open yet.
        """
        ...

    def threshold(self, camera: str, region: str) -> float:
        """The threshold alone of a region of a camera; raises as `calibration`."""
        ...

    def verdict_effect(self, event_id: str) -> VerdictEffect:
        """What it would do to mark an event as a false alarm."""
        ...

    def verdict_given(self, event_id: str) -> None:
        """A verdict was stored or taken back: thresholds follow."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether everything that should run does."""
        ...
