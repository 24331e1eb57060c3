"""Who asks: a browser with a session, a program with a token, or anybody where no login is required."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fastapi import Request

from normalcy.live.config.live import LiveConfig
from normalcy.live.store.store import Store
from normalcy.live.store.users import current_login, end_session, find_token

Role = Literal["viewer", "admin"]
_Kind = Literal["token", "session", "used session"]
REMEMBERED_SECONDS = 2.0
"""A wall asks for pictures many times a second; the database is asked this often."""
MOST_REMEMBERED = 1000
_ASKED_BY_ITSELF = frozenset({"/health/facts"})
"""What pages ask again and again, though in the way of somebody who looks at them."""


@dataclass(frozen=True)
class Identity:
    """Somebody who may use the dashboard.

    Attributes:
        csrf: What each change must repeat; None for tokens, which no browser sends by itself.
        session: Token of the login, to end it.
    """

    name: str
    role: Role
    csrf: str | None = None
    session: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether it may configure."""
        return self.role == "admin"


class Identities:
    """Finds out who asks.

    Attributes:
        requires_login: Whether nobody gets in without one.

    Args:
        store: Holds logins and tokens.
        config: With which the server was started: whether a login is required, and how long one lasts.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self, store: Store, config: LiveConfig, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._config = config.web
        self.requires_login = config.requires_login
        self._clock = clock
        self._local = Identity("local", "admin", csrf=secrets.token_urlsafe(32))
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[float, Identity]] = OrderedDict()

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; the prefix binds it to this host and to https."""
        return "__Host-normalcy" if self._config.https else "normalcy"

    def of(self, request: Request) -> Identity | None:
        """Who asks; None for nobody who is known."""
        if (token := bearer_token(request)) is not None:
            return self._known("token", token)
        if not self.requires_login:
            return self._local
        kind: _Kind = "used session" if is_use(request) else "session"
        return self._known(kind, request.cookies.get(self.cookie, ""))

    def forget(self) -> None:
        """Users, logins or tokens changed."""
        with self._lock:
            self._remembered.clear()

    def _known(self, kind: _Kind, token: str) -> Identity | None:
        if not token:
            return None
        key = hashlib.sha256(f"{kind} {token}".encode()).hexdigest()
        with self._lock:
            at, identity = self._remembered.get(key, (float("-inf"), self._local))
        if self._clock() - at < REMEMBERED_SECONDS:
            return identity
        found = self._token(token) if kind == "token" else self._session(token, is_use=kind == "used session")
        self._remember(key, found)
        return found

    def _remember(self, key: str, identity: Identity | None) -> None:
        with self._lock:
            self._remembered.pop(key, None)
            if identity:
                self._remembered[key] = self._clock(), identity
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)

    def _session(self, token: str, *, is_use: bool) -> Identity | None:
        now, idle_seconds = time.time(), self._config.session_hours * 3600
        login = current_login(self._store, token, now=now, idle_seconds=idle_seconds, is_use=is_use)
        if login is None:
            return None
        if now - login.created_at > self._config.session_days * 86400:
            with self._store.transaction() as session:
                end_session(session, token)
            return None
        return Identity(login.user, login.role, csrf=login.csrf, session=token)

    def _token(self, token: str) -> Identity | None:
        with self._store.reading() as session:
            found = find_token(session, token)
        return Identity(f"token {found.name}", found.role) if found else None


def bearer_token(request: Request) -> str | None:
    """What a program shows; None where none asks. A proxy's own password, which browsers send along, says nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_use(request: Request) -> bool:
    """Whether a person asks: a page, or a part of one. What pages ask by themselves keeps no login alive."""
    asks = "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
    return asks and request.url.path not in _ASKED_BY_ITSELF
