"""`normalcy data`: what is known, whether yours is complete, and the generated scene."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import out, progress_bar, show_result
from normalcy.cli.options import AsJson

app = typer.Typer(help="List, check and make datasets.", no_args_is_help=True)

MARKS = {"ok": "[green]ok     [/]", "missing": "[red]missing[/]", "wrong": "[red]wrong  [/]"}
MARKS |= {"extra": "[yellow]extra  [/]", "note": "[dim]note   [/]"}


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List the datasets that normalcy knows."""
    from normalcy.datasets import dataset_info, dataset_names

    infos = [dataset_info(name) for name in dataset_names()]
    if as_json:
        show_result(
            {info.name: {"title": info.title, "home": info.home} for info in infos}, files={}, as_json=True
        )
        return
    for info in infos:
        out.print(f"[bold]{info.name:<14}[/]{escape(info.title)}")
        out.print(f"{'':<14}[dim]{escape(info.home)}[/]", soft_wrap=True)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="Dataset name.")],
    root: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    as_json: AsJson = False,
) -> None:
    """Say what is complete, what is missing, where to get it and how to cite it."""
    from normalcy.datasets import open_dataset

    report = open_dataset(name, root).check()
    if as_json:
        items = [{"status": item.status, "what": item.what} for item in report.items]
        show_result({"complete": report.complete, "items": items}, files={}, as_json=True)
    else:
        out.print(f"[bold]{escape(report.info.title)}[/] in {escape(str(root))}", soft_wrap=True)
        for item in report.items:
            out.print(f"  {MARKS[item.status]} {escape(item.what)}", soft_wrap=True)
        verdict = (
            "[green]complete[/]"
            if report.complete
            else f"[red]not complete[/]; get it from {report.info.home}"
        )
        out.print(verdict, soft_wrap=True)
        out.print(
            f"[dim]Cite: {escape(report.info.citation)}\nTerms: {escape(report.info.terms)}[/]",
            soft_wrap=True,
        )
    if not report.complete:
        raise typer.Exit(3)


@app.command("synthesize")
def synthesize(
    root: Annotated[Path, typer.Option(help="Folder to write.")] = Path("runs/walkway"),
    seed: Annotated[int, typer.Option(help="Seed of the scene.")] = 0,
    size: Annotated[str, typer.Option(help="Height x width in pixels.")] = "96x144",
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 10.0,
    train_videos: Annotated[int, typer.Option(help="Videos of normal walking.")] = 8,
    test_videos: Annotated[int, typer.Option(help="Videos with anomalies.")] = 10,
    seconds: Annotated[float, typer.Option(help="Length of each video.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make the generated scene `walkway`: a corridor camera with walkers and seven kinds of anomalies."""
    from normalcy.cli.parse import size_px
    from normalcy.datasets.walkway.synthesize import synthesize as make

    with progress_bar() as progress:
        make(
            root,
            seed=seed,
            size_px=size_px(size),
            fps=fps,
            train_videos=train_videos,
            test_videos=test_videos,
            seconds_per_video=seconds,
            on_video=lambda done, total: progress("drawing the walkway", done, total),
        )
    show_result({"dataset": "walkway"}, files={"walkway": root}, as_json=as_json)
