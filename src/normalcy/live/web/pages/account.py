"""Logging in and out, and one's own password."""

import math
import re
import threading
import time
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from normalcy.errors import ConfigError
from normalcy.live.store.records import User
from normalcy.live.store.users import check_password, end_session, list_users, set_password, start_session
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.guard.addresses import network_of
from normalcy.live.web.templating import render
from normalcy.live.web.words import span_words

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=256)]

_JUDGES: Final = threading.BoundedSemaphore(2)
"""Each password takes much memory to judge, on purpose: not many at once."""
_OWN_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")


@router.get("/login", response_class=HTMLResponse)
def login_form(request: Request, board: Board, next: str = "/") -> HTMLResponse:
    """The form; where nobody may log in yet, it says how to change that."""
    return _login_page(request, board, next)


@router.post("/login")
def log_in(request: Request, board: Board, name: Text, password: Text, next: Text = "/") -> Response:
    """Starts a login, always a new one: what was in the cookie before is worth nothing."""
    try:
        user = _judged(request, board, name, password)
    except HTTPException as refused:
        page = _login_page(request, board, next, status_code=refused.status_code, problem=refused.detail)
        page.headers.update(refused.headers or {})
        return page
    response = RedirectResponse(next if _OWN_PATH.fullmatch(next) else "/", 303)
    _start(board, user, response, instead_of=request.cookies.get(board.identities.cookie))
    return response


@router.post("/logout")
def log_out(board: Board, identity: Someone) -> Response:
    """Ends the login here and in the store."""
    if identity.session:
        with board.store.transaction() as session:
            end_session(session, identity.session)
        board.identities.forget()
    response = RedirectResponse("/login" if board.identities.requires_login else "/", 303)
    response.delete_cookie(board.identities.cookie, secure=board.config.web.https)
    return response


@router.get("/account", response_class=HTMLResponse)
def account(request: Request, board: Board, identity: Someone) -> HTMLResponse:
    """One's own password."""
    _require_session(identity.session)
    return render(request, board, "account.html", problem="")


@router.post("/account/password")
def change_password(
    request: Request, board: Board, identity: Someone, password: Text, new_password: Text
) -> Response:
    """Changes one's own password; all logins with the old one end, and a new one starts here."""
    _require_session(identity.session)
    try:
        user = _judged(request, board, identity.name, password)
        with board.store.transaction() as session:
            set_password(session, identity.name, new_password)
    except HTTPException as refused:
        page = render(request, board, "account.html", status_code=refused.status_code, problem=refused.detail)
        page.headers.update(refused.headers or {})
        return page
    except ConfigError as error:
        return render(request, board, "account.html", status_code=422, problem=str(error))
    board.identities.forget()
    response = RedirectResponse("/", 303)
    _start(board, user, response, instead_of=None)
    return response


def _judged(request: Request, board: Dashboard, name: str, password: str) -> User:
    """Who has a name and password; answers 403 where they do not fit, 429 where somebody guesses."""
    address = network_of(request.client.host) if request.client else ""
    if wait_seconds := board.attempts.begin(user=name, address=address):
        headers = {"Retry-After": f"{math.ceil(wait_seconds)}"}
        raise HTTPException(429, f"Too many attempts. Try again in {span_words(wait_seconds)}.", headers)
    with _JUDGES, board.store.reading() as session:
        user = check_password(session, name, password)
    if user is None:
        raise HTTPException(403, "That name and password do not fit.")
    board.attempts.succeeded(user=name, address=address)
    return user


def _start(board: Dashboard, user: User, response: Response, *, instead_of: str | None) -> None:
    with board.store.transaction() as session:
        if instead_of:
            end_session(session, instead_of)
        token, _ = start_session(session, user, now=time.time())
    board.identities.forget()
    https = board.config.web.https
    response.set_cookie(board.identities.cookie, token, httponly=True, samesite="lax", secure=https)


def _require_session(session: str | None) -> None:
    if session is None:
        raise HTTPException(404, "Without a login there is no password to change.")


def _login_page(
    request: Request,
    board: Dashboard,
    following: str,
    *,
    status_code: int = 200,
    problem: str = "",
) -> HTMLResponse:
    with board.store.reading() as session:
        has_users = bool(list_users(session))
    context = {"next": following, "problem": problem, "has_users": has_users}
    context |= {"is_unencrypted": board.config.web.is_open_to_listeners}
    return render(request, board, "login.html", status_code=status_code, **context)
