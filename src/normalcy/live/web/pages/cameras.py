"""The list of cameras; switching one on and off, and taking it out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from normalcy.live.web.changes import save_key
from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.shown import shown_cameras
from normalcy.live.web.templating import render

router = APIRouter(prefix="/cameras", include_in_schema=False)


@router.get("", response_class=HTMLResponse)
def list_cameras(request: Request, board: Board) -> HTMLResponse:
    """All cameras, and what they are set to."""
    config = board.engine.config
    return render(request, board, "cameras.html", cameras=shown_cameras(board.engine), config=config)


@router.post("/{name}/enabled", dependencies=[AdminOnly])
def switch(board: Board, name: str, enabled: Annotated[bool, Form()]) -> RedirectResponse:
    """Switches a camera on or off."""
    board.camera(name)
    save_key(board.engine, name, "enabled", enabled)
    return RedirectResponse("/cameras", 303)


@router.post("/{name}/remove", dependencies=[AdminOnly])
def remove(board: Board, name: str) -> RedirectResponse:
    """Takes a camera out of the configuration; its events stay until they are too old."""
    board.camera(name)
    board.engine.save_camera(name, None)
    return RedirectResponse("/cameras", 303)
