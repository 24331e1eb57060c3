"""Who may log in, and what programs may ask: users, their logins, tokens."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from normalcy.errors import ConfigError
from normalcy.live.store.models import SessionRow, TokenRow, UserRow
from normalcy.live.store.passwords import digest, hash_password, new_token, verify_password
from normalcy.live.store.records import Login, User
from normalcy.live.store.store import Store

Role = Literal["viewer", "admin"]

SEEN_SECONDS = 60.0
"""That a login is used is written down no more often."""

_NAME = re.compile(r"[\w.@+-]{1,60}")


@dataclass(frozen=True)
class ApiToken:
    """A token for programs, without its text, which nobody kept."""

    name: str
    role: Role
    created_at: float


def add_user(session: Session, name: str, password: str, role: Role, *, at: float) -> None:
    """Lets somebody log in.

    Raises:
        ConfigError: The name is taken or cannot be one, or the password is too short.
    """
    _require_free_name(name, "user", is_taken=find_user(session, name) is not None)
    session.add(UserRow(name=name, password_hash=hash_password(password), role=role, created_at=at))
    session.flush()


def set_password(session: Session, name: str, password: str) -> None:
    """Gives a user another password, and ends all logins with the old one.

    Raises:
        ConfigError: There is no such user, or the password is too short.
    """
    row = session.get(UserRow, name)
    if row is None:
        raise ConfigError(f"there is no user {name!r}")
    row.password_hash = hash_password(password)
    session.execute(delete(SessionRow).where(SessionRow.user == name))
    session.flush()


def set_role(session: Session, name: str, role: Role) -> None:
    """Makes a user a viewer or an admin; logins that are open follow.

    Raises:
        ConfigError: There is no such user.
    """
    row = session.get(UserRow, name)
    if row is None:
        raise ConfigError(f"there is no user {name!r}")
    row.role = role
    session.flush()


def find_user(session: Session, name: str) -> User | None:
    """A user by name."""
    row = session.get(UserRow, name)
    return None if row is None else _as_user(row)


def check_password(session: Session, name: str, password: str) -> User | None:
    """The user of a name and password; None where they do not fit, after the same time for unknown names."""
    user = find_user(session, name)
    is_right = verify_password(user.password_hash if user else None, password)
    return user if is_right else None


def list_users(session: Session) -> list[User]:
    """All of them, by name."""
    return [_as_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]


def remove_user(session: Session, name: str) -> bool:
    """Takes a user away, with all logins; False where there is none."""
    query = delete(UserRow).where(UserRow.name == name).returning(UserRow.name)
    return session.scalar(query) is not None


def start_session(session: Session, user: User, *, now: float) -> tuple[str, Login]:
    """Logs a user in.

    Returns:
        The token for the cookie, which is not kept, and the login.
    """
    token, login = new_token(), Login(user.name, user.role, new_token(), created_at=now, seen_at=now)
    session.add(
        SessionRow(token_digest=digest(token), user=user.name, csrf=login.csrf, created_at=now, seen_at=now)
    )
    session.flush()
    return token, login


def find_session(session: Session, token: str, *, now: float, idle_seconds: float) -> Login | None:
    """The login of a token; one that was not used for `idle_seconds` is deleted. `current_login` seldom writes."""
    found = _session_of(session, token)
    if found is None:
        return None
    row, role = found
    if now - row.seen_at > idle_seconds:
        session.delete(row)
        session.flush()
        return None
    if now - row.seen_at >= SEEN_SECONDS:
        row.seen_at = now
        session.flush()
    return _as_login(row, role)


def current_login(
    store: Store, token: str, *, now: float, idle_seconds: float, is_use: bool = True
) -> Login | None:
    """Like `find_session`, in a transaction of its own, which writes only where there is something to write.

    What a page asks by itself `is_use` of nobody, and does not make the login last longer.
    """
    with store.reading() as session:
        found = _session_of(session, token)
    if found is None:
        return None
    idle = now - found[0].seen_at
    if idle <= idle_seconds and (not is_use or idle < SEEN_SECONDS):
        return _as_login(*found)
    with store.transaction() as session:
        return find_session(session, token, now=now, idle_seconds=idle_seconds)


def end_session(session: Session, token: str) -> None:
    """Logs out."""
    session.execute(delete(SessionRow).where(SessionRow.token_digest == digest(token)))


def add_token(session: Session, name: str, role: Role, *, at: float) -> str:
    """Makes a token for a program; its text is given here and never again.

    Raises:
        ConfigError: The name is taken or cannot be one.
    """
    _require_free_name(name, "token", is_taken=session.get(TokenRow, name) is not None)
    token = new_token()
    session.add(TokenRow(name=name, token_digest=digest(token), role=role, created_at=at))
    session.flush()
    return token


def find_token(session: Session, token: str) -> ApiToken | None:
    """The token that has a text."""
    row = session.scalar(select(TokenRow).where(TokenRow.token_digest == digest(token)))
    return None if row is None else _as_token(row)


def list_tokens(session: Session) -> list[ApiToken]:
    """All of them, by name."""
    return [_as_token(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.name))]


def remove_token(session: Session, name: str) -> bool:
    """Takes a token away; False where there is none."""
    query = delete(TokenRow).where(TokenRow.name == name).returning(TokenRow.name)
    return session.scalar(query) is not None


def _require_free_name(name: str, kind: str, *, is_taken: bool) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a {kind}", hint="Letters, digits and . @ + - _, 60 at most"
        )
    if is_taken:
        raise ConfigError(
            f"there is a {kind} {name!r} already", hint="Choose another name, or remove that one first"
        )


def _session_of(session: Session, token: str) -> tuple[SessionRow, str] | None:
    query = select(SessionRow, UserRow.role).join(UserRow, UserRow.name == SessionRow.user)
    found = session.execute(query.where(SessionRow.token_digest == digest(token))).first()
    return None if found is None else (found[0], found[1])


def _as_user(row: UserRow) -> User:
    return User(row.name, row.password_hash, cast(Role, row.role), row.created_at)


def _as_login(row: SessionRow, role: str) -> Login:
    return Login(row.user, cast(Role, role), row.csrf, row.created_at, row.seen_at)


def _as_token(row: TokenRow) -> ApiToken:
    return ApiToken(row.name, cast(Role, row.role), row.created_at)
