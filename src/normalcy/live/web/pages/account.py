"""Logging in and out, and one's own password."""

import re
import threading
import time
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from normalcy.errors import ConfigError
from normalcy.live.store.passwords import verify_password
from normalcy.live.store.records import User
from normalcy.live.store.users import end_session, find_user, list_users, set_password, start_session
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.templating import render

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
    address = request.client.host if request.client else ""
    if wait_seconds := board.attempts.begin(user=name, address=address):
        problem = f"Too many attempts. Try again in {wait_seconds / 60:.0f} min."
        page = _login_page(request, board, next, status_code=429, problem=problem)
        page.headers["retry-after"] = f"{wait_seconds:.0f}"
        return page
    user = _judged(board, name, password)
    if user is None:
        return _login_page(
            request, board, next, status_code=403, problem="That name and password do not fit."
        )
    board.attempts.succeeded(user=name, address=address)
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
    response.delete_cookie(board.identities.cookie, secure=board.engine.config.web.https)
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
    user = _judged(board, identity.name, password)
    try:
        if user is None:
            raise ConfigError("is not the one you have now", where="the password")
        with board.store.transaction() as session:
            set_password(session, identity.name, new_password)
    except ConfigError as error:
        return render(request, board, "account.html", status_code=422, problem=str(error))
    board.identities.forget()
    response = RedirectResponse("/", 303)
    _start(board, user, response, instead_of=None)
    return response


def _judged(board: Dashboard, name: str, password: str) -> User | None:
    with board.store.reading() as session:
        user = find_user(session, name)
    with _JUDGES:
        is_right = verify_password(user.password_hash if user else None, password)
    return user if is_right else None


def _start(board: Dashboard, user: User, response: Response, *, instead_of: str | None) -> None:
    with board.store.transaction() as session:
        if instead_of:
            end_session(session, instead_of)
        token, _ = start_session(session, user, now=time.time())
    board.identities.forget()
    https = board.engine.config.web.https
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
    return render(request, board, "login.html", status_code=status_code, **context)
