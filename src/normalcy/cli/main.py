"""The `normalcy` command. Everything heavy is imported inside the commands, so that `--help` is instant."""

import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from normalcy import __version__
from normalcy.cli import (
    archive_score,
    bench,
    calibrate,
    data,
    demo,
    evaluate,
    explain,
    export,
    fit,
    live,
    memory,
    pipeline,
    score,
    study,
    watch,
)
from normalcy.cli.console import GO_ON, INTERRUPTED, run_command
from normalcy.cli.options import flag

app = typer.Typer(
    name="normalcy",
    help="Learns what normal looks like in front of a camera and tells you when something is not.",
    epilog=(
        "Exit codes: 0 done, 1 refused by the system, 2 a setting, 3 input, 4 output, 5 training, 6 calibration, "
        "7 a missing package, 64 wrong use, 70 a defect of normalcy, 130 Ctrl-C."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("fit")(fit.fit)
app.command("calibrate")(calibrate.calibrate)
app.command("evaluate")(evaluate.evaluate)
app.command("score")(score.score)
app.command("explain")(explain.explain)
app.command("export")(export.export)
app.command("bench")(bench.bench)
app.command("pipeline")(pipeline.pipeline)
app.command("watch")(watch.watch)
app.add_typer(live.app, name="live")
app.add_typer(memory.app, name="memory")
app.add_typer(study.app, name="study")

# What to do after Ctrl-C, where giving the same command again is not the best.
GO_ON_BY_COMMAND = {"fit": fit.GO_ON, "pipeline": fit.GO_ON, "study": study.GO_ON}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"normalcy {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, flag("--debug", "Show the log, and the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", help="Show the version and end.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of every command."""


def _is_archive(name: str, words: Sequence[str]) -> bool:
    return name == "score" and any(word.partition("=")[0] == "--engine" for word in words)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != "--debug"]
    name = next((word for word in words if not word.startswith("-")), "")
    code = run_command(
        lambda: app(words, prog_name="normalcy", standalone_mode=False, obj=words),
        debug="--debug" in given,
        go_on=GO_ON_BY_COMMAND.get(name, GO_ON) if not _is_archive(name, words) else archive_score.GO_ON,
    )
    if code == INTERRUPTED:
        # An impatient second Ctrl-C must not tear up the way out.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)
