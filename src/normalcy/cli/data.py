"""`normalcy data`: what is known, whether yours is complete, and the generated scene."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import (
    plural,
    progress_bar,
    say,
    say_next,
    shell_word,
    show_result,
    working,
)
from normalcy.cli.options import AsJson

if TYPE_CHECKING:
    from normalcy.datasets.base import CheckReport
    from normalcy.datasets.walkway.actors import AnomalyKind
    from normalcy.datasets.walkway.settings import SettingName

app = typer.Typer(help="List, check and make datasets.", no_args_is_help=True)

MARKS = {"ok": "[green]ok     [/]", "missing": "[red]missing[/]", "wrong": "[red]wrong  [/]"}
MARKS |= {"extra": "[yellow]extra  [/]", "note": "[dim]note   [/]"}

# Spelled out, because importing them would make `--help` slow.
SETTINGS = "wall, corridor, crowd"
ANOMALIES = "runner, cyclist, cart, against_flow, fall, loiterer, abandoned_object"


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List the datasets that normalcy knows."""
    from normalcy.datasets import dataset_info, dataset_names

    infos = [dataset_info(name) for name in dataset_names()]
    if as_json:
        known = {info.name: {"title": info.title, "home": info.home} for info in infos}
        show_result({"datasets": known}, files={}, as_json=True)
        return
    width = 2 + max(len(info.name) for info in infos)
    for info in infos:
        say(f"[bold]{info.name:<{width}}[/]{escape(info.title)}")
        say(f"{'':<{width}}[dim]{escape(info.home)}[/]")


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Dataset, see `normalcy data list`.")],
    root: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the dataset.")],
    as_json: AsJson = False,
) -> None:
    """Say what is complete, what is missing, where to get it and how to cite it."""
    from normalcy.datasets import open_dataset

    dataset = open_dataset(name, root)
    with working(f"checking {dataset.info.title} in {root}"):
        report = dataset.check()
    if as_json:
        items = [{"status": item.status, "what": item.what} for item in report.items]
        show_result({"complete": report.complete, "items": items}, files={}, as_json=True)
    else:
        _say_report(report, root)
    if not report.complete:
        raise typer.Exit(3)


@app.command("synthesize")
def synthesize(
    root: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")] = Path("runs/walkway"),
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the scene.")] = 0,
    size: Annotated[str, typer.Option(metavar="HxW", help="Height x width in pixels.")] = "96x144",
    fps: Annotated[float, typer.Option(metavar="RATE", help="Frames per second.")] = 10.0,
    train_videos: Annotated[int, typer.Option(metavar="N", help="Videos of normal walking.")] = 8,
    test_videos: Annotated[int, typer.Option(metavar="N", help="Videos with anomalies.")] = 10,
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of each video.")] = 24.0,
    settings: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"Place; repeatable. All by default: {SETTINGS}."),
    ] = None,
    anomalies: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"Kind of anomaly; repeatable. All by default: {ANOMALIES}."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the generated scene `walkway`: a corridor camera with walkers and seven kinds of anomalies."""
    from normalcy.cli.parse import size_px
    from normalcy.datasets.walkway.synthesize import synthesize as make

    places, kinds = _places_and_kinds(settings, anomalies)
    with progress_bar() as progress:
        make(
            root,
            seed=seed,
            size_px=size_px(size),
            fps=fps,
            train_videos=train_videos,
            test_videos=test_videos,
            seconds_per_video=seconds,
            settings=places,
            anomalies=kinds,
            processes=os.cpu_count() or 1,
            on_video=lambda done, total: progress("drawing the walkway", done, total),
        )
    if not as_json:
        videos = f"{plural(train_videos, 'normal video')} and {plural(test_videos, 'test video')}"
        say(f"[bold green]Made[/] {videos} of {seconds:g} s.")
    result = {"dataset": "walkway", "train_videos": train_videos, "test_videos": test_videos}
    show_result(result, files={"walkway": root}, as_json=as_json)
    if not as_json:
        say_next(f"normalcy fit scene-memory --data walkway --root {shell_word(root)}")


def _places_and_kinds(
    settings: list[str] | None, anomalies: list[str] | None
) -> tuple[tuple["SettingName", ...], tuple["AnomalyKind", ...]]:
    """Checked names; without a choice, every place and every kind that these places can show."""
    from normalcy.cli.parse import names
    from normalcy.datasets.walkway.actors import ANOMALY_KINDS
    from normalcy.datasets.walkway.settings import SETTING_NAMES

    places = names(settings or SETTING_NAMES, SETTING_NAMES, where="--settings")
    if anomalies:
        return places, names(anomalies, ANOMALY_KINDS, where="--anomalies")
    one_way = "corridor" in places
    return places, tuple(kind for kind in ANOMALY_KINDS if one_way or kind != "against_flow")


def _say_report(report: "CheckReport", root: Path) -> None:
    info = report.info
    say(f"[bold]{escape(info.title)}[/] in {escape(str(root))}")
    for item in report.items:
        say(f"  {MARKS[item.status]} {escape(item.what)}")
    verdict = "[green]complete[/]" if report.complete else "[red]not complete[/]"
    say(verdict if report.complete else f"{verdict}; get it from {escape(info.home)}")
    say(f"[dim]Cite: {escape(info.citation)}[/]")
    say(f"[dim]Terms: {escape(info.terms)}[/]")
