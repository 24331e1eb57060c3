"""`normalcy watch`: the live engine and its dashboard."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from normalcy.cli.console import plural, say, shell_word
from normalcy.cli.options import Backend, flag
from normalcy.errors import ConfigError

if TYPE_CHECKING:
    from normalcy.live.watch import Watching

_YAML = (".yaml", ".yml")
_NORMAL_DATA = Path("normalcy-live")


def watch(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG|SOURCE...",
            help="A configuration (.yaml), or URLs, files, folders and webcams to watch with --bundle.",
        ),
    ],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="BUNDLE", help="Detector of the sources.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            show_default=str(_NORMAL_DATA),
            help="Folder of events and media, where sources are named.",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where the dashboard listens, where sources are named."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Likewise; 0 takes a free one.")
    ] = None,
    backend: Backend = "auto",
    log_json: Annotated[bool, flag("--log-json", "Write the log as lines of JSON.")] = False,
    as_json: Annotated[
        bool, flag("--json", "Print as JSON where the dashboard is, once it is there.")
    ] = False,
) -> None:
    """Watch cameras, tell what is not normal, and show it in a browser."""
    from normalcy.live.logs import log_to_standard_error
    from normalcy.live.supervision.config_file import ConfigFile
    from normalcy.live.watch import watch as run

    web = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    file = ConfigFile(_config_path(sources, bundle=bundle, data=data, web=web, backend=backend), web=web)
    log_to_standard_error(as_json=log_json)
    run(file.config, file=file, log_json=log_json, on_start=_print_where if as_json else say_where)
    if not as_json:
        say("Stopped. Events are stored.")


def _print_where(running: "Watching") -> None:
    config = running.supervisor.config
    said = {"url": running.url, "cameras": list(config.cameras), "data": str(config.data)}
    typer.echo(json.dumps({**said, "requires_login": config.requires_login}))


def say_where(running: "Watching") -> None:
    """Says what an engine that runs watches, and where to see it."""
    config = running.supervisor.config
    say(
        f"Watching {plural(len(config.cameras), 'camera')}; "
        f"events and media are in [cyan]{escape(str(config.data))}[/]."
    )
    if running.url:
        say(f"Open [bold]{escape(running.url)}[/] in a browser. Ctrl-C stops.")
    if running.url and config.requires_login:
        _say_login(running)


def _say_login(running: "Watching") -> None:
    from normalcy.live.store.users import list_users

    with running.supervisor.store.reading() as session:
        users = list_users(session)
    file = running.supervisor.file
    if users or file is None:
        say("A login is needed.")
    else:
        command = f"normalcy live add-user {shell_word(file.path)} NAME --admin"
        say(f"A login is needed, and nobody has one yet: [bold]{escape(command)}[/]")


def _config_path(
    sources: list[str], *, bundle: Path | None, data: Path | None, web: dict[str, Any], backend: str
) -> Path:
    """The configuration that was named, or that the command line amounts to."""
    if len(sources) == 1 and sources[0].endswith(_YAML):
        words = {"--bundle": bundle, "--data": data, "--host": web.get("host"), "--port": web.get("port")}
        _refuse(words | {"--backend": None if backend == "auto" else backend})
        return Path(sources[0])
    if bundle is None:
        raise ConfigError("is missing", where="--bundle", hint="Or name a configuration that ends with .yaml")
    from normalcy.live.config.plain import write_plain_config

    return write_plain_config(sources, bundle=bundle, backend=backend, data=data or _NORMAL_DATA)


def _refuse(words: dict[str, object]) -> None:
    for word, value in words.items():
        if value is not None:
            raise ConfigError("does not go with a configuration", where=word, hint="Set it in that file")
