"""Adding and editing cameras, and trying sources."""

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from normalcy.errors import ConfigError
from normalcy.live.config.live import CAMERA_NAME
from normalcy.live.config.schedule import DAYS
from normalcy.live.web.camera_settings import (
    FIELD_GROUPS,
    SWITCHES,
    FormValues,
    entered_settings,
    shown_values,
)
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.sources import entered_source, references, safe_text
from normalcy.live.web.templating import render

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
def try_source(request: Request, board: Board, fields: Fields) -> HTMLResponse:
    """Opens the address that stands in the form, and shows what came."""
    name = str(fields.get("camera", ""))
    before = board.engine.raw_camera(name).get("source") if name in board.engine.config.cameras else None
    picture = ""
    try:
        source = entered_source(str(fields.get("source", "")), before=before, known=known_secrets(board))
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
    config = board.engine.config
    shown = shown_values(board.engine.raw_camera(name), config.defaults, config.cameras[name].schedule)
    return _form(request, board, name, shown)


@router.post("/cameras/{name}/edit")
def change(request: Request, board: Board, name: str, fields: Fields) -> Response:
    """Writes what the form says."""
    board.camera(name)
    return _save(request, board, name, fields, is_new=False)


def known_secrets(board: Dashboard) -> frozenset[str]:
    """References that cameras of the configuration use."""
    raw = [board.engine.raw_camera(name) for name in board.engine.config.cameras]
    texts = [str(each.get(key) or "") for each in raw for key in ("source", "substream")]
    return frozenset().union(*map(references, texts))


def _save(request: Request, board: Dashboard, name: str, fields: FormData, *, is_new: bool) -> Response:
    before = {} if is_new else board.engine.raw_camera(name)
    try:
        settings = entered_settings(
            fields, before=before, defaults=board.engine.config.defaults, known=known_secrets(board)
        )
        board.engine.save_camera(name, settings)
    except ConfigError as error:
        return _wrong(request, board, None if is_new else name, fields, safe_text(str(error)))
    return RedirectResponse(f"/cameras/{name}/regions" if is_new else "/cameras", 303)


def _wrong(
    request: Request, board: Dashboard, name: str | None, fields: FormData, problem: str
) -> HTMLResponse:
    """The form again, as it was filled in."""
    return _form(request, board, name, FormValues.of_form(fields), problem=problem)


def _form(
    request: Request, board: Dashboard, name: str | None, values: FormValues, *, problem: str = ""
) -> HTMLResponse:
    return render(
        request,
        board,
        "camera_form.html",
        status_code=422 if problem else 200,
        name=name,
        values=values,
        problem=problem,
        groups=FIELD_GROUPS,
        switches=SWITCHES,
        days=DAYS,
        bundles=list(board.engine.config.bundles),
        defaults=board.engine.config.defaults,
    )
