"""Events and verdicts."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query

from normalcy.live.store.events import events_overlapping, find_events
from normalcy.live.store.records import EventFilter, EventRecord, Severity
from normalcy.live.store.verdicts import verdict_history
from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.media_files import event_or_404, media_names
from normalcy.live.web.schemas import EffectOut, EventOut, EventPage, VerdictIn, VerdictOut
from normalcy.live.web.verdicts import judge

router = APIRouter(prefix="/api/v1/events", tags=["events"])


@router.get("")
def list_events(
    board: Board,
    camera: Annotated[list[str], Query(default_factory=list, max_length=64)],
    severity: Severity | None = None,
    verdict: Literal["confirmed", "false_alarm", "none"] | None = None,
    state: Literal["open", "closed"] | None = None,
    kind: Annotated[str | None, Query(max_length=20)] = None,
    since: float | None = None,
    until: float | None = None,
    before: Annotated[str | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> EventPage:
    """Events that began in a span, newest first, a page at a time."""
    wanted = EventFilter(
        cameras=tuple(camera),
        severity=severity,
        verdict=verdict,
        state=state,
        kind=kind,
        since=since,
        until=until,
        before=place(before),
    )
    with board.store.reading() as session:
        events = find_events(session, wanted, limit=limit)
    return EventPage(
        events=[EventOut.of(event, media=media_names(board.media, event)) for event in events],
        next=place_text(events[-1]) if len(events) == limit else None,
    )


@router.get("/overlapping")
def list_overlapping(
    board: Board,
    camera: str,
    since: float,
    until: float,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> EventPage:
    """Events of one camera that went on at some time of a span, newest first; a `next` means that more are there."""
    board.camera(camera)
    with board.store.reading() as session:
        found = events_overlapping(session, camera, since, until, limit=limit + 1)
    shown = found[:limit]
    return EventPage(
        events=[EventOut.of(event, media=media_names(board.media, event)) for event in shown],
        next=place_text(shown[-1]) if len(found) > limit else None,
    )


@router.get("/{event_id}")
def get_event(board: Board, event_id: str) -> EventOut:
    """One event."""
    event = event_or_404(board, event_id)
    return EventOut.of(event, media=media_names(board.media, event))


@router.get("/{event_id}/verdicts")
def get_verdicts(board: Board, event_id: str) -> list[VerdictOut]:
    """Who said what of it, and when; the last one holds."""
    event_or_404(board, event_id)
    with board.store.reading() as session:
        return [
            VerdictOut.model_validate({"verdict": each.verdict, "by": each.by, "at": each.at})
            for each in verdict_history(session, event_id)
        ]


@router.get("/{event_id}/effect")
def get_effect(board: Board, event_id: str) -> EffectOut:
    """What marking it as a false alarm would do."""
    event_or_404(board, event_id)
    return EffectOut.of(board.engine.verdict_effect(event_id))


@router.put("/{event_id}/verdict")
def put_verdict(board: Board, identity: Someone, event_id: str, given: VerdictIn) -> EventOut:
    """Says what it was, or takes that back; viewers may."""
    judge(board, event_or_404(board, event_id), given.verdict, by=identity.name)
    return get_event(board, event_id)


def place(text: str | None) -> tuple[float, str] | None:
    """Where a page ends, from `next`; answers 422 where it is none."""
    if text is None:
        return None
    started_at, _, event_id = text.partition("-")
    try:
        return float(started_at), event_id
    except ValueError as error:
        raise HTTPException(422, "before: not the `next` of a page") from error


def place_text(event: EventRecord) -> str:
    """The other way round."""
    return f"{event.started_at!r}-{event.id}"
