"""`normalcy score`: scores, events and an annotated video for any file, folder or URL."""

from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli.console import err, out, progress_bar, show_result
from normalcy.cli.options import AsJson, BundlePath


def score(
    bundle_path: BundlePath,
    videos: Annotated[list[str], typer.Argument(help="Files, folders of pictures, URLs or camera numbers.")],
    folder: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path("runs/score"),
    annotate: Annotated[bool, typer.Option("--video/--no-video", help="Write annotated videos.")] = True,
    start_seconds: Annotated[float, typer.Option("--start", help="Seconds to leave out.")] = 0.0,
    end_seconds: Annotated[float | None, typer.Option("--end", help="Second to stop at.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second of a folder of pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score videos with a fitted bundle."""
    from normalcy.explain.score_video import score_videos
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.video.reader import ReadOptions

    bundle = Bundle.load(bundle_path)
    run = RunFolder(folder)
    options = ReadOptions(start_seconds=start_seconds, end_seconds=end_seconds, fps=fps)
    with progress_bar() as progress:
        scored = score_videos(bundle, videos, run=run, options=options, annotate=annotate, progress=progress)
    for video in scored.videos if not as_json else ():
        spans = ", ".join(f"{e.start_seconds:.1f}-{e.end_seconds:.1f} s" for e in video.events)
        out.print(
            f"{video.name}: {len(video.index_T)} frames, {len(video.events)} events {spans}", markup=False
        )
    for failure in scored.failures:
        err.print(f"[red]Error:[/] {failure}")
    show_result(scored.summary(), files=scored.files, as_json=as_json)
    if scored.failures:
        raise typer.Exit(3)
