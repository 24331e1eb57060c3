"""Whether everything that should run does."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from normalcy.live.web.api.system import disk, get_health
from normalcy.live.web.dashboard import Board
from normalcy.live.web.shown import shown_cameras
from normalcy.live.web.templating import render

router = APIRouter(prefix="/health", include_in_schema=False)


@router.get("", response_class=HTMLResponse)
def health(request: Request, board: Board) -> HTMLResponse:
    """Processes, cameras, disk, messages."""
    return render(request, board, "health.html", **_facts(board))


@router.get("/facts", response_class=HTMLResponse)
def facts(request: Request, board: Board) -> HTMLResponse:
    """The same, without the frame; the page asks for it again and again."""
    return render(request, board, "parts/health.html", **_facts(board))


def _facts(board: Board) -> dict[str, Any]:
    retention = board.engine.config.store.retention
    return {
        "health": get_health(board),
        "cameras": shown_cameras(board.engine),
        "nodes": board.engine.nodes(),
        "disk": disk(board.media),
        "retention": retention,
    }
