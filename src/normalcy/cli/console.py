"""How the command speaks: results, warnings and errors. One line for a user's mistake, never a traceback.

Progress, warnings and errors go to standard error; results go to standard output, as JSON when asked.

Exit codes:
    0          done
    1          the operating system refused something, or whoever read the output went away
    2 to 7     the errors of `normalcy.errors`: 2 a setting, 3 input, 4 output, 5 training, 6 calibration, 7 an extra
    64         wrong use of the command line
    70         a defect of normalcy
    130        Ctrl-C
"""

import errno
import json
import logging
import shlex
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from normalcy.cli.missing import missing_package
from normalcy.cli.progress import Report, progress_on
from normalcy.errors import DiskFull, NormalcyError, NormalcyWarning

REFUSED, WRONG_USE, OUR_DEFECT, INTERRUPTED = 1, 64, 70, 130
GO_ON = "Give the same command again to begin anew."

_LOG_WIDTH = 160

logger = logging.getLogger(__name__)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def run_command(command: Callable[[], Any], *, debug: bool = False, go_on: str = GO_ON) -> int:
    """Runs a command and turns whatever happens into one clear line and an exit code.

    Args:
        command: What to run; it may return an exit code.
        debug: Show the log, and the traceback of an error above its line.
        go_on: What to do after Ctrl-C.
    """
    try:
        with _own_warnings(), _own_log(shown=debug), _quiet_threads():
            result = command()
    except NormalcyError as error:
        return _fail(str(error), error.exit_code, debug)
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except typer.TyperException as error:
        return _wrong_use(error, debug)
    except OSError as error:
        return _fail(*_refusal(error), debug)
    except Exception as error:
        return _fail(*_defect(error), debug)
    if result == INTERRUPTED:
        # On a terminal, `^C` stands in the line.
        err.print(
            f"{_line_start()}[yellow]Stopped.[/] What was written before is whole. {go_on}", soft_wrap=True
        )
    return result if isinstance(result, int) else 0


def show_result(result: Mapping[str, Any], *, files: Mapping[str, Path], as_json: bool) -> None:
    """Ends a command: JSON on standard output, or the files it wrote by name."""
    if as_json:
        written = {name: str(path) for name, path in files.items()}
        typer.echo(json.dumps({**result, "files": written}, indent=2))
        return
    width = max((len(name) for name in files), default=0)
    for name, path in files.items():
        say(f"  {escape(f'{name:<{width}}')}  [cyan]{escape(str(path))}[/]")


def be_quiet() -> None:
    """Prints nothing from now on: another process speaks for this one."""
    out.quiet = err.quiet = True


def say(markup: str) -> None:
    """A line of results, never broken within a path."""
    out.print(markup, soft_wrap=True)


def say_text(text: str) -> None:
    """Sentences of results, broken between words on a terminal only."""
    out.print(text, markup=False, soft_wrap=not out.is_terminal)


def say_error(message: str) -> None:
    """The line of an error."""
    err.print(f"[red]Error:[/] {escape(message)}", soft_wrap=True)


def say_table(table: Table) -> None:
    """A table as wide as the terminal; one that goes into a file is not squeezed."""
    # A console prints nothing wider than itself: one that is no terminal takes itself for 80 columns wide.
    console = out if out.is_terminal else Console(file=out.file, width=_LOG_WIDTH, highlight=False)
    console.print(table)


def say_next(command: str) -> None:
    """What a newcomer would do next."""
    say(f"Next: [bold]{escape(command)}[/]")


def shell_word(value: object) -> str:
    """A path or name as it is typed in a shell."""
    return shlex.quote(str(value))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says on standard error what takes its time, where nobody knows how long."""
    if err.is_terminal:
        with err.status(escape(what)):
            yield
    else:
        err.print(what, markup=False, soft_wrap=True)
        yield


def progress_bar() -> AbstractContextManager[Report]:
    """Shows progress on standard error while the block runs."""
    return progress_on(err)


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "event"), plural(1234, "frame")
    ('1 event', '1,234 frames')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def _own_warnings() -> Iterator[None]:
    """Shows each of our own warnings once, as one line, and other packages' not at all."""
    shown = set[str]()

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        text = " ".join(str(message).split())
        if issubclass(category, NormalcyWarning) and text not in shown:
            shown.add(text)
            err.print(f"[yellow]Warning:[/] {escape(text)}", soft_wrap=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", NormalcyWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextmanager
def _own_log(*, shown: bool) -> Iterator[None]:
    """Shows normalcy's log on standard error, or keeps it from there: what a user must know is a warning."""
    log = logging.getLogger("normalcy")
    handler = logging.StreamHandler() if shown else logging.NullHandler()
    before = log.level
    log.addHandler(handler)
    if shown:
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Keeps a library's thread that cannot write its log from printing a traceback."""
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        if isinstance(failure.exc_value, OSError):  # the command itself meets it too
            logger.info("a thread ended: %s", failure.exc_value)
        else:
            before(failure)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def _wrong_use(error: typer.TyperException, debug: bool) -> int:
    message = error.format_message()
    if not message:  # the help was shown instead
        return WRONG_USE
    context = getattr(error, "ctx", None)
    hint = f" See `{context.command_path} --help`." if context else ""
    stop = "" if message.endswith((".", "?")) else "."
    return _fail(f"{message}{stop}{hint}", WRONG_USE, debug)


def _refusal(error: OSError) -> tuple[str, int]:
    """Message and exit code for what the operating system refused."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}no room left on the disk. Make room there, then go on", DiskFull.exit_code
    return f"{where}{error.strerror or error}", REFUSED


def _defect(error: Exception) -> tuple[str, int]:
    """Message and exit code for what nobody foresaw, unless it is only a package that is not there."""
    missing = missing_package(error) if isinstance(error, ModuleNotFoundError) else None
    if missing:
        return str(missing), missing.exit_code
    return f"{type(error).__name__}: {error} (a defect of normalcy; --debug shows where)", OUR_DEFECT


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc(file=sys.stderr)
    say_error(" ".join(message.split()))
    return code


def _line_start() -> str:
    return "\n" if err.is_terminal else ""
