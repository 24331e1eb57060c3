"""`normalcy evaluate`: how good is a bundle, on labelled test videos, by a protocol that says how it was made."""

from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli.console import out, progress_bar, show_result
from normalcy.cli.options import AsJson, BundlePath, DataName, DataRoot


def evaluate(
    bundle_path: BundlePath,
    data: DataName,
    root: DataRoot,
    folder: Annotated[Path | None, typer.Option("--out", help="Run folder; default the bundle's own.")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    videos: Annotated[bool, typer.Option("--videos", help="Write an annotated video of each test video.")] = False,
    publish: Annotated[
        Path | None, typer.Option(help="Results folder to enter this seed's numbers into, such as results/.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a bundle on the test videos of a dataset."""
    from normalcy.cli.judge import judge

    with progress_bar() as progress:
        verdict = judge(
            bundle_path,
            data,
            root,
            folder=folder,
            report=report,
            videos=videos,
            publish=publish,
            progress=progress,
        )
    if not as_json:
        out.print(verdict.text, soft_wrap=True)
    show_result(verdict.metrics, files=verdict.files, as_json=as_json)
