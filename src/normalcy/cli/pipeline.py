"""`normalcy pipeline`: train, evaluate, optimise and show it, from one file; what has not changed is not done again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from normalcy.cli.console import progress_bar, say, show_result
from normalcy.cli.options import AsJson, Overwrite, flag
from normalcy.errors import ConfigError, InputError

if TYPE_CHECKING:
    from normalcy.workflows.pipeline import StageResult

PLATFORMS = ("cpu", "gpu", "edge")
_COLOURS = {
    "done": "bold green",
    "unchanged": "cyan",
    "skipped": "yellow",
    "not available": "yellow",
    "failed": "bold red",
}


def pipeline(
    context: typer.Context,
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="YAML file: what `fit --config` takes, and a section `pipeline`."
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=C", help="Override one setting of the fit; repeatable."),
    ] = None,
    skip_training: Annotated[bool, flag("--skip-training", "Take the bundle that is there.")] = False,
    skip_optimization: Annotated[bool, flag("--skip-optimization", "Leave the bundle as it is.")] = False,
    skip_demo: Annotated[bool, flag("--skip-demo", "Show nothing.")] = False,
    platform: Annotated[
        str | None,
        typer.Option("--target-platform", metavar="NAME", help=f"One of {', '.join(PLATFORMS)}."),
    ] = None,
    demo_seconds: Annotated[
        float | None, typer.Option("--demo-duration", metavar="SECONDS", help="How much the demo shows.")
    ] = None,
    resume: Annotated[bool, flag("--resume", "Go on with a training that was cut off.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Train, evaluate, optimise and show it; what has not changed is not done again."""
    from normalcy.allocator import keep_freed_memory
    from normalcy.config import build_config
    from normalcy.environment import command_line
    from normalcy.workflows.pipeline import PipelineSettings, Skipped, read_pipeline, run_pipeline

    if resume and overwrite:
        raise ConfigError("one goes on with a run, the other begins anew", where="--resume --overwrite")
    fit_config, settings = read_pipeline(config, set_ or ())
    changed: dict[str, Any] = settings.model_dump()
    if platform is not None:
        changed["platform"] = platform
    if demo_seconds is not None:
        changed["demo"] = changed["demo"] | {"seconds": demo_seconds}
    settings = build_config(PipelineSettings, changed, where="options")
    keep_freed_memory()
    with progress_bar() as progress:
        results = run_pipeline(
            fit_config,
            settings,
            skipped=Skipped(skip_training, skip_optimization, skip_demo),
            resume=resume,
            overwrite=overwrite,
            command=command_line(context.find_root().obj),
            on_stage=None if as_json else _say_stage,
            progress=progress,
        )
    files = {f"{each.stage}, {name}": path for each in results for name, path in each.files.items()}
    record = [
        {"stage": each.stage, "status": each.status, "why": each.why, "seconds": each.seconds}
        for each in results
    ]
    show_result({"stages": record}, files=files, as_json=as_json)
    if any(each.status == "failed" for each in results):
        raise typer.Exit(InputError.exit_code)


def _say_stage(result: "StageResult") -> None:
    took = f" in {result.seconds:g} s" if result.seconds else ""
    why = f": {escape(result.why)}" if result.why else ""
    say(f"[{_COLOURS[result.status]}]{result.stage}[/] {result.status}{took}{why}")
