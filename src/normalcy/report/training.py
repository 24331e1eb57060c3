"""How the network was trained, ready for the template: losses by epoch in small drawings, and what it came to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from normalcy.report.curves import NO_MARKS, Curve, Marks, curves_svg
from normalcy.report.data import History, TrainingLog
from normalcy.report.words import compact, duration

Keys = tuple[tuple[str, str], ...]
"""Class of a legend's key, and words."""

GENERATOR_LOSS = "train_loss"
DISCRIMINATOR_LOSS = "train_discriminator_loss"
VALIDATION_LOSS = "validation_loss"
DIVERSITY = "train_discriminator_diversity"

_ONE_NETWORK = (
    ("training", GENERATOR_LOSS, "", "k-score"),
    ("validation", VALIDATION_LOSS, "validation", "k-validation"),
)
"""Name, logged name, class of the curve and of its key."""

_ENDINGS = {
    "epochs": "ended after its last epoch",
    "early stopping": "ended early: the validation error fell no more",
    "minutes": "ended by its time limit",
}


@dataclass(frozen=True)
class Panel:
    """One small drawing.

    Attributes:
        title: What it shows.
        svg: The drawing.
        logarithmic: Whether its axis is.
        legend: What its colours and marks are.
        note: What to know about it.
    """

    title: str
    svg: str
    logarithmic: bool
    legend: Keys = ()
    note: str = ""


@dataclass(frozen=True)
class TrainingSection:
    """The section of the report.

    Attributes:
        adversarial: True where two networks were trained against each other.
        losses: What both networks and the validation, whole and by stream, came to, and how diverse the generated
            clips were; of one network training and validation in one drawing.
        terms: The terms of the generator's loss.
        facts: What the training came to, in a line.
    """

    adversarial: bool
    losses: tuple[Panel, ...]
    terms: tuple[Panel, ...]
    facts: tuple[str, ...]


def training_section(log: TrainingLog) -> TrainingSection:
    """The drawings that the history allows, and the facts."""
    adversarial = DISCRIMINATOR_LOSS in log.history
    kept = kept_epoch(log)
    losses = _two_networks(log, kept) if adversarial else _one_network(log.history, kept)
    terms = _terms(log.history) if adversarial else ()
    return TrainingSection(
        adversarial, losses, terms, training_facts(log.summary, kept=kept, watched=log.validation_name)
    )


def kept_epoch(log: TrainingLog) -> int | None:
    """The epoch, from 1, whose weights were kept: the last, or the first with the lowest validation error on record."""
    if log.summary.get("kept") == "last":
        return log.summary.get("epochs")
    error = log.summary.get("best_validation_loss", math.nan)
    pairs = log.history.get(VALIDATION_LOSS, ())
    return next((epoch + 1 for epoch, value in pairs if math.isclose(value, error, rel_tol=1e-5)), None)


def training_facts(
    summary: Mapping[str, Any], *, kept: int | None, watched: str = "validation error"
) -> tuple[str, ...]:
    """Epochs, steps, clips, number format, time, how it ended and what was kept; what is on record of it.

    >>> training_facts({"epochs": 1, "steps": 1200, "stopped_by": "minutes", "kept": "last"}, kept=1)
    ('1 epoch', '1,200 steps', 'ended by its time limit', 'kept the last weights, of epoch 1')
    """
    facts = [_count(summary[f"{unit}s"], unit) for unit in ("epoch", "step", "clip") if f"{unit}s" in summary]
    if "precision" in summary:
        facts.append(f"precision {summary['precision']}")
    if "train_seconds" in summary:
        facts.append(f"trained for {duration(summary['train_seconds'])}")
    if "stopped_by" in summary:
        facts.append(_ENDINGS.get(summary["stopped_by"], f"ended by {summary['stopped_by']}"))
    return (*facts, _kept_words(summary, kept, watched))


def _kept_words(summary: Mapping[str, Any], kept: int | None, watched: str) -> str:
    epoch = "" if kept is None else f" of epoch {kept}"
    if summary.get("kept") == "last":
        return f"kept the last weights,{epoch}" if epoch else "kept the last weights"
    error = compact(summary.get("best_validation_loss", math.nan))
    return f"kept the weights{epoch} with the lowest {watched}, {error}"


def _two_networks(log: TrainingLog, kept: int | None) -> tuple[Panel, ...]:
    history, watched = log.history, log.validation_name
    named = {
        "Generator's loss": GENERATOR_LOSS,
        "Discriminator's loss": DISCRIMINATOR_LOSS,
        "Diversity of the generated clips": DIVERSITY,
    }
    panels = [_panel(title, history, name) for title, name in named.items() if name in history]
    if VALIDATION_LOSS in history:
        validation = Curve.of(watched, history[VALIDATION_LOSS])
        panels.append(_marked_panel(_readable(watched), history, [validation], kept=kept))
    streams = [name for name in history if name.startswith("validation_") and name != VALIDATION_LOSS]
    panels += [_panel(f"Validation error: {_words(name)}", history, name) for name in streams]
    return tuple(panels)


def _one_network(history: History, kept: int | None) -> tuple[Panel, ...]:
    known = [
        (Curve.of(name, history[key], css=css), (legend, name))
        for name, key, css, legend in _ONE_NETWORK
        if key in history
    ]
    if not known:
        return ()
    curves, keys = zip(*known, strict=True)
    return (_marked_panel("Loss", history, curves, keys=keys, kept=kept),)


def _terms(history: History) -> tuple[Panel, ...]:
    names = [
        name
        for name in history
        if name.startswith("train_") and not name.startswith("train_discriminator") and name != GENERATOR_LOSS
    ]
    return tuple(_panel(_readable(name), history, name) for name in names)


def _panel(title: str, history: History, name: str) -> Panel:
    return _drawn(title, history, [Curve.of(title.lower(), history[name])])


def _marked_panel(
    title: str, history: History, curves: Sequence[Curve], *, kept: int | None, keys: Keys = ()
) -> Panel:
    """The last curve's lowest value is ringed; the kept epoch is a line where it is another one."""
    lowest = curves[-1].lowest
    if lowest is None:
        return _drawn(title, history, curves, keys=keys)
    is_kept = kept == lowest[0]
    ring = f"lowest{' and kept' if is_kept else ''}: {compact(lowest[1])} in epoch {lowest[0]}"
    line = None if is_kept else kept
    marked = [("k-lowest", ring), *([("k-threshold", f"kept: epoch {line}")] if line else [])]
    return _drawn(title, history, curves, keys=keys, marked=tuple(marked), marks=Marks(lowest, line))


def _drawn(
    title: str,
    history: History,
    curves: Sequence[Curve],
    *,
    keys: Keys = (),
    marked: Keys = (),
    marks: Marks = NO_MARKS,
) -> Panel:
    epochs = [epoch + 1 for points in history.values() for epoch, _ in points]
    said = "; ".join([*map(_said, curves), *(words for _, words in marked)])
    svg, axis = curves_svg(
        curves,
        epochs=(min(epochs, default=1), max(epochs, default=1)),
        label=f"{title} by epoch: {said}.",
        marks=marks,
    )
    return Panel(title, svg, axis.logarithmic, (*keys, *marked), _gap_note(curves))


def _gap_note(curves: Sequence[Curve]) -> str:
    if not any(len(curve.value_E) for curve in curves):
        return "No epoch gave a number."
    return "Where the line breaks off there was no number." if any(curve.broken for curve in curves) else ""


def _said(curve: Curve) -> str:
    """A curve in words, for those who cannot see it."""
    if not len(curve.value_E):
        return f"{curve.name} has no numbers"
    (first, *_), (*_, last) = curve.value_E, curve.value_E
    return (
        f"{curve.name} from {compact(float(first))} in epoch {curve.epoch_E[0]:g} "
        f"to {compact(float(last))} in epoch {curve.epoch_E[-1]:g}"
    )


def _readable(name: str) -> str:
    words = _words(name)
    return words[:1].upper() + words[1:]


def _words(name: str) -> str:
    return name.removeprefix("train_").removeprefix("validation_").replace("_", " ").strip()


def _count(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
