"""Who may log in, and what programs may ask."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from normalcy.errors import ConfigError
from normalcy.live.store.users import (
    add_token,
    add_user,
    list_tokens,
    list_users,
    remove_token,
    remove_user,
    set_role,
)
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.templating import render

router = APIRouter(prefix="/users", include_in_schema=False, dependencies=[AdminOnly])

Role = Annotated[Literal["viewer", "admin"], Form()]
Name = Annotated[str, Form(max_length=60)]


@router.get("", response_class=HTMLResponse)
def all_users(request: Request, board: Board) -> HTMLResponse:
    """Users and tokens."""
    return _page(request, board)


@router.post("/add")
def add(
    request: Request, board: Board, name: Name, password: Annotated[str, Form(max_length=256)], role: Role
) -> Response:
    """Lets somebody log in."""
    try:
        with board.store.transaction() as session:
            add_user(session, name.strip(), password, role, at=time.time())
    except ConfigError as error:
        return _page(request, board, problem=str(error))
    return RedirectResponse("/users", 303)


@router.post("/role")
def change_role(request: Request, board: Board, name: Name, role: Role) -> Response:
    """Makes a user a viewer or an admin."""
    try:
        with board.store.transaction() as session:
            set_role(session, name, role)
            _require_admin_left(board, [user.role for user in list_users(session)])
    except ConfigError as error:
        return _page(request, board, problem=str(error))
    return _changed(board)


@router.post("/remove")
def remove(request: Request, board: Board, name: Name) -> Response:
    """Takes a user away, with all logins."""
    try:
        with board.store.transaction() as session:
            remove_user(session, name)
            _require_admin_left(board, [user.role for user in list_users(session)])
    except ConfigError as error:
        return _page(request, board, problem=str(error))
    return _changed(board)


@router.post("/tokens/add", response_class=HTMLResponse)
def make_token(request: Request, board: Board, name: Name, role: Role) -> HTMLResponse:
    """Makes a token for a program, and shows it this once."""
    try:
        with board.store.transaction() as session:
            token = add_token(session, name.strip(), role, at=time.time())
    except ConfigError as error:
        return _page(request, board, problem=str(error))
    return _page(request, board, token=token)


@router.post("/tokens/remove")
def drop_token(board: Board, name: Name) -> Response:
    """Takes a token away."""
    with board.store.transaction() as session:
        remove_token(session, name)
    return _changed(board)


def _require_admin_left(board: Dashboard, roles: list[str]) -> None:
    """Where a login is required, nobody else could make an admin again."""
    if board.identities.requires_login and "admin" not in roles:
        raise ConfigError("this is the last admin", hint="Make somebody else an admin first")


def _changed(board: Dashboard) -> Response:
    board.identities.forget()
    return RedirectResponse("/users", 303)


def _page(request: Request, board: Dashboard, *, problem: str = "", token: str = "") -> HTMLResponse:
    with board.store.reading() as session:
        users, tokens = list_users(session), list_tokens(session)
    status = 422 if problem else 200
    return render(
        request,
        board,
        "users.html",
        status_code=status,
        users=users,
        tokens=tokens,
        problem=problem,
        token=token,
    )
