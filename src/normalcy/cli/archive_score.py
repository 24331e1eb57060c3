"""`normalcy score --engine`: an archive, scored by many workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from normalcy.cli.console import plural, progress_bar, say, say_error, show_result
from normalcy.cli.progress import clock
from normalcy.errors import ConfigError

DEFAULT_OUT = "runs/archive"
GO_ON = "Give the same command again to go on where it stopped."
_FAILURES_SHOWN = 20


@dataclass(frozen=True)
class ArchiveWords:
    """What the command line says of an archive.

    Attributes:
        engine: Its name; None where videos are scored here, one after the other.
        address, workers, chunk_seconds, overwrite: Only with an engine.
    """

    engine: str | None
    address: str | None
    workers: int | None
    chunk_seconds: float | None
    overwrite: bool

    def require_none(self) -> None:
        """Raises ConfigError where something was said that only an engine would hear."""
        given = {
            "--address": self.address,
            "--workers": self.workers,
            "--chunk": self.chunk_seconds,
            "--overwrite": self.overwrite,
        }
        for name, value in given.items():
            if value:
                raise ConfigError("is for archives", where=name, hint="Add --engine local or --engine ray")


def score_archive_here(
    bundle_path: Path,
    patterns: Sequence[str],
    words: ArchiveWords,
    *,
    out: str | None,
    backend: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Scores an archive and says what came of it; exit code 3 where videos failed."""
    from normalcy.archive.run import ArchiveOptions, score_archive
    from normalcy.engines.opening import open_engine

    options = ArchiveOptions(
        backend=backend,
        threads=threads,
        chunk_seconds=words.chunk_seconds or ArchiveOptions.chunk_seconds,
        overwrite=words.overwrite,
    )
    engine = open_engine(words.engine or "", workers=words.workers, address=words.address)
    target = out or DEFAULT_OUT
    with progress_bar() as progress:
        scored = score_archive(
            bundle_path, patterns, out=target, engine=engine, options=options, progress=progress
        )
    if as_json:
        show_result({**scored.summary(), "out": scored.out}, files={}, as_json=True)
    else:
        _say(scored.summary(), scored.failures)
        say(f"  [cyan]{scored.out}[/]")
    if scored.failures:
        raise typer.Exit(3)


def _say(summary: dict[str, object], failures: Sequence[str]) -> None:
    for failure in failures[:_FAILURES_SHOWN]:
        say_error(failure)
    if len(failures) > _FAILURES_SHOWN:
        say_error(f"and {len(failures) - _FAILURES_SHOWN} more; the table `videos` has them all")
    videos, frames, events = (int(str(summary[name])) for name in ("videos", "frames", "events"))
    footage, taken = (float(str(summary[name])) for name in ("footage_seconds", "seconds_taken"))
    counts = f"{plural(videos, 'video')}, {plural(frames, 'frame')}, {plural(events, 'event')}"
    earlier = videos - int(str(summary["scored_now"]))
    before = f" ({earlier:,} of them before)" if earlier else ""
    workers = plural(int(str(summary["workers"])), "worker")
    say(f"{counts}{before}: {clock(footage)} of footage in {clock(taken)} by {workers}")
