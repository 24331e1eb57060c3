"""The `normalcy` command. Everything heavy is imported inside the commands, so that `--help` is instant."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from normalcy import __version__
from normalcy.cli import data, evaluate, fit, score
from normalcy.cli.console import run_command

app = typer.Typer(
    name="normalcy",
    help="Learns what normal looks like in front of a camera and tells you when something is not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(data.app, name="data")
app.command("fit")(fit.fit)
app.command("evaluate")(evaluate.evaluate)
app.command("score")(score.score)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Options of every command."""
    if version:
        typer.echo(f"normalcy {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and ends the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run_command(lambda: app(words, standalone_mode=False), debug="--debug" in words))
