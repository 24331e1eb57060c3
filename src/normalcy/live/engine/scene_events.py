"""What the view of a camera did, as events: shown to people who review, and never alerts.

    none --another view--> scene_change --settled--> none
    none --darkness------> dark         --light----> none

A view that is turned on and on, and a change that an engine was killed in, are one event.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from normalcy.live.engine.scene import SceneState
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.store.records import EventRecord

Kind = Literal["scene_change", "dark"]

_SENTENCES: Mapping[Kind, str] = {
    "scene_change": "The camera shows another view.",
    "dark": "The picture is dark: there is nothing to be seen.",
}
_KINDS: Mapping[SceneState, Kind] = {SceneState.LEARNING: "scene_change", SceneState.DARK: "dark"}


class SceneEvents:
    """The events of one camera's view, one after the other.

    Args:
        camera: Written into its events.
        resumed: An event that was open when the engine died.

    Attributes:
        event: The open one.
        seen_at: Wall clock of the last frame: where an event ends whose end nobody sees.
    """

    def __init__(self, camera: str, *, resumed: EventRecord | None = None) -> None:
        self._camera, self.event = camera, resumed
        self._changed_at: float | None = None
        self.seen_at = resumed.ended_at if resumed else 0.0

    def update(self, state: SceneState, *, pts_seconds: float) -> list[Step]:
        """Takes up what the view does from now on.

        Args:
            state: What it does.
            pts_seconds: Time of the frame that showed it in the camera's life: its picture shows the event.
        """
        if state is SceneState.CHANGING:
            self._changed_at = self.seen_at
            return self.close() if self.event is not None and self.event.kind == "dark" else []
        kind = _KINDS.get(state)
        if kind is not None and self.event is not None and self.event.kind == kind:
            return []
        steps = self.close()
        if kind is not None:
            steps.append(self._open(kind, pts_seconds=pts_seconds))
        self._changed_at = None
        return steps

    def close(self) -> list[Step]:
        """Ends the open event."""
        if self.event is None:
            return []
        event, self.event = self.event, None
        ended_at = max(event.started_at, self.seen_at)
        return [_step(Change.CLOSED, replace(event, state="closed", ended_at=ended_at))]

    def _open(self, kind: Kind, *, pts_seconds: float) -> Step:
        at = self.seen_at
        self.event = EventRecord(
            id=uuid.uuid4().hex,
            camera=self._camera,
            kind=kind,
            severity="notice",
            state="open",
            started_at=at if self._changed_at is None else min(self._changed_at, at),
            alarmed_at=at,
            ended_at=at,
            peak_at=at,
            peak_score=0.0,
            threshold=0.0,
            sentence=_SENTENCES[kind],
        )
        return _step(Change.OPENED, self.event, pts_seconds)


def _step(change: Change, event: EventRecord, pts_seconds: float | None = None) -> Step:
    """It has no scores, so no map and no clip: a picture of that time in the camera's life shows it."""
    return Step(change, event, Peak(0.0, event.peak_at, None, {}, pts_seconds=pts_seconds), None)
