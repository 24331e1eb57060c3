"""`normalcy fit`: footage in, bundle out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import plural, progress_bar, say, say_next, say_text, shell_word, show_result
from normalcy.cli.options import AsJson, DataName, DataRoot, Overwrite, flag
from normalcy.errors import ConfigError
from normalcy.methods import METHODS

if TYPE_CHECKING:
    from normalcy.scoring.bundle import Bundle

GO_ON = "The same command with --resume goes on with it."


def fit(
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help=f"One of {', '.join(METHODS)}.")],
    data: DataName,
    root: DataRoot,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Named settings of the method, such as `small`.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file laid over the preset.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override one setting; repeatable.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of weights, sampling and splits.")
    ] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Run folder; runs/METHOD-DATA-seedN by default."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start-from", metavar="BUNDLE", help="Go on from the weights of this bundle."),
    ] = None,
    resume: Annotated[bool, flag("--resume", "Go on where an earlier fit stopped.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fit a method on normal video and calibrate it."""
    from normalcy.allocator import keep_freed_memory
    from normalcy.datasets import open_dataset
    from normalcy.environment import command_line
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.scoring.track import describe_threshold
    from normalcy.training.config import resolve_config
    from normalcy.training.fit import fit as fit_method

    if resume and overwrite:
        raise ConfigError("one goes on with a run, the other begins anew", where="--resume --overwrite")
    overrides = [*(set_ or []), *([f"seed={seed}"] if seed is not None else [])]
    resolved = resolve_config(
        method, data={"name": data, "root": str(root)}, preset=preset, file=config, overrides=overrides
    )
    # A mistyped name or folder leaves no run folder behind.
    open_dataset(resolved.data.name, resolved.data.root)
    run = RunFolder(run_folder or Path("runs") / f"{method}-{data}-seed{resolved.seed}")
    keep_freed_memory()
    with progress_bar() as progress:
        bundle = fit_method(
            resolved,
            run=run,
            resume=resume,
            overwrite=overwrite,
            start=Bundle.load(start) if start else None,
            command=command_line(context.find_root().obj),
            progress=progress,
        )
    calibration = describe_threshold(resolved.scoring, bundle.calibration)
    if not as_json:
        _say_summary(bundle, calibration)
    record = {"method": method, **bundle.header.fit.model_dump(mode="json"), "calibration": calibration}
    show_result(record, files={"bundle": run.bundle, "configuration": run.config}, as_json=as_json)
    if not as_json:
        place = f"--data {shell_word(data)} --root {shell_word(root)}"
        say_next(f"normalcy evaluate {shell_word(run.path)} {place}")


def _say_summary(bundle: "Bundle", calibration: str) -> None:
    fit, training = bundle.header.fit, bundle.header.fit.training
    taught = f" in {plural(training['epochs'], 'epoch')}" if training else ""
    say(f"[bold green]Fitted[/] {bundle.header.method} on {plural(fit.fitted_frames, 'frame')}{taught}.")
    held_out = escape(", ".join(fit.held_out_videos[:5])) + (", ..." if len(fit.held_out_videos) > 5 else "")
    turns = f" in {fit.held_out_turns} turns" if fit.held_out_turns > 1 else ""
    say(f"Calibrated on {plural(fit.held_out_frames, 'frame')} that were held out{turns}, of {held_out}.")
    say_text(calibration)
