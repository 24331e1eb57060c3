"""`normalcy explain`: why a detector alarmed on a video, as a page that people read."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli.console import plural, progress_bar, say, say_text, show_result
from normalcy.cli.options import AsJson, BundlePath


def explain(
    bundle_path: BundlePath,
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="File, or folder of pictures.")],
    normal: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of normal videos: shows the frame that is most alike for each event."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write; runs/explain-VIDEO.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(metavar="RATE", help="Frames per second of a folder of pictures.")
    ] = None,
    video_too: Annotated[
        bool, typer.Option("--video", help="Write the annotated video as well, with attention below it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why a detector alarmed: where, what was unusual and by how much, and what is normal there."""
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.video.names import video_stem
    from normalcy.video.reader import ReadOptions
    from normalcy.workflows.explain import explain_video, write_explanation

    bundle = Bundle.load(bundle_path)
    run = RunFolder(folder or Path("runs") / f"explain-{video_stem(video)}")
    annotated = run.path / "explanation.mp4" if video_too else None
    with progress_bar() as progress, ExitStack() as stack:
        if annotated:
            stack.enter_context(run.claimed())
        explained = explain_video(
            bundle,
            video,
            normal=normal,
            options=ReadOptions(fps=fps),
            annotated=annotated,
            progress=progress,
        )
        if not annotated:  # Nothing is claimed where there is nothing to say.
            stack.enter_context(run.claimed())
        files = write_explanation(explained, run) | ({"video": annotated} if annotated else {})
    if not as_json:
        more = f"; {explained.left_out} more are not, for there are too many" if explained.left_out else ""
        say(f"[bold]{plural(len(explained.events), 'event')}[/] explained{more}")
        for each in explained.events:
            say_text(f"{each.event.start_seconds:.1f} to {each.event.end_seconds:.1f} s  {each.sentence}")
    show_result(explained.record(), files=files, as_json=as_json)
