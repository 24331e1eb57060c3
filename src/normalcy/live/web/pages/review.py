"""The review queue: what happened, and was it worth an alarm."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from normalcy.live.store.events import count_events, find_events
from normalcy.live.store.records import EventFilter, EventRecord
from normalcy.live.store.verdicts import verdict_history
from normalcy.live.web.api.events import place, place_text
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.media_files import event_or_404, media_names
from normalcy.live.web.templating import is_part, render
from normalcy.live.web.verdicts import effect_of, judge

router = APIRouter(prefix="/review", include_in_schema=False)

PAGE_EVENTS = 40


class Wanted(BaseModel):
    """What the form above the list asks for; empty is everything. Days are local, the last one included."""

    camera: str = Field("", max_length=40)
    kind: Literal["", "anomaly", "scene_change", "dark"] = ""
    severity: Literal["", "notice", "alert"] = ""
    verdict: Literal["", "none", "confirmed", "false_alarm"] = ""
    first_day: str = Field("", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    last_day: str = Field("", pattern=r"^(\d{4}-\d{2}-\d{2})?$")

    def as_filter(self, zone: tzinfo | None, before: str | None = None) -> EventFilter:
        """For the store."""
        return EventFilter(
            cameras=(self.camera,) if self.camera else (),
            kind=self.kind or None,
            severity=self.severity or None,
            verdict=self.verdict or None,
            since=_midnight(self.first_day, zone),
            until=_midnight(self.last_day, zone, days=1),
            before=place(before),
        )

    def query(self, **more: str) -> str:
        """As a part of a URL."""
        return urlencode({key: value for key, value in {**self.model_dump(), **more}.items() if value})


Asked = Annotated[Wanted, Query()]


@dataclass(frozen=True)
class EventPage:
    """A part of the list, and where the next part starts; none after the last."""

    events: list[EventRecord]
    next: str | None


@router.get("", response_class=HTMLResponse)
def queue(request: Request, board: Board, wanted: Asked, event: str | None = None) -> HTMLResponse:
    """The list, and one event beside it: that of the address, or the newest."""
    page = _page(board, wanted, None)
    with board.store.reading() as session:
        total = count_events(session, wanted.as_filter(board.zone))
    shown = event_or_404(board, event) if event else next(iter(page.events), None)
    return render(
        request,
        board,
        "review.html",
        wanted=wanted,
        page=page,
        total=total,
        cameras=list(board.engine.config.cameras),
        is_chosen=event is not None,
        **(_details(board, shown) if shown else {"event": None}),
    )


@router.get("/list", response_class=HTMLResponse)
def more(request: Request, board: Board, wanted: Asked, before: str) -> HTMLResponse:
    """The next part of the list."""
    page = _page(board, wanted, before)
    return render(request, board, "parts/event_rows.html", wanted=wanted, page=page, event=None)


@router.get("/{event_id}", response_class=HTMLResponse)
def detail(request: Request, board: Board, event_id: str) -> HTMLResponse:
    """One event, beside the list."""
    return render(request, board, "parts/event.html", **_details(board, event_or_404(board, event_id)))


@router.post("/{event_id}/verdict")
def mark(
    request: Request,
    board: Board,
    identity: Someone,
    event_id: str,
    verdict: Annotated[Literal["confirmed", "false_alarm", "none"], Form()],
) -> Response:
    """Says what it was, or takes that back; shows the event again, and what that did to the threshold."""
    given = None if verdict == "none" else verdict
    change = judge(board, event_or_404(board, event_id), given, by=identity.name)
    if not is_part(request):
        return RedirectResponse(f"/review?event={event_id}", 303)
    details = _details(board, event_or_404(board, event_id))
    return render(request, board, "parts/marked.html", **details, marked=verdict, change=change)


def _details(board: Dashboard, event: EventRecord) -> dict[str, Any]:
    with board.store.reading() as session:
        history = verdict_history(session, event.id)
    teaches = event.kind == "anomaly" and event.verdict != "false_alarm"
    effect = effect_of(board.engine, event) if teaches else None
    return {"event": event, "media": media_names(board.media, event), "history": history, "effect": effect}


def _page(board: Dashboard, wanted: Wanted, before: str | None) -> EventPage:
    with board.store.reading() as session:
        events = find_events(session, wanted.as_filter(board.zone, before), limit=PAGE_EVENTS)
    return EventPage(events, place_text(events[-1]) if len(events) == PAGE_EVENTS else None)


def _midnight(day: str, zone: tzinfo | None, *, days: int = 0) -> float | None:
    """Where a local day begins, or that after some days; None where none was given, or there is no such day."""
    try:
        return (datetime.fromisoformat(day) + timedelta(days=days)).replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None
