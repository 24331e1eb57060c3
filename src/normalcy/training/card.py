"""The model card of a bundle: what it was fitted on, when and with which versions."""

from typing import Any

from normalcy import __version__
from normalcy.methods import method_definition
from normalcy.scoring.bundle import BundleHeader
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.track import describe_threshold

CARD = """# {title}, fitted on {data}

{paper}

| | |
| --- | --- |
| method, preset | `{method}`, `{preset}` |
| fitted at | {fitted_at}, by normalcy {version} |
| fitted on | {fitted_frames} frames of {what} video{fold} |
| held out{turns} | {held_out_frames} frames of normal video ({held_out}) for validation and calibration |
| time to fit | {fit_seconds} s |
{training}{amendments}
## Calibration

{calibration}
{caveat}
## Use

`normalcy score` and `normalcy evaluate` read this folder. A detector knows the camera it was fitted on; fit it again
when the camera moves or the scene changes for good.
"""


CAVEAT = """The same held-out video also {did}, so the rate leans a little to the optimistic side.
"""


def model_card(header: BundleHeader, calibration: Calibration, *, fuses_parts: bool) -> str:
    """Markdown text of a bundle.

    Args:
        header: What the bundle is.
        calibration: What it was calibrated to.
        fuses_parts: Whether the held-out video gave the terms of the score their units.
    """
    definition, fit = method_definition(header.method), header.fit
    return CARD.format(
        title=full_title(header),
        data=fit.data,
        paper=definition.paper,
        method=header.method,
        preset=fit.preset,
        version=__version__,
        fitted_at=fit.fitted_at,
        fitted_frames=fit.fitted_frames,
        what="labelled" if definition.training == "classify" else "normal",
        fold=f", all folds but {fit.fold}" if fit.fold is not None else "",
        held_out_frames=fit.held_out_frames,
        held_out=", ".join(fit.held_out_videos),
        turns=f" in {fit.held_out_turns} turns" if fit.held_out_turns > 1 else "",
        fit_seconds=fit.fit_seconds,
        training=_merging_row(fit.parts)
        + _training_rows(fit.training, kind=definition.training, watched=definition.validation_name),
        amendments="".join(f"| amended | {line} |\n" for line in fit.amendments),
        caveat=_caveat(fit.training, fuses_parts=fuses_parts),
        calibration=describe_threshold(header.scoring, calibration),
    )


def _merging_row(parts: int) -> str:
    return f"| merged of | {parts} parts of the footage, each remembered by itself |\n" if parts > 1 else ""


def _training_rows(training: dict[str, Any] | None, *, kind: str, watched: str) -> str:
    if kind == "memory":
        return "| training | by memory; what was held out was remembered once the calibration was done |\n"
    if training is None:
        return "| training | none: only the calibration is learned |\n"
    rows = (
        f"| training | {training['epochs']} epochs, {training['steps']} steps, {training['clips']} clips; "
        f"ended by {training['stopped_by']}{_spread_over(training)} |\n"
        f"| best {watched} | {training['best_validation_loss']:.4f} |\n"
    )
    if not _chosen_on_held_out(training):
        rows += "| weights | of the last epoch |\n"
    return rows + "".join(f"| **warning** | {warning} |\n" for warning in training.get("warnings", ()))


def _spread_over(training: dict[str, Any]) -> str:
    """On how many devices, where that is more than one."""
    devices, nodes = training.get("devices", 1), training.get("nodes", 1)
    machines = f" of each of {nodes} machines" if nodes > 1 else ""
    return f", on {devices} device{'s' * (devices > 1)}{machines}" if devices * nodes > 1 else ""


def _caveat(training: dict[str, Any] | None, *, fuses_parts: bool) -> str:
    did = ["chose the checkpoint"] if _chosen_on_held_out(training) else []
    did += ["gave the terms of the score their units"] if fuses_parts else []
    return CAVEAT.format(did=" and ".join(did)) if did else ""


def _chosen_on_held_out(training: dict[str, Any] | None) -> bool:
    """Whether validation chose among the epochs; bundles of older versions name no choice, and it did."""
    return training is not None and training.get("kept", "best") == "best"


def full_title(header: BundleHeader) -> str:
    """The method's title, with what its preset makes another method than the paper's."""
    definition = method_definition(header.method)
    preset = definition.presets.get(header.fit.preset)
    return (
        f"{definition.title} (variant: {preset.variant})" if preset and preset.variant else definition.title
    )
