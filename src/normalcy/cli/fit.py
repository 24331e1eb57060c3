"""`normalcy fit`: footage in, bundle out."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import out, progress_bar, show_result
from normalcy.cli.options import AsJson, DataName, DataRoot, Overwrite


def fit(
    method: Annotated[str, typer.Argument(help="Method, such as `stae` or `flow-magnitude`.")],
    data: DataName,
    root: DataRoot,
    preset: Annotated[str | None, typer.Option(help="Named settings of the method.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file laid over the preset.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override one setting; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, sampling and splits.")] = None,
    run_folder: Annotated[
        Path | None, typer.Option("--out", help="Run folder; default runs/METHOD-DATA-seedN.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier fit stopped.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fit a method on normal video and calibrate it."""
    from normalcy.run_folder import RunFolder
    from normalcy.training.config import resolve_config
    from normalcy.training.fit import fit as fit_method

    overrides = [*(set_ or []), *([f"seed={seed}"] if seed is not None else [])]
    resolved = resolve_config(
        method, data={"name": data, "root": str(root)}, preset=preset, file=config, overrides=overrides
    )
    run = RunFolder(run_folder or Path("runs") / f"{method}-{data}-seed{resolved.seed}")
    with progress_bar() as progress:
        bundle = fit_method(resolved, run=run, resume=resume, overwrite=overwrite, progress=progress)
    if not as_json:
        calibration = bundle.calibration.describe(false_alarms_per_day=resolved.scoring.false_alarms_per_day)
        out.print(f"[bold green]Fitted[/] {method}. {escape(calibration)}", soft_wrap=True)
    show_result(
        {"method": method}, files={"bundle": run.bundle, "configuration": run.config}, as_json=as_json
    )
