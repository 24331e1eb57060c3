"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataName = Annotated[str, typer.Option("--data", help="Dataset name, or `folder` for your own videos.")]
DataRoot = Annotated[Path, typer.Option("--root", help="Folder of the dataset.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable results.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start again in a folder that holds a run.")]
BundlePath = Annotated[Path, typer.Argument(help="Bundle folder, or the run folder that holds it.")]
