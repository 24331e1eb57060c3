"""`normalcy evaluate`: how good is a bundle, on labelled test videos, by a protocol that says how it was made."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from normalcy.cli.console import out, progress_bar, show_result
from normalcy.cli.options import AsJson, BundlePath, DataName, DataRoot


def evaluate(
    bundle_path: BundlePath,
    data: DataName,
    root: DataRoot,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Run folder; default the bundle's own.")
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    videos: Annotated[
        bool, typer.Option("--videos", help="Write an annotated video of each test video.")
    ] = False,
    publish: Annotated[
        Path | None, typer.Option(help="Results folder to enter this seed's numbers into, such as results/.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a bundle on the test videos of a dataset."""
    from normalcy.report.judged_run import command_line, judge_run

    with progress_bar() as progress:
        judged = judge_run(
            bundle_path,
            data,
            root,
            command=command_line(sys.argv[1:]),
            folder=folder,
            report=report,
            videos=videos,
            publish=publish,
            progress=progress,
        )
    if not as_json:
        out.print(metrics_table(judged.evaluation.metrics, judged.evaluation.floors))
    show_result(judged.record, files=judged.files, as_json=as_json)


def metrics_table(
    metrics: Mapping[str, float | None], floors: Mapping[str, Mapping[str, float | None]]
) -> Table:
    """Metrics beside the floors, with what each means."""
    from normalcy.evaluation.protocols import METRIC_NOTES

    table = Table("metric", "value", *floors, "meaning", box=None)
    for name, value in metrics.items():
        cells = [_number(floor.get(name)) for floor in floors.values()]
        if value is not None:
            table.add_row(name, f"[bold]{_number(value)}[/]", *cells, f"[dim]{METRIC_NOTES.get(name, '')}[/]")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
