"""`normalcy calibrate`: a detector for another camera of the same kind, without fitting it again."""

from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli.console import progress_bar, say, say_text, show_result
from normalcy.cli.options import AsJson, BundlePath, DataName, DataRoot
from normalcy.errors import OutputError


def calibrate(
    bundle_path: BundlePath,
    data: DataName,
    root: DataRoot,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Run folder of the new bundle.")],
    learn_seconds: Annotated[
        float,
        typer.Option(
            "--learn", metavar="S", min=0, help="So much of it a memory takes in; the rest calibrates."
        ),
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Calibrate a detector anew on normal video of another scene; it learns none of it, or a little first."""
    from normalcy.config import build_config
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.scoring.track import describe_threshold
    from normalcy.training.config import DataConfig
    from normalcy.training.recalibrate import recalibrated

    run = RunFolder(folder)
    if run.bundle.exists():
        raise OutputError("holds a bundle already", where=folder, hint="Choose another --out")
    config = build_config(DataConfig, {"name": data, "root": root}, where="options")
    with progress_bar() as progress, run.claimed():
        bundle = recalibrated(
            Bundle.load(bundle_path), config, learn_seconds=learn_seconds, progress=progress
        )
        bundle.save(run.bundle)
    calibration = describe_threshold(bundle.header.scoring, bundle.calibration)
    if not as_json:
        say(f"[bold green]Calibrated[/] {bundle.header.method} on normal video of {data}.")
        say_text(calibration)
    record = {**bundle.header.fit.model_dump(mode="json"), "calibration": calibration}
    show_result(record, files={"bundle": run.bundle}, as_json=as_json)
