"""What the engine does about changes of events: they go to the store, with the messages that tell of them."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy.orm import Session

from normalcy.live.alerts.messages import EventKind, event_messages
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.minutes import Minute
from normalcy.live.engine.pictures import EventPictures
from normalcy.live.engine.recorder import Job, Recorder
from normalcy.live.events.incident import Change, Step
from normalcy.live.events.media import media_folder
from normalcy.live.store.events import insert_event, update_event
from normalcy.live.store.outbox import enqueue
from normalcy.live.store.records import EventRecord, Lease, ViewRecord
from normalcy.live.store.scores import save_minute
from normalcy.live.store.views import save_view

logger = logging.getLogger(__name__)

_KINDS: dict[Change, EventKind] = {
    Change.OPENED: "event.opened",
    Change.ESCALATED: "event.escalated",
    Change.CLOSED: "event.closed",
}


class Reporter:
    """Puts changes of events to where they belong.

    Args:
        config: In force; another one holds from the next change on.
        recorder: Writes to the store.
        pictures: Of events.
        node: Name of this node, where there are several.

    Attributes:
        leases: By what right cameras are watched, where there are several nodes.
    """

    def __init__(
        self, config: LiveConfig, *, recorder: Recorder, pictures: EventPictures, node: str = ""
    ) -> None:
        self.config = config
        self._recorder, self._pictures, self._node = recorder, pictures, node
        self.leases: dict[str, Lease] = {}

    def report(self, camera: LiveCamera, steps: Sequence[Step]) -> None:
        """Stores what changed, with its messages in the same transaction, and follows it with pictures."""
        for step in steps:
            event = _explained(camera, step)
            self.store(step.change, event)
            self._pictures.follow(camera, replace(step, event=event), self.config.events)
            if step.change is not Change.UPDATED:
                what = step.change.name.lower()
                logger.info("camera %s: event %s %s. %s", camera.name, event.id, what, event.sentence)

    def store(self, change: Change, event: EventRecord) -> None:
        """Stores what changed, with its messages in the same transaction."""
        job, lease = self._job(change, event), self.leases.get(event.camera)
        if change is Change.UPDATED:
            self._recorder.record_if_room(job, lease)
        else:
            self._recorder.record(job, lease)

    def timeline(self, camera: LiveCamera, minutes: Sequence[tuple[str, Minute]]) -> None:
        """Stores parts of the score timeline."""
        for region, minute in minutes:
            job = _minute_job(camera.name, region, minute)
            self._recorder.record_if_room(job, self.leases.get(camera.name))

    def view(self, view: ViewRecord) -> None:
        """Stores what is known of a camera's view."""
        self._recorder.record_if_room(partial(save_view, view=view), self.leases.get(view.camera))

    def _job(self, change: Change, event: EventRecord) -> Job:
        kind = _KINDS.get(change)
        messages = event_messages(event, kind, config=self.config) if kind else []
        is_new, event = change is Change.OPENED, replace(event, node=event.node or self._node)

        def job(session: Session) -> None:
            if is_new:
                insert_event(session, event)
            else:
                update_event(session, event)
            for message in messages:
                enqueue(session, message, at=time.time())

        return job


def _explained(camera: LiveCamera, step: Step) -> EventRecord:
    """With its folder, and as far as its worst moment was seen, with its sentence and place."""
    event, peak = step.event, step.peak
    media = media_folder(event.camera, started_at=event.started_at, event=event.id)
    if peak.map_HW is None:
        return replace(event, media=media)
    try:
        reason = camera.detector.reasoner.reason(peak.map_HW, peak.parts)
    except Exception:
        logger.exception("camera %s: event %s cannot be explained", event.camera, event.id)
        return replace(event, media=media)
    box = reason.place.box if reason.place else None
    edges = (box.left, box.top, box.right, box.bottom) if box else None
    return replace(event, media=media, sentence=reason.sentence, box=edges)


def _minute_job(camera: str, region: str, minute: Minute) -> Job:
    def job(session: Session) -> None:
        save_minute(session, camera, minute.minute, minute.scores, minute.threshold, region=region)

    return job
