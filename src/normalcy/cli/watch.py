"""`normalcy watch`: the live engine and its dashboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import plural, say
from normalcy.cli.options import Backend, flag
from normalcy.errors import ConfigError

if TYPE_CHECKING:
    from normalcy.live.supervision.config_file import ConfigFile
    from normalcy.live.watch import Watching

_YAML = (".yaml", ".yml")


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
        Path,
        typer.Option("--data", metavar="DIR", help="Folder of events and media, where sources are named."),
    ] = Path("normalcy-live"),
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where the dashboard listens, where sources are named."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Likewise; 0 takes a free one.")
    ] = None,
    backend: Backend = "auto",
    log_json: Annotated[bool, flag("--log-json", "Write the log as lines of JSON.")] = False,
) -> None:
    """Watch cameras, tell what is not normal, and show it in a browser."""
    from normalcy.live.config.references import require_references
    from normalcy.live.logs import log_to_standard_error
    from normalcy.live.watch import watch as run

    web = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    file = _config_file(sources, bundle=bundle, data=data, web=web, backend=backend)
    require_references(file.config, where=file.path)
    log_to_standard_error(as_json=log_json)
    run(file.config, file=file, log_json=log_json, on_start=say_where)
    say("Stopped. Events are stored.")


def say_where(running: "Watching") -> None:
    """Says what is watched, and where the dashboard is."""
    config = running.supervisor.config
    say(
        f"Watching {plural(len(config.cameras), 'camera')}; "
        f"events and media are in [cyan]{escape(str(config.data))}[/]."
    )
    if running.url:
        say(f"Open [bold]{escape(running.url)}[/] in a browser. Ctrl-C stops.")


def _config_file(
    sources: list[str], *, bundle: Path | None, data: Path, web: Mapping[str, object], backend: str
) -> "ConfigFile":
    from normalcy.live.supervision.config_file import ConfigFile

    is_config = len(sources) == 1 and sources[0].endswith(_YAML)
    if is_config:
        if bundle is not None:
            hint = "Name detectors in the configuration, under `bundles`"
            raise ConfigError("does not go with a configuration", where="--bundle", hint=hint)
        return ConfigFile(Path(sources[0]))
    if bundle is None:
        raise ConfigError("is missing", where="--bundle", hint="Or name a configuration that ends with .yaml")
    return _written(sources, bundle=bundle, data=data, web=web, backend=backend)


def _written(
    sources: list[str], *, bundle: Path, data: Path, web: Mapping[str, object], backend: str
) -> "ConfigFile":
    """The configuration that the command line amounts to, in the data folder: the dashboard writes there."""
    import yaml

    from normalcy.live.config.live import config_from
    from normalcy.live.config.plain import FILE, plain_config
    from normalcy.live.supervision.config_file import ConfigFile
    from normalcy.run_folder import write_text, writing_to

    said = plain_config(sources, bundle=bundle, backend=backend, data=data, settings=web)
    config_from(said, where=data / FILE)
    with writing_to(data):
        data.mkdir(parents=True, exist_ok=True)
        write_text(data / FILE, yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
        (data / FILE).chmod(0o600)
    return ConfigFile(data / FILE)
