"""`normalcy study`: what each part of a method is worth, and how many frames it needs, with seeds and intervals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from normalcy.cli.console import plural, progress_bar, say, say_text, show_result
from normalcy.cli.options import AsJson, DataName, DataRoot
from normalcy.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from normalcy.workflows.study.cells import Cell
    from normalcy.workflows.study.plan import StudyPlan
    from normalcy.workflows.study.runner import Failure
    from normalcy.workflows.study.transfer import Scene

app = typer.Typer(no_args_is_help=True, help="Studies: the same budget and seeds for every row.")

GO_ON = "Give the same command again to go on: what is made is kept."

MethodName = Annotated[str, typer.Argument(metavar="METHOD", help="Which method.")]
PresetName = Annotated[str | None, typer.Option("--preset", metavar="NAME", help="Which of its presets.")]
Seeds = Annotated[str, typer.Option(metavar="A,B,...", help="Seeds of every row.")]
Jobs = Annotated[int, typer.Option(metavar="N", min=1, help="Fits at once.")]
Minutes = Annotated[
    float | None,
    typer.Option(metavar="M", min=0, help="Begin no fit after so many; the next call makes the rest."),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where JSON, table and picture go.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Of these files, where another study has theirs.")
]
Work = Annotated[Path, typer.Option(metavar="DIR", help="Keeps what each fit came to.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override one setting of all rows; repeatable."),
]

STUDIES, WORK = Path("studies"), Path("runs/studies")


@app.command("ablation")
def ablation(
    context: typer.Context,
    method: MethodName,
    data: DataName,
    root: DataRoot,
    preset: PresetName = None,
    parts: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="NAME", help="A part to leave out; repeatable. All without."),
    ] = None,
    seeds: Seeds = "0,1,2",
    jobs: Jobs = 1,
    minutes: Minutes = None,
    out: Out = STUDIES,
    name: Name = None,
    work: Work = WORK,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """What each part of a method is worth: the whole, without each, and built up part by part."""
    from normalcy.workflows.study.plan import ablation

    plan = ablation(
        method,
        data={"name": data, "root": str(root)},
        seeds=_numbers(seeds, "--seeds"),
        preset=preset,
        only=parts or (),
        overrides=set_ or (),
    )
    _run(context, plan, out=out, name=name, work=work, jobs=jobs, minutes=minutes, as_json=as_json)


@app.command("frames")
def frames(
    context: typer.Context,
    method: MethodName,
    data: DataName,
    root: DataRoot,
    lens: Annotated[str, typer.Option(metavar="A,B,...", help="Frames of a clip.")] = "8,12,16,24",
    preset: PresetName = None,
    seeds: Seeds = "0,1,2",
    jobs: Jobs = 1,
    minutes: Minutes = None,
    out: Out = STUDIES,
    name: Name = None,
    work: Work = WORK,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """How many frames a clip needs: AUC, time per clip, and how far back it reaches."""
    from normalcy.workflows.study.plan import frame_counts

    plan = frame_counts(
        method,
        _numbers(lens, "--lens"),
        data={"name": data, "root": str(root)},
        seeds=_numbers(seeds, "--seeds"),
        preset=preset,
        overrides=set_ or (),
    )
    _run(context, plan, out=out, name=name, work=work, jobs=jobs, minutes=minutes, as_json=as_json)


@app.command("transfer")
def transfer(
    context: typer.Context,
    method: MethodName,
    scenes: Annotated[
        list[str],
        typer.Option(
            "--scene", metavar="NAME=DATA:DIR", help="A scene: a name, its dataset and folder; repeatable."
        ),
    ],
    preset: PresetName = None,
    adapt_epochs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Epochs of adaptation, where gradients train; 0 for none.")
    ] = 1,
    adapt_seconds: Annotated[
        float,
        typer.Option(metavar="S", min=0, help="Normal video to learn, where a memory is kept; 0 for none."),
    ] = 30.0,
    seeds: Seeds = "0,1,2",
    jobs: Jobs = 1,
    minutes: Minutes = None,
    out: Out = STUDIES,
    name: Name = None,
    work: Work = WORK,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """How well a detector of one scene does on another: as it is, calibrated anew, and after a short adaptation."""
    from normalcy.environment import command_line
    from normalcy.workflows.study.files import require_room
    from normalcy.workflows.study.transfer import TransferPlan, make_transfers
    from normalcy.workflows.study.transfer_outcome import transfer_outcome, transfer_table, write_transfer

    plan = TransferPlan(
        method,
        tuple(map(_scene, scenes)),
        _numbers(seeds, "--seeds"),
        preset=preset,
        adapt_epochs=adapt_epochs,
        adapt_seconds=adapt_seconds,
        overrides=set_ or (),
    )
    name = name or f"{method}-transfer"
    preset = plan.config(plan.scenes[0], plan.seeds[0]).preset
    known: dict[str, Any] = {"study": "transfer", "method": method, "preset": preset}
    known |= {"scenes": [scene.name for scene in plan.scenes], "adaptation": plan.adaptation}
    require_room(out, name, study=known | {"overrides": list(plan.overrides)})
    with progress_bar() as progress:
        cells, failures = make_transfers(plan, work, jobs=jobs, minutes=minutes, progress=progress)
    outcome = transfer_outcome(plan, cells, failures, command=command_line(context.find_root().obj))
    files = write_transfer(out, name, outcome)
    if not as_json:
        say_text(transfer_table(outcome))
    show_result(outcome, files=files, as_json=as_json)
    _end(len(failures), as_json=as_json)


@app.command("attention")
def attention(
    context: typer.Context,
    bundle_paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE...", help="Bundle or run folder; several that differ in nothing but the seed."
        ),
    ],
    data: DataName,
    root: DataRoot,
    out: Out = STUDIES,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Does attention across time differ between normal and abnormal clips? With effect sizes and a rank test."""
    from normalcy.datasets import open_dataset
    from normalcy.environment import command_line
    from normalcy.scoring.bundle import Bundle
    from normalcy.workflows.judge import settings_sha256
    from normalcy.workflows.study.attention import study_attention
    from normalcy.workflows.study.attention_outcome import attention_table, write_attention
    from normalcy.workflows.study.files import require_room

    bundles = [Bundle.load(path) for path in bundle_paths]
    name = name or f"{bundles[0].header.method}-attention-{data}"
    known = {"study": "attention", "method": bundles[0].header.method, "dataset": data}
    require_room(out, name, study=known | {"settings_sha256": settings_sha256(bundles[0].header)})
    with progress_bar() as progress:
        outcome = study_attention(
            bundles,
            open_dataset(data, root),
            command=command_line(context.find_root().obj),
            progress=progress,
        )
    files = write_attention(out, name, outcome)
    if not as_json:
        say_text(attention_table(outcome))
    show_result(outcome, files=files, as_json=as_json)


def _scene(text: str) -> "Scene":
    from normalcy.workflows.study.transfer import Scene

    name, equals, place = text.partition("=")
    data, colon, root = place.partition(":")
    if not (name and equals and data and colon and root):
        raise ConfigError(f"{text!r} is no scene", where="--scene", hint="Write gate=folder:videos/gate")
    return Scene(name, data, Path(root))


def _numbers(text: str, where: str) -> list[int]:
    try:
        found = [int(word) for word in text.split(",") if word.strip()]
    except ValueError as error:
        raise ConfigError(f"{text!r} is no list of whole numbers", where=where, hint="Write 0,1,2") from error
    if not found or len(set(found)) < len(found):
        raise ConfigError(f"{text!r} names none, or one twice", where=where)
    return found


def _run(
    context: typer.Context,
    plan: "StudyPlan",
    *,
    out: Path,
    name: str | None,
    work: Path,
    jobs: int,
    minutes: float | None,
    as_json: bool,
) -> None:
    from normalcy.environment import command_line
    from normalcy.workflows.study.study import run_study
    from normalcy.workflows.study.written import study_table

    with progress_bar() as progress:
        study = run_study(
            plan,
            out=out,
            name=name,
            work=work,
            jobs=jobs,
            minutes=minutes,
            command=command_line(context.find_root().obj),
            on_made=None if as_json else _say_cell,
            progress=progress,
        )
    if not as_json:
        say_text(study_table(study.outcome))
    show_result(study.outcome, files=study.files, as_json=as_json)
    _end(len(study.failures), as_json=as_json)


def _end(failures: int, *, as_json: bool) -> None:
    """Says what is missing; the exit code says so too."""
    if not failures:
        return
    if not as_json:
        say(f"[bold red]{plural(failures, 'cell')} could not be made[/]: the same command tries again.")
    raise typer.Exit(TrainingError.exit_code)


def _say_cell(cell: "Cell", failure: "Failure | None") -> None:
    how = f"failed: {failure.why}" if failure else "made"
    say_text(f"{cell.row}, seed {cell.config.seed}: {how}")
