"""`normalcy score`: scores, events and an annotated video for any file, folder or URL."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import plural, progress_bar, say, say_error, show_result
from normalcy.cli.options import AsJson, Backend, BundlePath, Threads

if TYPE_CHECKING:
    from normalcy.scoring.record import ScoredVideo

EVENTS_SHOWN = 8


def score(
    bundle_path: BundlePath,
    videos: Annotated[
        list[str],
        typer.Argument(metavar="VIDEO", help="Files, folders of pictures, URLs or camera numbers."),
    ],
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where to write; its earlier tables are replaced.")
    ] = Path("runs/score"),
    annotate: Annotated[
        bool, typer.Option("--video/--no-video", metavar="", help="Write annotated videos.")
    ] = True,
    start_seconds: Annotated[float, typer.Option("--start", metavar="S", help="Seconds to leave out.")] = 0.0,
    end_seconds: Annotated[
        float | None, typer.Option("--end", metavar="S", help="Second to stop at.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(metavar="RATE", help="Frames per second of a folder of pictures.")
    ] = None,
    backend: Backend = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Score videos with a fitted bundle."""
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.video.reader import ReadOptions
    from normalcy.workflows.score import score_videos

    options = ReadOptions(start_seconds=start_seconds, end_seconds=end_seconds, fps=fps)
    bundle = Bundle.load(bundle_path)
    run = RunFolder(folder)
    with progress_bar() as progress:
        scored = score_videos(
            bundle,
            videos,
            run=run,
            options=options,
            annotate=annotate,
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


def _only(files: Mapping[str, Path], *names: str) -> dict[str, Path]:
    """Some of the files, by the first word of their names."""
    return {name.partition(" ")[0]: path for name, path in files.items() if name in names}


def _video_line(video: "ScoredVideo") -> str:
    spans = [f"{event.start_seconds:.1f}-{event.end_seconds:.1f} s" for event in video.events]
    more = f" and {len(spans) - EVENTS_SHOWN} more" if len(spans) > EVENTS_SHOWN else ""
    when = f" at {', '.join(spans[:EVENTS_SHOWN])}{more}" if spans else ""
    frames, events = plural(len(video.index_T), "frame"), plural(len(spans), "event")
    return f"[bold]{escape(video.name)}[/]: {frames}, {events}{when}"
