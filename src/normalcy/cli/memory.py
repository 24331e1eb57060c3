"""`normalcy memory`: what a detector remembers, and "this is normal" without fitting it again."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from normalcy.cli.console import plural, progress_bar, say, say_table, say_text, show_result, working
from normalcy.cli.options import AsJson, BundlePath

if TYPE_CHECKING:
    from normalcy.video.reader import ReadOptions
    from normalcy.workflows.memory import StrangePlace

app = typer.Typer(help="Show what a detector remembers, and amend it.", no_args_is_help=True)

VIDEOS_SHOWN = 20

VideoSource = Annotated[
    str, typer.Argument(metavar="VIDEO", help="File, folder of pictures or URL; of the detector's camera.")
]
Start = Annotated[float, typer.Option("--start", metavar="S", help="Second to start at.")]
End = Annotated[float | None, typer.Option("--end", metavar="S", help="Second to stop at.")]
Place = Annotated[
    tuple[float, float, float, float],
    typer.Option(
        "--region",
        metavar="L T R B",
        help="Left, top, right and bottom edge of where to learn from, as parts of the picture.",
    ),
]
Known = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Name of the video in the memory, see `normalcy memory show`."),
]
Rate = Annotated[
    float | None, typer.Option("--fps", metavar="RATE", help="Frames per second of a folder of pictures.")
]


@app.command("show")
def show(bundle_path: BundlePath, as_json: AsJson = False) -> None:
    """Say what a detector remembers and what it was told since it was fitted."""
    from normalcy.scoring.bundle import Bundle
    from normalcy.workflows.memory import remembered

    memory = remembered(Bundle.load(bundle_path))
    if as_json:
        show_result(asdict(memory), files={}, as_json=True)
        return
    say(f"[bold]{plural(memory.scenes, 'scene')}[/], watched for {', '.join(memory.streams)}")
    total, shown = sum(memory.examples.values()), list(memory.examples.items())[:VIDEOS_SHOWN]
    say(f"[bold]{plural(total, 'normal look')}[/] of {plural(len(memory.examples), 'video')}")
    for video, count in shown:
        say(f"  {count:>6,}  {escape(video)}")
    if len(memory.examples) > len(shown):
        say(f"  [dim]and {plural(len(memory.examples) - len(shown), 'more video')}[/]")
    for line in memory.amendments:
        say(f"told {escape(line)}")


@app.command("nearest")
def nearest(
    bundle_path: BundlePath,
    video: VideoSource,
    at_seconds: Annotated[float, typer.Option("--at", metavar="S", help="Time of the frame.")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Places at most.")] = 5,
    fps: Rate = None,
    as_json: AsJson = False,
) -> None:
    """Name the strangest places of a frame, and the normal look that each is nearest to."""
    from normalcy.scoring.bundle import Bundle
    from normalcy.workflows.memory import strangest_places

    with working(f"looking at {video}"):
        places = strangest_places(
            Bundle.load(bundle_path), video, at_seconds=at_seconds, count=count, fps=fps
        )
    if as_json:
        show_result({"places": [place._asdict() for place in places]}, files={}, as_json=True)
    elif places:
        say_table(_places_table(places))
        say_text("A look is about 1 where it is as far from the nearest normal one as normal looks get.")
    else:
        say("Nothing stands out from the background there.")


@app.command("add")
def add(
    bundle_path: BundlePath,
    video: VideoSource,
    start_seconds: Start = 0.0,
    end_seconds: End = None,
    region: Place = (0.0, 0.0, 1.0, 1.0),
    name: Known = None,
    fps: Rate = None,
    times: Annotated[
        float, typer.Option(min=1.0, metavar="N", help="Count it as if it had been seen so many times.")
    ] = 50.0,
    as_json: AsJson = False,
) -> None:
    """Tell a detector that a span of video is normal."""
    options = _read_options(start_seconds, end_seconds, fps)
    _amend(bundle_path, video, options, name=name, region=region, times=times, as_json=as_json)


@app.command("forget")
def forget(
    bundle_path: BundlePath,
    video: VideoSource,
    start_seconds: Start = 0.0,
    end_seconds: End = None,
    region: Place = (0.0, 0.0, 1.0, 1.0),
    name: Known = None,
    fps: Rate = None,
    times: Annotated[
        float, typer.Option(min=1.0, metavar="N", help="How often it was counted; 1 where it was fitted on.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Take a span of video out of what a detector remembers."""
    options = _read_options(start_seconds, end_seconds, fps)
    _amend(bundle_path, video, options, name=name, region=region, times=-times, as_json=as_json)


def _read_options(start_seconds: float, end_seconds: float | None, fps: float | None) -> "ReadOptions":
    from normalcy.video.reader import ReadOptions

    return ReadOptions(start_seconds=start_seconds, end_seconds=end_seconds, fps=fps)


def _amend(
    bundle_path: Path,
    video: str,
    options: "ReadOptions",
    *,
    name: str | None,
    region: tuple[float, float, float, float],
    times: float,
    as_json: bool,
) -> None:
    from normalcy.workflows.memory import Region, amend

    with progress_bar() as progress:
        amended = amend(
            bundle_path,
            video,
            options=options,
            times=times,
            region=Region(*region),
            video=name,
            progress=progress,
        )
    if not as_json:
        done = "Remembered" if times > 0 else "Forgotten"
        looks = f"{amended.examples_before:,} normal looks before, {amended.examples_after:,} now"
        say(f"[bold green]{done}[/] {amended.seconds:.1f} s of video; {looks}.")
        say_text("Alarm thresholds stay as they were calibrated.")
    result = {
        "seconds": amended.seconds,
        "examples_before": amended.examples_before,
        "examples_after": amended.examples_after,
    }
    show_result(result, files={"bundle": amended.bundle}, as_json=as_json)


def _places_table(places: list["StrangePlace"]) -> Table:
    table = Table()
    for title in ("place (x, y)", "strange", "nearest normal look", "frame", "at", "place there"):
        table.add_column(title, justify="left" if title == "nearest normal look" else "right")
    for place in places:
        table.add_row(
            f"{place.x:.0%}, {place.y:.0%}",
            f"{place.score:.2f}",
            escape(place.video),
            f"{place.frame}",
            f"{place.seconds:.2f} s",
            f"{place.normal_x:.0%}, {place.normal_y:.0%}",
        )
    return table
