"""`normalcy live`: what keeps a live engine in order."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from normalcy.cli import live_access
from normalcy.cli.console import plural, say, say_text
from normalcy.cli.live_access import Config
from normalcy.cli.options import AsJson, flag
from normalcy.errors import ConfigError, OutputError, RunFolderBusy

if TYPE_CHECKING:
    from normalcy.live.config.live import LiveConfig
    from normalcy.live.store.check import StoreCheck

app = typer.Typer(no_args_is_help=True, help="Check configuration, store and disk; say who may log in.")


@app.command()
def example() -> None:
    """Print a configuration that names every setting, with what each is for."""
    from importlib.resources import files

    typer.echo(files("normalcy.live.config").joinpath("example.yaml").read_text(encoding="utf-8"), nl=False)


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
        cameras, detectors = plural(len(found.cameras), "camera"), plural(len(found.bundles), "detector")
        say(f"[green]Good.[/] {cameras}, {detectors}.")


@app.command()
def check(
    config: Config,
    repair: Annotated[bool, flag("--repair", "Mend what can be mended, and say what.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the event store with the media on disk; --repair needs the engine stopped.

    While one runs, what changed within the last hour is passed over: it may still be in the works.
    """
    from normalcy.live.config.live import read_live_config

    found = read_live_config(config)
    result = _checked(found, repair=repair)
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


def _checked(config: "LiveConfig", *, repair: bool) -> "StoreCheck":
    from normalcy.live.nodes.identity import node_name
    from normalcy.live.store.check import check_store
    from normalcy.live.store.opening import store_of

    media, node = config.data / "media", node_name(config)
    try:
        with store_of(config, alone=True) as store:
            return check_store(store, media, repair=repair, settled_seconds=0, node=node)
    except RunFolderBusy:
        if repair:
            raise
    with store_of(config) as store:
        return check_store(store, media, node=node)


app.command("users")(live_access.users)
app.command("add-user")(live_access.add_user)
app.command("remove-user")(live_access.remove_user)
app.command("tokens")(live_access.tokens)
app.command("add-token")(live_access.add_token)
app.command("remove-token")(live_access.remove_token)
