"""`normalcy demo`: the whole path on a generated scene, from nothing to a report, in about two minutes."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from normalcy.cli.console import progress_bar, say, say_table, show_result
from normalcy.cli.evaluate import metrics_table
from normalcy.cli.options import AsJson, flag


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Run folder.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the scene and of the detector.")] = 0,
    serve: Annotated[
        bool, flag("--serve", "Then watch the scene live, with a dashboard; a demo that is there is used.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Of the dashboard; 0 takes a free one.")
    ] = 8042,
    as_json: AsJson = False,
) -> None:
    """Make a scene, fit a detector on its normal videos, judge it and explain it."""
    if not (serve and (folder / "bundle").is_dir()):
        _make(context, folder, seed=seed, as_json=as_json)
    if serve:
        _serve(folder, port=port)


def _make(context: typer.Context, folder: Path, *, seed: int, as_json: bool) -> None:
    from normalcy.allocator import keep_freed_memory
    from normalcy.environment import command_line
    from normalcy.workflows.demo import run_demo

    keep_freed_memory()
    if not as_json:
        say(
            "A corridor camera is drawn. A detector learns from its normal videos alone what usually happens there, "
            "and is then judged on videos with a runner, a cyclist and a cart."
        )
    with progress_bar() as progress:
        judged = run_demo(folder, seed=seed, command=command_line(context.find_root().obj), progress=progress)
    auc = judged.evaluation.metrics["micro_auc"]
    if not as_json:
        say_table(metrics_table(judged.evaluation.metrics, judged.evaluation.floors))
        say(
            f"[bold green]Done.[/] A random abnormal frame outscores a random normal one {auc:.0%} of the time.\n"
            f"Open [cyan]{escape(str(judged.files['report']))}[/] in a browser, and look at the annotated videos."
        )
    show_result(judged.record, files=judged.files, as_json=as_json)


def _serve(folder: Path, *, port: int) -> None:
    from normalcy.cli.watch import say_where
    from normalcy.live.logs import log_to_standard_error
    from normalcy.workflows.demo_live import serve_demo

    say(
        "Three cameras look at the scene. One of them shows what is normal, and one goes offline every minute."
    )
    log_to_standard_error(as_json=False)
    serve_demo(folder, port=port, log_json=False, on_start=say_where)
