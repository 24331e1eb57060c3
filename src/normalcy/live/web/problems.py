"""Errors as answers: JSON for programs, a page for people; never a traceback, never a credential."""

from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from normalcy.errors import NormalcyError, OutputError
from normalcy.live.config.secrets import safe_text
from normalcy.live.web.dashboard import dashboard_of
from normalcy.live.web.templating import is_part, render


def handle_problems(app: FastAPI) -> None:
    """Takes care of all errors that have an answer."""
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(NormalcyError)(_failed)
    app.exception_handler(RequestValidationError)(_invalid)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 401 and not _is_program(request):
        return _to_login(request)
    return _answer(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    return _answer(request, 503 if isinstance(error, OutputError) else 422, safe_text(str(error)))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # What was given is not repeated: it may be a password in the wrong place.
    lines = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    return _answer(request, 422, "; ".join(lines))


def _answer(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    if _is_program(request):
        return JSONResponse({"detail": detail}, status, headers)
    template = "parts/problem.html" if is_part(request) else "problem.html"
    page = render(request, dashboard_of(request), template, status_code=status, status=status, detail=detail)
    page.headers.update(headers or {})
    return page


def _to_login(request: Request) -> Response:
    login = f"/login?next={quote(_page_of(request))}"
    if is_part(request):
        return Response(status_code=401, headers={"HX-Redirect": login})
    return RedirectResponse(login, 303)


def _page_of(request: Request) -> str:
    """The page that somebody is at; a form or a part of a page is none, but tells which page it is of.

    Another site's page does no harm: of its address only the path is taken, and its forms were refused before.
    """
    is_page = request.method == "GET" and not is_part(request)
    try:
        at = request.url if is_page else urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    return f"{at.path or '/'}?{at.query}" if at.query else at.path or "/"


def _is_program(request: Request) -> bool:
    asks_for_page = "text/html" in request.headers.get("accept", "") or is_part(request)
    return request.url.path.startswith("/api/") or not asks_for_page
