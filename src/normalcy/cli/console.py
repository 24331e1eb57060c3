"""How the command speaks: progress, results, warnings and errors. One line for a user's mistake, never a traceback.

Progress, warnings and errors go to standard error; results go to standard output, as JSON when asked.

Exit codes: 0 done, 1 to 7 the errors of `normalcy.errors`, 64 wrong use of the command line, 70 a defect of ours,
130 Ctrl-C.
"""

import json
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from normalcy.errors import NormalcyError, NormalcyWarning

WRONG_USE, OUR_DEFECT, INTERRUPTED = 64, 70, 130

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def run_command(command: Callable[[], Any], *, debug: bool = False) -> int:
    """Runs a command and turns whatever happens into one clear line and an exit code."""
    try:
        with _own_warnings():
            result = command()
        return result if isinstance(result, int) else 0
    except NormalcyError as error:
        return _fail(str(error), error.exit_code, debug)
    except typer.Exit as error:
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        err.print("\n[yellow]Stopped.[/] What was written so far is kept; `normalcy fit --resume` goes on.")
        return INTERRUPTED
    except typer.TyperException as error:
        return _fail(error.format_message(), WRONG_USE, debug)
    except Exception as error:
        message = f"{type(error).__name__}: {error} (a defect of normalcy; --debug shows where)"
        return _fail(message, OUR_DEFECT, debug)


def show_result(result: Mapping[str, Any], *, files: Mapping[str, Path], as_json: bool) -> None:
    """Ends a command: JSON on standard output, or the files it wrote by name."""
    if as_json:
        written = {name: str(path) for name, path in files.items()}
        typer.echo(json.dumps({**result, "files": written}, indent=2))
        return
    width = max((len(name) for name in files), default=0)
    for name, path in files.items():
        out.print(f"  {name:<{width}}  [cyan]{escape(str(path))}[/]", soft_wrap=True)


class ProgressBar:
    """A progress bar with ETA that follows `(what, done, total)` reports."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._what = ""
        self._total = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Shows how far the step `what` is; another total starts another bar."""
        if self._task is None or self._total != total:
            self._finish()
            self._task = self._progress.add_task(escape(what), total=total)
        self._total = total
        self._progress.update(self._task, completed=done, description=escape(what))

    def _finish(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=self._total)
            self._progress.stop_task(self._task)


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """Bars on standard error while the block runs; plain lines where that is no terminal."""
    if not err.is_terminal:
        yield _PlainProgress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield ProgressBar(progress)


class _PlainProgress(ProgressBar):
    """A line at most every ten seconds, for logs."""

    def __init__(self) -> None:
        self._started = self._last = time.monotonic()
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        step = what.partition(",")[0]
        if step != self._what:
            self._what, self._started = step, now
        elif now - self._last < 10 and done < total:
            return
        self._last = now
        left = (now - self._started) / done * (total - done) if done else 0.0
        err.print(f"{what}: {done}/{total}" + (f", ETA {left:.0f} s" if done else ""), markup=False)


@contextmanager
def _own_warnings() -> Iterator[None]:
    """Shows our own warnings as one line each, and other packages' not at all."""

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, NormalcyWarning):
            err.print(f"[yellow]Warning:[/] {escape(str(message))}", soft_wrap=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", NormalcyWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc(file=sys.stderr)
    err.print(f"[red]Error:[/] {escape(message)}", soft_wrap=True)
    return code
