"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer


def flag(name: str, help: str) -> Any:
    """An option that takes no value; the help then shows no type beside it."""
    return typer.Option(name, help=help, metavar="")


DataName = Annotated[
    str,
    typer.Option(
        "--data", metavar="NAME", help="Dataset, see `normalcy data list`; `folder` for your own videos."
    ),
]
DataRoot = Annotated[Path, typer.Option("--root", metavar="DIR", help="Folder of the dataset.")]
AsJson = Annotated[bool, flag("--json", "Print results as JSON.")]
Overwrite = Annotated[bool, flag("--overwrite", "Start again in a folder that holds a run.")]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="torch, torch-bf16, torch-fp16, or an export such as openvino-int8; auto takes the fastest here.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads of the backend, and of OpenCV (optical flow takes two); all cores without. "
        "Decoding video has its own.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help="Spread the work over processes: `local`, or `ray`."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Processes of the engine; as many as cores without."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="ADDRESS", help="Of a Ray cluster; `auto` for the one of this machine."
    ),
]
BundlePath = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Bundle folder, or the run folder that holds it.")
]
