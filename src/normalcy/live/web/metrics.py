"""What Prometheus is told; read from the engine and the store when it asks."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from normalcy.errors import NormalcyError
from normalcy.live.cameras.state import CameraState
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS
from normalcy.live.status import CameraStatus, EngineCounters, NodeStatus, StageStatus
from normalcy.live.store.events import count_events, opened_events
from normalcy.live.store.receivers import ReceiverCounts
from normalcy.live.store.records import EventFilter
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.probes import alert_counts, receivers

router = APIRouter(include_in_schema=False)

_CAMERA_GAUGES: Final = (
    ("alarmed", "Whether the alarm is on.", "alarmed"),
    ("buffer_frames", "Frames that wait to be scored.", "waiting"),
    ("frame_age_seconds", "Since the last frame.", "frame_age_seconds"),
    ("score", "Smoothed score of the newest verdict.", "score"),
    ("threshold", "Of the alarm.", "threshold"),
)
_RECEIVER_COUNTERS: Final = {
    "sent": "Messages that arrived.",
    "failed_attempts": "Attempts that failed, also of messages that arrived later.",
    "dead": "Messages that were given up.",
    "held": "Messages that were kept back by the rate limit.",
}
_ENGINE_COUNTERS: Final = {
    "lost": "Changes of events and cameras that could never be stored.",
    "gave_way": "Parts of timelines that were left out because too much waited.",
    "refusals": "How often the store refused for a while.",
    "media_failures": "Pictures and clips that could not be written.",
    "thinned_pictures": "Pictures that clips had no room for.",
    "lesson_failures": "False alarms that could not be taught.",
    "fenced": "Changes that were not stored because another node has their camera by now.",
}


@router.get("/metrics", response_class=Response)
def metrics(board: Board) -> Response:
    """In the text format of Prometheus; `process_...` is of the main process, which this is a part of."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DashboardCollector(board))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class DashboardCollector(Collector):
    """All metrics of one dashboard."""

    def __init__(self, board: Dashboard) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        yield InfoMetricFamily("normalcy_build", "Version.", value={"version": version("normalcy")})
        yield _gauge(
            "normalcy_ready", "Whether everything that should run does.", self._board.engine.is_ready
        )
        own = self._board.engine.node
        cameras = [each for each in self._board.engine.cameras() if each.node in ("", own)]
        if own:
            yield from node_metrics(own, self._board.engine.nodes())
        yield from camera_counters(cameras)
        yield from camera_gauges(cameras)
        yield latency(cameras)
        yield from stage_metrics(self._board.engine.stages())
        yield from engine_counters(self._board.engine.counters())
        yield CounterMetricFamily(
            "normalcy_stream_dropped", "Messages left out for slow pages.", value=self._board.hub.dropped
        )
        yield from self._stored()

    def _stored(self) -> Iterator[Metric]:
        counts, database = alert_counts(self._board)
        yield _gauge("normalcy_database_up", "Whether the database answers.", database == "ok")
        yield _by_label("normalcy_alert_messages", "Messages to receivers by state.", "state", counts)
        yield from receiver_metrics(receivers(self._board))
        try:
            with self._board.store.reading() as session:
                kept = {
                    each: count_events(session, EventFilter(severity=each)) for each in ("notice", "alert")
                }
                opened = opened_events(session)
        except NormalcyError:
            return  # normalcy_database_up says so
        yield _by_label("normalcy_events_kept", "Events in the store, by severity.", "severity", kept)
        yield _counter("normalcy_events_opened", "Events that ever began, by kind.", "kind", opened)


def receiver_metrics(outcomes: Mapping[str, ReceiverCounts]) -> Iterator[Metric]:
    """Of each receiver of alerts."""
    for name, text in _RECEIVER_COUNTERS.items():
        values = {receiver: getattr(each, name) for receiver, each in outcomes.items()}
        yield _counter(f"normalcy_alert_{name}", text, "receiver", values)
    waiting = {receiver: each.waiting for receiver, each in outcomes.items()}
    yield _by_label("normalcy_alert_waiting", "Messages that wait.", "receiver", waiting)
    last = {receiver: each.last_sent_at for receiver, each in outcomes.items() if each.last_sent_at}
    text = "When one arrived last, in seconds since 1970."
    yield _by_label("normalcy_alert_last_sent_seconds", text, "receiver", last)


def node_metrics(own: str, nodes: Sequence[NodeStatus]) -> Iterator[Metric]:
    """Of this node among several, and how many of them live; each tells of its own cameras alone."""
    counts = {each.name: len(each.cameras) for each in nodes if each.is_here}
    yield _by_label("normalcy_node_cameras", "Cameras that this node watches.", "node", counts or {own: 0})
    alive = sum(each.state == "alive" for each in nodes)
    yield _gauge("normalcy_nodes_alive", "Nodes that are heard, and can watch cameras.", alive)


def engine_counters(counters: EngineCounters) -> Iterator[Metric]:
    """What could not be kept."""
    for name, text in _ENGINE_COUNTERS.items():
        yield CounterMetricFamily(f"normalcy_{name}", text, value=getattr(counters, name))


def camera_counters(cameras: list[CameraStatus]) -> Iterator[Metric]:
    """What only grows."""
    frames = CounterMetricFamily("normalcy_frames_in", "Frames decoded.", labels=["camera"])
    scored = CounterMetricFamily("normalcy_frames_scored", "Frames that got a verdict.", labels=["camera"])
    reconnects = CounterMetricFamily("normalcy_reconnects", "Sources opened again.", labels=["camera"])
    dropped = CounterMetricFamily("normalcy_frames_dropped", "Frames not scored.", labels=["camera", "cause"])
    for camera in cameras:
        frames.add_metric([camera.name], camera.frames_in)
        scored.add_metric([camera.name], camera.frames_scored)
        reconnects.add_metric([camera.name], camera.reconnects)
        for cause, count in camera.dropped.items():
            dropped.add_metric([camera.name, cause], count)
    yield from (frames, scored, reconnects, dropped)


def camera_gauges(cameras: list[CameraStatus]) -> Iterator[Metric]:
    """How cameras stand now; what is not known is left out."""
    states = GaugeMetricFamily(
        "normalcy_camera_state", "1 for the state it is in.", labels=["camera", "state"]
    )
    for camera in cameras:
        for state in CameraState:
            states.add_metric([camera.name, state.name.lower()], float(camera.state is state))
    yield states
    for name, text, attribute in _CAMERA_GAUGES:
        values = {camera.name: getattr(camera, attribute) for camera in cameras}
        known = {camera: value for camera, value in values.items() if value is not None}
        yield _by_label(f"normalcy_camera_{name}", text, "camera", known)


def latency(cameras: list[CameraStatus]) -> Metric:
    """From capture to score."""
    family = HistogramMetricFamily("normalcy_latency_seconds", "From capture to score.", labels=["camera"])
    bounds = [*(str(bound) for bound in LATENCY_BOUNDS_SECONDS), "+Inf"]
    for camera in cameras:
        if camera.latency_counts:
            below = list(accumulate(camera.latency_counts))
            buckets = [(bound, float(count)) for bound, count in zip(bounds, below, strict=True)]
            family.add_metric([camera.name], buckets, sum_value=camera.latency_sum_seconds)
    return family


def stage_metrics(stages: list[StageStatus]) -> Iterator[Metric]:
    """Of the processes."""
    up = {stage.name: stage.state == "running" for stage in stages}
    yield _by_label("normalcy_stage_up", "Whether a process runs.", "stage", up)
    memory = {stage.name: stage.memory_bytes for stage in stages if stage.memory_bytes is not None}
    yield _by_label("normalcy_stage_memory_bytes", "Resident memory of a process.", "stage", memory)
    restarts = {stage.name: stage.restarts for stage in stages}
    yield _counter("normalcy_stage_restarts", "How often a process died.", "stage", restarts)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _by_label(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _counter(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
