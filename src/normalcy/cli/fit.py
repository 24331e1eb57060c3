"""`normalcy fit`: footage in, bundle out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import (
    be_quiet,
    plural,
    progress_bar,
    say,
    say_next,
    say_text,
    shell_word,
    show_result,
)
from normalcy.cli.options import Address, AsJson, DataName, DataRoot, Engine, Overwrite, Workers, flag
from normalcy.errors import ConfigError
from normalcy.methods import METHODS

if TYPE_CHECKING:
    from normalcy.run_folder import RunFolder
    from normalcy.scoring.bundle import Bundle
    from normalcy.training.config import FitConfig
    from normalcy.training.devices import Devices
    from normalcy.training.distributed.group import Group
    from normalcy.training.spread.settings import Spread

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
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices", metavar="N", help="Train on so many devices of each machine, a process each."
        ),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", metavar="N", help="Train on so many machines.")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy", metavar="NAME", help="How devices share the training: `ddp`, which is the default."
        ),
    ] = None,
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
    from normalcy.training.devices import Devices
    from normalcy.training.fit import fit as fit_method

    if resume and overwrite:
        raise ConfigError("one goes on with a run, the other begins anew", where="--resume --overwrite")
    spread = _spread(engine, workers, address)
    overrides = [*(set_ or []), *([f"seed={seed}"] if seed is not None else [])]
    with _among_others() as group:
        chosen = Devices.chosen(devices, nodes, strategy)
        resolved = resolve_config(
            method, data={"name": data, "root": str(root)}, preset=preset, file=config, overrides=overrides
        )
        # A mistyped name or folder leaves no run folder behind.
        open_dataset(resolved.data.name, resolved.data.root)
        run = RunFolder(run_folder or Path("runs") / f"{method}-{data}-seed{resolved.seed}")
        keep_freed_memory()
        if not _is_first(group, chosen):
            _take_part(resolved, run, resume, group, chosen)
            return
        with progress_bar() as progress:
            bundle = fit_method(
                resolved,
                run=run,
                resume=resume,
                overwrite=overwrite,
                start=Bundle.load(start) if start else None,
                spread=spread,
                devices=chosen,
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


@contextmanager
def _among_others() -> "Iterator[Group | None]":
    """Joins the processes that torchrun or srun started beside this one; of all, the first alone speaks."""
    from normalcy.training.devices import launched_size

    if launched_size() is None:
        yield None
        return
    from normalcy.training.distributed.joining import joined_as_launched

    with joined_as_launched() as group:
        if group is not None and not group.is_first:
            be_quiet()
        yield group


def _is_first(group: "Group | None", devices: "Devices") -> bool:
    """Whether this process writes and speaks, of all that train together."""
    if group is not None:
        return group.is_first
    if devices.nodes == 1:
        return True
    from normalcy.training.distributed.starting import node_rank

    return node_rank(devices) == 0


def _take_part(
    config: "FitConfig", run: "RunFolder", resume: bool, group: "Group | None", devices: "Devices"
) -> None:
    from normalcy.training.part import lead_machine, take_part

    be_quiet()
    devices.require(config)
    if group is not None:
        take_part(config, run=run.path, resume=resume, group=group)
    else:
        lead_machine(config, run=run, resume=resume, devices=devices)


def _spread(engine: str | None, workers: int | None, address: str | None) -> "Spread | None":
    from normalcy.training.spread.settings import Spread

    if engine is None:
        if workers is not None or address is not None:
            given = "--address" if workers is None else "--workers"
            raise ConfigError(
                "nothing is spread without an engine", where=given, hint="Add --engine local, or ray"
            )
        return None
    return Spread(engine, workers, address)


def _say_summary(bundle: "Bundle", calibration: str) -> None:
    fit, training = bundle.header.fit, bundle.header.fit.training
    taught = f" in {plural(training['epochs'], 'epoch')}" if training else ""
    say(f"[bold green]Fitted[/] {bundle.header.method} on {plural(fit.fitted_frames, 'frame')}{taught}.")
    held_out = escape(", ".join(fit.held_out_videos[:5])) + (", ..." if len(fit.held_out_videos) > 5 else "")
    if fit.parts > 1:
        say(f"Merged of {fit.parts} parts of the footage.")
    turns = f" in {fit.held_out_turns} turns" if fit.held_out_turns > 1 else ""
    say(f"Calibrated on {plural(fit.held_out_frames, 'frame')} that were held out{turns}, of {held_out}.")
    say_text(calibration)
