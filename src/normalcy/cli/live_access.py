"""`normalcy live`: people who may log in to the dashboard, and programs that may ask it."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from normalcy.cli.console import say
from normalcy.cli.options import AsJson, flag
from normalcy.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from normalcy.live.store.records import User
    from normalcy.live.store.users import ApiToken

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration of `normalcy watch`.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the person or program.")]
Admin = Annotated[bool, flag("--admin", "May configure cameras, not only review.")]


def users(config: Config, as_json: AsJson = False) -> None:
    """List who may log in."""
    from normalcy.live.store.users import list_users

    with _session(config) as session:
        _show(list_users(session), as_json=as_json, none="Nobody may log in yet.")


def add_user(
    config: Config,
    name: Name,
    admin: Admin = False,
    reset: Annotated[bool, flag("--reset", "Give somebody who may log in already another password.")] = False,
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="NORMALCY_PASSWORD",
            help="Asked for where it is not given.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let somebody log in to the dashboard; with --reset give them another password, and with --admin that role."""
    from normalcy.live.store.users import add_user, find_user, list_users, set_password, set_role

    with _session(config) as session:
        is_known = find_user(session, name) is not None
        _require(reset or not is_known, f"{name!r} may log in already", hint="--reset gives another password")
        if is_known:
            set_password(session, name, password)
        else:
            add_user(session, name, password, _role(admin), at=time.time())
        if is_known and admin:
            set_role(session, name, "admin")
        found = list_users(session)
    said = "has another password now" if is_known else "may log in"
    _say_done(
        f"[bold]{escape(name)}[/] {said}{', as an admin' if admin else ''}.",
        {"name": name, "role": next(each.role for each in found if each.name == name), "reset": is_known},
        as_json=as_json,
    )
    if not as_json and not any(user.role == "admin" for user in found):
        say("[yellow]Nobody may configure cameras yet:[/] add somebody with --admin.")


def remove_user(config: Config, name: Name, as_json: AsJson = False) -> None:
    """Take a login away; who is logged in with it is not any more."""
    from normalcy.live.store.users import remove_user

    with _session(config) as session:
        _require(remove_user(session, name), f"there is no user {name!r}")
    _say_done(f"[bold]{escape(name)}[/] may no longer log in.", {"name": name}, as_json=as_json)


def tokens(config: Config, as_json: AsJson = False) -> None:
    """List the programs that have a token."""
    from normalcy.live.store.users import list_tokens

    with _session(config) as session:
        _show(list_tokens(session), as_json=as_json, none="No program has a token yet.")


def add_token(config: Config, name: Name, admin: Admin = False, as_json: AsJson = False) -> None:
    """Make a token for a program, and print it: it is shown this once."""
    from normalcy.live.store.users import add_token

    with _session(config) as session:
        token = add_token(session, name, _role(admin), at=time.time())
    typer.echo(json.dumps({"name": name, "role": _role(admin), "token": token}) if as_json else token)


def remove_token(config: Config, name: Name, as_json: AsJson = False) -> None:
    """Take a program's token away."""
    from normalcy.live.store.users import remove_token

    with _session(config) as session:
        _require(remove_token(session, name), f"there is no token {name!r}")
    _say_done(f"The token of [bold]{escape(name)}[/] is no longer taken.", {"name": name}, as_json=as_json)


@contextmanager
def _session(config: Path) -> "Iterator[Session]":
    """A transaction on the store of a configuration; the engine may run meanwhile."""
    from normalcy.live.config.live import read_live_config
    from normalcy.live.store.opening import store_of

    with store_of(read_live_config(config)) as store, store.transaction() as session:
        yield session


def _show(found: "Sequence[User | ApiToken]", *, as_json: bool, none: str) -> None:
    rows: list[dict[str, Any]] = [
        {"name": each.name, "role": each.role, "created_at": each.created_at} for each in found
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        since = datetime.fromtimestamp(row["created_at"], UTC).date().isoformat()
        say(f"[bold]{escape(row['name'])}[/]  {row['role']}  since {since}")
    if not rows:
        say(none)


def _say_done(markup: str, result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
    else:
        say(markup)


def _role(admin: bool) -> Literal["viewer", "admin"]:
    return "admin" if admin else "viewer"


def _require(holds: bool, what: str, *, hint: str = "") -> None:
    if not holds:
        raise InputError(what, hint=hint)
