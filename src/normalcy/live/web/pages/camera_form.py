"""Adding and editing cameras, and trying sources."""

import logging
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from normalcy.errors import ConfigError
from normalcy.live.config.live import CAMERA_NAME
from normalcy.live.config.schedule import DAYS
from normalcy.live.config.secrets import safe_text
from normalcy.live.web.camera_settings import (
    FIELD_GROUPS,
    SWITCHES,
    FormValues,
    entered_settings,
    shown_values,
)
from normalcy.live.web.changes import require_version, version_of
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import AdminOnly, Someone
from normalcy.live.web.sources import entered_source, known_secrets, shown_source
from normalcy.live.web.templating import render

logger = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False, dependencies=[AdminOnly])


async def form_data(request: Request) -> FormData:
    """All fields of a form."""
    return await request.form()


Fields = Annotated[FormData, Depends(form_data)]


@router.get("/add-camera", response_class=HTMLResponse)
def new(request: Request, board: Board) -> HTMLResponse:
    """An empty form."""
    defaults = board.engine.config.defaults
    return _form(request, board, None, shown_values({}, defaults, defaults.schedule))


@router.post("/add-camera")
def add(request: Request, board: Board, fields: Fields) -> Response:
    """Adds a camera."""
    name = str(fields.get("name", "")).strip()
    if not CAMERA_NAME.fullmatch(name):
        return _wrong(request, board, None, fields, "Name: use small letters, digits, - and _, 40 at most.")
    if name in board.engine.config.cameras:
        return _wrong(request, board, None, fields, f"Name: there is a camera {name!r} already.")
    return _save(request, board, name, fields, is_new=True)


@router.post("/try-source", response_class=HTMLResponse)
def try_source(request: Request, board: Board, identity: Someone, fields: Fields) -> HTMLResponse:
    """Opens what would be opened of the addresses in the form, and shows what came."""
    key = "substream" if str(fields.get("substream", "")).strip() else "source"
    picture = ""
    try:
        source = _typed(board, fields, key)
        logger.info("%s tries %s", identity.name, shown_source(source))
        result = board.engine.try_source(source, transport=str(fields.get("transport") or "tcp"))
        is_ok, message = result.ok, safe_text(result.message)
        picture = b64encode(result.jpeg).decode() if result.jpeg else ""
    except ConfigError as error:
        is_ok, message = False, safe_text(str(error))
    return render(request, board, "parts/tried.html", is_ok=is_ok, message=message, picture=picture)


@router.get("/cameras/{name}/edit", response_class=HTMLResponse)
def edit(request: Request, board: Board, name: str) -> HTMLResponse:
    """The form with what the configuration says."""
    board.camera(name)
    config, said = board.engine.config, board.engine.raw_camera(name)
    shown = shown_values(said, config.defaults, config.cameras[name].schedule)
    return _form(request, board, name, shown, version=version_of(said))


@router.post("/cameras/{name}/edit")
def change(request: Request, board: Board, name: str, fields: Fields) -> Response:
    """Writes what the form says."""
    board.camera(name)
    return _save(request, board, name, fields, is_new=False)


def _typed(board: Dashboard, fields: FormData, key: str) -> str:
    name = str(fields.get("camera", ""))
    before = board.engine.raw_camera(name).get(key) if name in board.engine.config.cameras else None
    return entered_source(str(fields.get(key, "")), before=before, known=_known(board))


def _known(board: Dashboard) -> Mapping[str, frozenset[str]]:
    """References that cameras of the configuration use, and the hosts that they are for."""
    raw = [board.engine.raw_camera(name) for name in board.engine.config.cameras]
    return known_secrets(str(each.get(key) or "") for each in raw for key in ("source", "substream"))


def _save(request: Request, board: Dashboard, name: str, fields: FormData, *, is_new: bool) -> Response:
    defaults, known = board.engine.config.defaults, _known(board)

    def change(before: dict[str, Any]) -> Mapping[str, Any]:
        if is_new and before:
            raise ConfigError(f"there is a camera {name!r} already", where="Name")
        if not is_new:
            require_version(before, str(fields.get("version", "")), camera=name)
        return entered_settings(fields, before=before, defaults=defaults, known=known)

    try:
        board.engine.change_camera(name, change)
    except ConfigError as error:
        return _wrong(request, board, None if is_new else name, fields, safe_text(str(error)))
    return RedirectResponse(f"/cameras/{name}/regions" if is_new else "/cameras", 303)


def _wrong(
    request: Request, board: Dashboard, name: str | None, fields: FormData, problem: str
) -> HTMLResponse:
    """The form again, as it was filled in."""
    version = str(fields.get("version", ""))
    return _form(request, board, name, FormValues.of_form(fields), version=version, problem=problem)


def _form(
    request: Request,
    board: Dashboard,
    name: str | None,
    values: FormValues,
    *,
    version: str = "",
    problem: str = "",
) -> HTMLResponse:
    return render(
        request,
        board,
        "camera_form.html",
        status_code=422 if problem else 200,
        name=name,
        values=values,
        version=version,
        problem=problem,
        groups=FIELD_GROUPS,
        switches=SWITCHES,
        days=DAYS,
        bundles=list(board.engine.config.bundles),
        defaults=board.engine.config.defaults,
    )
