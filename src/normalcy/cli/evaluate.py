"""`normalcy evaluate`: how good is a bundle, on labelled test videos, by a protocol that says how it was made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from normalcy.cli.console import out, plural, progress_bar, say, say_table, say_text, show_result
from normalcy.cli.options import AsJson, Backend, BundlePath, DataName, DataRoot, Threads, flag

if TYPE_CHECKING:
    from normalcy.evaluation.class_run import ClassEvaluation
    from normalcy.evaluation.event_metrics import EventSummary
    from normalcy.evaluation.kind_metrics import KindAucs
    from normalcy.workflows.judge import JudgedRun

# Narrower than this, a third column of sentences is hard to read; report.html has them.
MEANING_FROM_COLUMNS = 110


def evaluate(
    context: typer.Context,
    bundle_path: BundlePath,
    data: DataName,
    root: DataRoot,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; the bundle's own by default.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", metavar="", help="Write report.html.")
    ] = True,
    videos: Annotated[bool, flag("--videos", "Write an annotated video of each test video.")] = False,
    publish: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Results folder to enter this seed's numbers into, such as results/."
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="BUNDLE", help="Of classes: average with this bundle; repeatable."),
    ] = None,
    views: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Of classes: average over N augmented views of each video."),
    ] = 1,
    temperature: Annotated[
        bool,
        typer.Option(
            "--temperature/--no-temperature", metavar="", help="Of classes: use the fitted temperature."
        ),
    ] = True,
    features: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Of classes: the feature store; ~/.cache/normalcy/features."),
    ] = None,
    backend: Backend = "torch",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Judge a bundle on the test videos of a dataset."""
    from normalcy.allocator import keep_freed_memory
    from normalcy.environment import command_line
    from normalcy.training.config import FEATURES
    from normalcy.workflows.judge import ClassOptions, judge_run

    keep_freed_memory()
    with progress_bar() as progress:
        judged = judge_run(
            bundle_path,
            data,
            root,
            command=command_line(context.find_root().obj),
            folder=folder,
            report=report,
            videos=videos,
            publish=publish,
            class_options=ClassOptions(others or (), views, temperature, features or FEATURES),
            backend=backend,
            threads=threads,
            progress=progress,
        )
    if not as_json:
        _say_judgement(judged)
    show_result(judged.record, files=judged.files, as_json=as_json)


def _say_judgement(judged: "JudgedRun") -> None:
    evaluation = judged.evaluation
    frames = sum(len(video.index_T) for video in evaluation.videos)
    rate = f"{evaluation.frames_per_second:,.0f} frames per second"
    say(
        f"[bold green]Scored[/] {plural(len(evaluation.videos), 'video')} of {plural(frames, 'frame')}, {rate}."
    )
    if evaluation.metrics:
        say_table(metrics_table(evaluation.metrics, evaluation.floors))
        if not _has_room_for_meaning() and "report" in judged.files:
            say("[dim]The report says what each of them means.[/]")
    else:
        say("There are no labels, so there is nothing to measure the scores by.")
    if judged.classes:
        _say_classes(judged.classes)
    if evaluation.kinds:
        say_table(kinds_table(evaluation.kinds))
    if evaluation.events:
        say_text(_events_line(evaluation.events))


def _say_classes(classes: "ClassEvaluation") -> None:
    how = f" ({', '.join(classes.how)})" if classes.how else ""
    videos = plural(len(classes.verdicts), "video")
    say_text(f"Classes of {videos} of fold {classes.fold}, each as a whole{how}:")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("of classes", no_wrap=True)
    table.add_column("value", justify="right")
    for name, value in classes.result.metrics.items():
        table.add_row(name, f"[bold]{_number(value)}[/]")
    say_table(table)
    say_table(_per_class(classes))


def _per_class(classes: "ClassEvaluation") -> Table:
    """Precision, recall, F1 and AUC of each class, and what its videos were taken for."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class", no_wrap=True)
    for name in ("precision", "recall", "f1", "auc", "videos"):
        table.add_column(name, justify="right")
    for name in classes.classes:
        table.add_column(f"as {escape(name)}", justify="right")
    for (name, each), row in zip(classes.result.per_class.items(), classes.result.confusion, strict=True):
        values = (_number(each[key]) for key in ("precision", "recall", "f1", "auc"))
        table.add_row(escape(name), *values, str(each["support"]), *map(str, row))
    return table


def _events_line(events: "EventSummary") -> str:
    found = f"{events.detected} of {plural(events.true_events, 'true event')} found"
    hourly = events.false_alarms_per_hour
    often = "" if hourly is None else f" ({hourly:.1f} an hour of normal video)"
    false = plural(events.false_alarms, "false alarm") + often
    latency = events.median_latency_seconds
    after = "" if latency is None else f", half of them within {latency:.1f} s"
    return f"At the calibrated threshold: {found}{after}; {false}."


def metrics_table(
    metrics: Mapping[str, float | None], floors: Mapping[str, Mapping[str, float | None]]
) -> Table:
    """Metrics beside the floors, with what each means where there is room."""
    from normalcy.evaluation.protocols import METRIC_NOTES

    meaning = _has_room_for_meaning()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("metric", no_wrap=True)
    for heading in ("value", *floors):
        table.add_column(heading, justify="right", no_wrap=True)
    if meaning:
        table.add_column("meaning", style="dim")
    for name, value in metrics.items():
        if value is not None:
            cells = [_number(floor.get(name)) for floor in floors.values()]
            notes = [METRIC_NOTES.get(name, "")] if meaning else []
            table.add_row(name, f"[bold]{_number(value)}[/]", *cells, *notes)
    return table


def kinds_table(kinds: "KindAucs") -> Table:
    """Micro AUC by kind of anomaly: a row for the score and each part of it, a column for each kind."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("micro AUC\nby kind", no_wrap=True)
    for kind in next(iter(kinds.values()), {}):
        table.add_column(escape(kind.replace("_", "\n")), justify="right")
    for part, aucs in kinds.items():
        table.add_row(escape(part), *map(_number, aucs.values()))
    return table


def _has_room_for_meaning() -> bool:
    return not out.is_terminal or out.width >= MEANING_FROM_COLUMNS


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
