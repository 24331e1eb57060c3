"""All cameras at once."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from normalcy.live.web.dashboard import Board
from normalcy.live.web.shown import shown_cameras, shown_notes
from normalcy.live.web.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def wall(request: Request, board: Board) -> HTMLResponse:
    """A tile a camera; `static/js/wall.js` keeps pictures and states fresh."""
    return render(
        request,
        board,
        "wall.html",
        cameras=shown_cameras(board.engine),
        picture_fps=board.engine.config.web.picture_fps,
        notes=shown_notes(board.engine),
        ready=board.engine.is_ready,
    )
