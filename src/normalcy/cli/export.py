"""`normalcy export`: a detector as files that run without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from normalcy.cli.console import progress_bar, say, say_text, show_result
from normalcy.cli.options import AsJson, BundlePath
from normalcy.errors import ConfigError

if TYPE_CHECKING:
    from normalcy.export.export import ExportRequest
    from normalcy.scoring.backends.record import Difference, ExportedGraph, ExportRecord
    from normalcy.training.config import DataConfig


def export(
    bundle_path: BundlePath,
    to: Annotated[Literal["onnx", "openvino"] | None, typer.Option("--to", help="What shall run it.")] = None,
    precision: Annotated[
        Literal["fp32", "fp16", "bf16", "int8"] | None,
        typer.Option(help="Of weights, and of sums where what runs it can."),
    ] = None,
    target: Annotated[
        Literal["edge", "cpu", "gpu"] | None,
        typer.Option(help="edge: integers, one stream; cpu: many streams; gpu: ONNX in 16 bits."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME", help="Dataset of normal video; that of the fit without."),
    ] = None,
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Its folder.")] = None,
    labelled: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Dataset whose labelled test videos say what integers may cost."),
    ] = None,
    labelled_root: Annotated[Path | None, typer.Option(metavar="DIR", help="Its folder.")] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            help="What integers may cost: in rank correlation of the scores (0.01), or in AUC (0.005).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export a detector as ONNX or OpenVINO files in its bundle, and compare what they say with torch."""
    from normalcy.export.export import export_bundle
    from normalcy.export.held_out import held_out_footage
    from normalcy.export.labelled import auc_judge
    from normalcy.scoring.bundle import Bundle

    if labelled is None and labelled_root is not None:
        raise ConfigError(
            "names a folder and no dataset", where="--labelled-root", hint="Name it with --labelled"
        )
    request = _request(to, precision, target, limit, judged=labelled is not None)
    normal = _normal_data(bundle_path, data, root)
    bundle = Bundle.load(bundle_path)
    with progress_bar() as progress:
        spec = bundle.method().clip
        auc = None
        if labelled is not None:
            judged = _data(labelled, labelled_root, "--labelled-root")
            auc = auc_judge(judged, bundle, spec=spec, progress=progress)
        record = export_bundle(
            bundle_path,
            request,
            footage=(lambda whose: held_out_footage(whose, normal, spec=spec, progress=progress))
            if normal
            else None,
            auc=auc,
            progress=progress,
        )
    assert bundle.path is not None
    if not as_json:
        for line in _lines(record):
            say_text(line)
        say(f"[bold]normalcy score {bundle_path} VIDEO --backend {record.name}[/] runs it.")
    files = {graph.name: record.file(bundle.path, graph.name) for graph in record.graphs}
    show_result(record.model_dump(mode="json"), files=files, as_json=as_json)


def _request(
    to: str | None, precision: str | None, target: str | None, limit: float | None, *, judged: bool
) -> "ExportRequest":
    from normalcy.export.export import ExportRequest

    defaults = {"edge": ("openvino", "int8"), "cpu": ("openvino", "int8"), "gpu": ("onnx", "fp16")}
    usual_to, preferred = defaults.get(target or "", ("openvino", None))
    chosen = to or usual_to
    if target == "gpu" and chosen != "onnx":
        raise ConfigError(
            f"runs on ONNX Runtime, not on {chosen}", where="--target gpu", hint="Use --to onnx"
        )
    return ExportRequest(
        "onnxruntime" if chosen == "onnx" else "openvino",
        precision,  # type: ignore[arg-type]
        target,  # type: ignore[arg-type]
        limit if limit is not None else (0.005 if judged else 0.01),
        preferred,  # type: ignore[arg-type]
    )


def _normal_data(bundle_path: Path, data: str | None, root: Path | None) -> "DataConfig | None":
    """What is named, or else what the run folder remembers."""
    from normalcy.export.held_out import at_hand, data_of_fit

    remembered = data_of_fit(bundle_path)
    if remembered and data in (None, remembered.name):
        return at_hand(remembered if root is None else remembered.model_copy(update={"root": root}))
    if data is None and root is None:
        return None
    if data is None:
        raise ConfigError("names a folder and no dataset", where="--root", hint="Name it with --data")
    return _data(data, root, "--root")


def _data(name: str, root: Path | None, option: str) -> "DataConfig":
    from normalcy.config import build_config
    from normalcy.training.config import DataConfig

    if root is None:
        raise ConfigError(f"the folder of {name} is missing", where=option)
    return build_config(DataConfig, {"name": name, "root": root}, where="options")


def _lines(record: "ExportRecord") -> list[str]:
    """What there is to say of an export."""
    lines = []
    for graph in record.graphs:
        lines.append(f"{graph.name}: {graph.size_bytes / 1e6:.1f} MB, by {graph.exporter}")
        lines += _rounding_lines(graph)
    found = record.difference
    if found is None:
        return [*lines, "Not compared with torch: there was no video; name some with --data and --root."]
    lines.append(
        f"Against torch on {found.clips} frames of normal video: scores differ by at most {found.largest:.2g} and on "
        f"average by {found.mean:.2g} of their spread; rank correlation {found.rank_correlation:.4f}."
    )
    if found.auc is not None:
        lines.append(f"AUC on labelled video {found.auc:.4f}, in torch {found.auc_torch:.4f}.")
    return [*lines, _alarms_line(record, found)]


def _alarms_line(record: "ExportRecord", found: "Difference") -> str:
    """What became of thresholds."""
    if found.same_alarms:
        return "The same thresholds give as many alarms."
    left_out = "; `--backend auto` does not take it" if record.precision != "fp32" else ""
    if found.same_alarms is None:
        return f"There is too little normal video to compare alarms{left_out}."
    others = "Its thresholds give other numbers of alarms"
    if record.recalibrated:
        return f"{others}, so it has a calibration of its own."
    if not found.own_video:
        return f"{others} on this video, which was not held out of the fit and sets no thresholds{left_out}."
    return f"{others}, and there is no unseen video to calibrate it on{left_out}."


def _rounding_lines(graph: "ExportedGraph") -> list[str]:
    """How a graph was rounded."""
    from normalcy.export.rounding import LEAST_SCORES

    how = graph.rounding
    if how is None:
        return []
    if not how.layers and not how.kept:
        return ["  nothing in it can be rounded"]
    by = f" by {how.scores} scores" if how.scores else ""
    cost = f"{how.loss:.2g} of {how.judged_by} lost{by}, {how.limit:g} allowed"
    if how.loss_without > 0:
        cost += f" beyond the {how.loss_without:.2g} that are lost without them"
    lines = [f"  {how.layers} layers in integers: {cost}"]
    if how.kept:
        lines.append(f"  left in floating point, or {how.loss_in_full:.2g}: {', '.join(how.kept)}")
    if how.missed:
        few = how.judged_by != "AUC" and how.scores < LEAST_SCORES
        why = f", but by fewer than {LEAST_SCORES} scores no layers are tried out" if few else ""
        lines.append(f"  This misses the limit{why}.")
    return lines
