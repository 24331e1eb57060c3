"""`normalcy bench`: how fast a detector is here, stage by stage and backend by backend."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from normalcy.cli.console import progress_bar, say, say_table, say_text, show_result, working
from normalcy.cli.options import AsJson, BundlePath

_SECONDS, _FPS, _SIZE_PX = 10, 25, (480, 640)


def bench(
    bundle_path: BundlePath,
    video: Annotated[
        Path | None, typer.Argument(metavar="[VIDEO]", help="A video file; a generated scene without.")
    ] = None,
    backends: Annotated[
        list[str] | None,
        typer.Option(
            "--backend", metavar="NAME", help="Only this one; repeatable. torch-eager is the plainest."
        ),
    ] = None,
    batches: Annotated[
        list[int] | None, typer.Option("--batch", metavar="N", min=1, help="Clips at once; repeatable.")
    ] = None,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Turns of each backend.")] = 5,
    clips: Annotated[int, typer.Option(metavar="N", min=1, help="Clips in a turn.")] = 20,
    frames: Annotated[int, typer.Option(metavar="N", min=1, help="Frames that are read at most.")] = 240,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads of each backend; all cores without.")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write.")] = Path(
        "runs/bench"
    ),
    as_json: AsJson = False,
) -> None:
    """Time a detector, a process for each backend: reading, inference, all together; against plain PyTorch."""
    from normalcy.run_folder import write_json, writing_to
    from normalcy.workflows.bench.bench import bench as measure
    from normalcy.workflows.bench.options import BATCHES, BenchOptions
    from normalcy.workflows.bench.written import picture

    options = BenchOptions(
        backends=tuple(backends or ()),
        batches=tuple(batches or BATCHES),
        rounds=rounds,
        clips=clips,
        frames=frames,
        threads=threads,
    )
    with progress_bar() as progress, _video(video) as file:
        result = measure(bundle_path, file, options, progress=progress)
    record = result.record()
    files = {"figures": folder / "bench.json", "picture": folder / "bench.svg"}
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(files["figures"], record)
        first = str(options.batches[0])
        drawn = picture(result.backends, title=record["method"], batch=first)
        files["picture"].write_text(drawn, encoding="utf-8")
    if not as_json:
        _say(record)
    show_result(record, files=files, as_json=as_json)


@contextmanager
def _video(given: Path | None) -> Iterator[Path]:
    """What is given, or a generated scene."""
    if given is not None:
        yield given
        return
    from normalcy.datasets.walkway.settings import SETTING_NAMES
    from normalcy.datasets.walkway.synthesize import synthesize

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "walkway"
        with working("drawing a scene, as no video was named"):
            synthesize(
                root,
                size_px=_SIZE_PX,
                train_videos=1,
                test_videos=1,
                seconds_per_video=_SECONDS,
                fps=_FPS,
                settings=SETTING_NAMES[:1],
                anomalies=("runner",),
            )
        yield next(path for path in sorted(root.rglob("*")) if path.suffix in (".mp4", ".mkv", ".avi"))


def _say(record: dict[str, object]) -> None:
    from normalcy.workflows.bench.written import COLUMNS, rows, stage_lines

    say(f"[bold]{record['method']}[/] ({record['preset']}), {record['hardware']}")
    for line in stage_lines(record["stages"]):  # type: ignore[arg-type]
        say_text(line)
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "backend" else "right", no_wrap=True)
    for row in rows(record["backends"]):  # type: ignore[arg-type]
        table.add_row(*row)
    say_table(table)
