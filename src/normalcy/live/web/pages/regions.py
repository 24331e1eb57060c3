"""Areas of the picture to watch and to ignore."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from normalcy.errors import ConfigError
from normalcy.live.config.secrets import safe_text
from normalcy.live.web.changes import save_regions, version_of
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.templating import render

router = APIRouter(prefix="/cameras", include_in_schema=False, dependencies=[AdminOnly])


@router.get("/{name}/regions", response_class=HTMLResponse)
def edit(request: Request, board: Board, name: str) -> HTMLResponse:
    """The picture to draw on; `static/js/regions.js` is the editor."""
    board.camera(name)
    regions = board.engine.config.cameras[name].regions
    plain = [region.model_dump(mode="json", exclude_none=True) for region in regions]
    return _page(request, board, name, plain, version=version_of(board.engine.raw_camera(name)))


@router.post("/{name}/regions")
def save(
    request: Request,
    board: Board,
    name: str,
    regions: Annotated[str, Form()],
    version: Annotated[str, Form()] = "",
) -> Response:
    """Replaces all areas of a camera."""
    board.camera(name)
    wanted: Any = None
    try:
        wanted = _parsed(regions)
        save_regions(board.engine, name, wanted, version=version)
    except ConfigError as error:
        problem = safe_text(str(error))
        return _page(request, board, name, wanted or [], version=version, problem=problem)
    return RedirectResponse(f"/cameras/{name}", 303)


def _parsed(text: str) -> list[Any]:
    try:
        wanted = json.loads(text)
    except ValueError as error:
        raise ConfigError("cannot be read; load the page again", where="areas") from error
    if not isinstance(wanted, list):
        raise ConfigError("cannot be read; load the page again", where="areas")
    return wanted


def _page(
    request: Request, board: Dashboard, name: str, regions: list[Any], *, version: str, problem: str = ""
) -> HTMLResponse:
    status = board.camera(name)
    return render(
        request,
        board,
        "regions.html",
        status_code=422 if problem else 200,
        camera=status,
        regions=json.dumps(regions),
        version=version,
        problem=problem,
    )
