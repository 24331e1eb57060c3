"""What every request passes before anything else looks at it.

Everything is refused unless it is allowed: a login is needed but for `OPEN_PATHS`; a change needs the token of the
session (CSRF) and must come from a page of this dashboard; what configures depends on `AdminOnly`.
"""

import secrets
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from normalcy.live.web.dashboard import Dashboard, dashboard_of
from normalcy.live.web.guard.hosts import netloc_of
from normalcy.live.web.guard.identity import Identity, bearer_token

OPEN_PATHS: Final = frozenset({"/login", "/healthz", "/readyz"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_ANOTHER_SITE: Final = (
    "This request comes from another site. Behind a proxy set alerts.public_url to the address that people use, "
    "then restart."
)
_NOBODY: Final = Identity("", "viewer")


async def require_access(request: Request) -> Identity:
    """Who asks, once that may be done; for every route of the dashboard."""
    board = dashboard_of(request)
    changes = request.method not in _SAFE_METHODS
    by_program = bearer_token(request) is not None
    if changes and not by_program and not _is_own_page(request, board):
        raise HTTPException(403, _ANOTHER_SITE)
    if request.url.path in OPEN_PATHS:
        return _NOBODY
    identity = await run_in_threadpool(board.identities.of, request)
    if identity is None:
        raise HTTPException(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
    request.state.identity = identity
    if changes and identity.csrf is not None and not await _repeats(request, identity.csrf):
        raise HTTPException(403, "This page is out of date. Load it again, then repeat what you did.")
    return identity


Someone = Annotated[Identity, Depends(require_access)]


def require_admin(identity: Someone) -> Identity:
    """Who asks, if that is an admin."""
    if not identity.is_admin:
        raise HTTPException(403, "Only admins may do this.")
    return identity


AdminOnly: Final = Depends(require_admin)
"""For routes that configure: `dependencies=[AdminOnly]`."""


def _is_own_page(request: Request, board: Dashboard) -> bool:
    """Whether a change was asked for by a page of this dashboard, as far as the browser says."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    own = request.headers.get("host", "").lower(), netloc_of(board.config.alerts.public_url or "")
    return bool(netloc := netloc_of(origin)) and netloc in own


async def _repeats(request: Request, csrf: str) -> bool:
    given: object = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith(_FORMS):
        given = (await request.form()).get("csrf")
    return isinstance(given, str) and secrets.compare_digest(given.encode(), csrf.encode())
