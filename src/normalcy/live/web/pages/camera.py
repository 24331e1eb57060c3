"""One camera: its picture, its scores over time, and what became of its frames."""

import time
from itertools import accumulate

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from normalcy.live.config.secrets import safe_text
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS
from normalcy.live.status import CameraStatus
from normalcy.live.store.cameras import state_history
from normalcy.live.store.events import find_events
from normalcy.live.store.records import EventFilter
from normalcy.live.web.dashboard import Board
from normalcy.live.web.templating import render

router = APIRouter(include_in_schema=False)

HISTORY_SECONDS = 7 * 86400.0
SHOWN_CHANGES = 30
SHOWN_EVENTS = 10


@router.get("/cameras/{name}", response_class=HTMLResponse)
def one_camera(request: Request, board: Board, name: str) -> HTMLResponse:
    """The page of a camera."""
    status = board.camera(name)
    with board.store.reading() as session:
        history = state_history(session, name, time.time() - HISTORY_SECONDS)
        events = find_events(session, EventFilter(cameras=(name,)), limit=SHOWN_EVENTS)
    return render(
        request,
        board,
        "camera.html",
        camera=status,
        history=[
            (each.state, safe_text(each.reason), each.at) for each in history[: -SHOWN_CHANGES - 1 : -1]
        ],
        events=events,
        regions=board.engine.config.cameras[name].alarming_regions,
        picture_fps=board.engine.config.web.picture_fps,
        latency=latency_words(status),
    )


def latency_words(status: CameraStatus) -> dict[str, str]:
    """How long it took from a picture to its verdict, for half and for nearly all of them; empty before any."""
    below = list(accumulate(status.latency_counts))
    if not below or not below[-1]:
        return {}
    return {"Half within": _within(below, 0.5), "99 of 100 within": _within(below, 0.99)}


def _within(below: list[int], share: float) -> str:
    place = next(index for index, count in enumerate(below) if count >= share * below[-1])
    if place == len(LATENCY_BOUNDS_SECONDS):
        return f"more than {LATENCY_BOUNDS_SECONDS[-1]:.0f} s"
    return f"{LATENCY_BOUNDS_SECONDS[place] * 1000:.0f} ms"
