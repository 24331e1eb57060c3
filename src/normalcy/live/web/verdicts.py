"""A person says what an event was, and thresholds follow."""

import time
from dataclasses import dataclass

from normalcy.errors import NormalcyError
from normalcy.live.status import Engine, VerdictEffect
from normalcy.live.store.records import EventRecord, Verdict
from normalcy.live.store.verdicts import give_verdict
from normalcy.live.web.dashboard import Dashboard


@dataclass(frozen=True)
class ThresholdChange:
    """What a verdict did to the threshold of its camera.

    Attributes:
        silenced: Ids of other past events that would not have alarmed with it.
        confirmed: Those of them that people confirmed.
    """

    before: float
    after: float
    silenced: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()


def judge(
    board: Dashboard, event: EventRecord, verdict: Verdict | None, *, by: str
) -> ThresholdChange | None:
    """Stores a verdict, or takes it back, and tells the engine.

    Returns:
        How the threshold moved; None where it did not, or the camera has none.
    """
    teaches = event.kind == "anomaly" and verdict == "false_alarm"
    untaught = event.verdict == "false_alarm" and not teaches
    effect = effect_of(board.engine, event) if teaches else None
    before = _threshold(board.engine, event) if untaught else None
    with board.store.transaction() as session:
        give_verdict(session, event.id, verdict, by=by, at=time.time())
    board.engine.verdict_given(event.id)
    if effect and effect.threshold_before != effect.threshold_after:
        silenced = effect.silenced, effect.silenced_confirmed
        return ThresholdChange(effect.threshold_before, effect.threshold_after, *silenced)
    return _moved(before, _threshold(board.engine, event)) if untaught else None


def effect_of(engine: Engine, event: EventRecord) -> VerdictEffect | None:
    """What "false alarm" would do; None where it would do nothing, or its camera is gone or not calibrated."""
    try:
        return engine.verdict_effect(event.id)
    except NormalcyError:
        return None


def _threshold(engine: Engine, event: EventRecord) -> float | None:
    """Of the area that the event was in."""
    try:
        return engine.threshold(event.camera, event.region)
    except NormalcyError:
        return None


def _moved(before: float | None, after: float | None) -> ThresholdChange | None:
    if before is None or after is None or before == after:
        return None
    return ThresholdChange(before, after)
