"""`normalcy score`: scores, events and an annotated video for any file, folder or URL."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.archive_score import DEFAULT_OUT, ArchiveWords, score_archive_here
from normalcy.cli.console import plural, progress_bar, say, say_error, show_result
from normalcy.cli.options import AsJson, Backend, BundlePath, Threads, flag
from normalcy.errors import ConfigError

if TYPE_CHECKING:
    from normalcy.scoring.record import ScoredVideo

EVENTS_SHOWN = 8
DEFAULT_FOLDER = "runs/score"


def score(
    bundle_path: BundlePath,
    videos: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO",
            help="Files, folders of pictures, URLs or camera numbers; with --engine files, folders of videos, and "
            "patterns such as 's3://bucket/**/*.mp4'.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help=f"Where to write: runs/score, or {DEFAULT_OUT} with --engine, which takes URLs as well. Earlier "
            "tables are replaced; those of an archive are gone on with.",
        ),
    ] = None,
    annotate: Annotated[
        bool | None,
        typer.Option(
            "--video/--no-video",
            metavar="",
            help="Write annotated videos; never of an archive.",
            show_default=False,
        ),
    ] = None,
    start_seconds: Annotated[float, typer.Option("--start", metavar="S", help="Seconds to leave out.")] = 0.0,
    end_seconds: Annotated[
        float | None, typer.Option("--end", metavar="S", help="Second to stop at.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(metavar="RATE", help="Frames per second of a folder of pictures.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Score an archive of videos by many workers: local (processes) or ray (a cluster).",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --engine: how many; one a core without.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of a Ray cluster that runs, or auto; without, Ray starts here."
        ),
    ] = None,
    chunk_seconds: Annotated[
        float | None,
        typer.Option(
            "--chunk", metavar="S", min=1, help="With --engine: about how long videos are cut [60]."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        flag("--overwrite", "With --engine: begin anew where --out was made by something else, else go on."),
    ] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Score videos with a fitted bundle."""
    words = ArchiveWords(engine, address, workers, chunk_seconds, overwrite)
    if engine is not None:
        _require_whole(start_seconds=start_seconds, end_seconds=end_seconds, fps=fps, annotate=annotate)
        score_archive_here(
            bundle_path, videos, words, out=out, backend=backend, threads=threads, as_json=as_json
        )
        return
    words.require_none()
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.video.reader import ReadOptions
    from normalcy.workflows.score import score_videos

    options = ReadOptions(start_seconds=start_seconds, end_seconds=end_seconds, fps=fps)
    bundle = Bundle.load(bundle_path)
    run = RunFolder(Path(out or DEFAULT_FOLDER))
    with progress_bar() as progress:
        scored = score_videos(
            bundle,
            videos,
            run=run,
            options=options,
            annotate=annotate is not False,
            backend=backend,
            threads=threads,
            progress=progress,
        )
    for video in scored.videos if not as_json else ():
        say(_video_line(video))
        show_result({}, files=_only(scored.files, f"video {video.name}"), as_json=False)
    if scored.videos and scored.backend != "torch" and not as_json:
        say(f"Scored by [bold]{scored.backend}[/].")
    for failure in scored.failures:
        say_error(failure)
    files = scored.files if as_json else _only(scored.files, "scores", "events")
    show_result(scored.summary(), files=files, as_json=as_json)
    if scored.failures:
        raise typer.Exit(3)


def _require_whole(**given: float | bool | None) -> None:
    """Archives are scored whole, and nobody looks at all of their videos."""
    names = {"start_seconds": "--start", "end_seconds": "--end", "fps": "--fps", "annotate": "--video"}
    for name, value in given.items():
        if value:
            raise ConfigError("is not for archives", where=names[name], hint="Leave it or --engine out")


def _only(files: Mapping[str, Path], *names: str) -> dict[str, Path]:
    """Some of the files, by the first word of their names."""
    return {name.partition(" ")[0]: path for name, path in files.items() if name in names}


def _video_line(video: "ScoredVideo") -> str:
    spans = [f"{event.start_seconds:.1f}-{event.end_seconds:.1f} s" for event in video.events]
    more = f" and {len(spans) - EVENTS_SHOWN} more" if len(spans) > EVENTS_SHOWN else ""
    when = f" at {', '.join(spans[:EVENTS_SHOWN])}{more}" if spans else ""
    frames, events = plural(len(video.index_T), "frame"), plural(len(spans), "event")
    return f"[bold]{escape(video.name)}[/]: {frames}, {events}{when}"
