"""`normalcy live`: what keeps a live engine in order."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import plural, say, say_text
from normalcy.cli.options import AsJson, flag
from normalcy.errors import ConfigError, OutputError

app = typer.Typer(no_args_is_help=True, help="Check configuration, store and disk; say who may log in.")

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration of `normalcy watch`.")]


@app.command()
def validate(config: Config, as_json: AsJson = False) -> None:
    """Check a configuration, and that its detectors and secrets are there."""
    from normalcy.live.config.live import read_live_config
    from normalcy.live.config.references import missing_references

    found = read_live_config(config)
    missing = missing_references(found)
    if as_json:
        typer.echo(json.dumps({"cameras": sorted(found.cameras), "missing": missing}, indent=2))
    for line in missing if not as_json else ():
        say_text(line)
    if missing:
        raise ConfigError(f"{plural(len(missing), 'thing')} it names cannot be found", where=config)
    if not as_json:
        say(
            f"[green]Good.[/] {plural(len(found.cameras), 'camera')}, {plural(len(found.bundles), 'detector')}."
        )


@app.command()
def check(
    config: Config,
    repair: Annotated[bool, flag("--repair", "Mend what can be mended, and say what.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the event store with the media on disk; the engine should not be running with --repair."""
    from normalcy.live.config.live import read_live_config
    from normalcy.live.store.check import check_store
    from normalcy.live.store.opening import store_of

    found = read_live_config(config)
    with store_of(found) as store:
        result = check_store(store, found.data / "media", repair=repair)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=2, default=str))
    else:
        for finding in result.findings:
            say_text(f"{finding.what}{' (mended)' if finding.is_mended else ''}")
    if not result.is_sound:
        hint = "" if repair else "`--repair` mends what can be mended"
        raise OutputError("store and media do not agree", where=found.data, hint=hint)
    if not as_json:
        say("[green]Good.[/] Store and media agree.")


@app.command("add-user")
def add_user(
    config: Config,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    admin: Annotated[bool, flag("--admin", "May configure cameras, not only review.")] = False,
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
) -> None:
    """Let somebody log in to the dashboard, or give them another password."""
    from normalcy.live.config.live import read_live_config
    from normalcy.live.store.opening import store_of
    from normalcy.live.store.users import add_user as add
    from normalcy.live.store.users import find_user, set_password

    with store_of(read_live_config(config)) as store, store.transaction() as session:
        if find_user(session, name):
            set_password(session, name, password)
            say(f"[bold]{escape(name)}[/] has another password now.")
        else:
            add(session, name, password, "admin" if admin else "viewer", at=time.time())
            say(f"[bold]{escape(name)}[/] may log in.")
