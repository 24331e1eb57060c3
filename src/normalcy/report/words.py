"""What the numbers of a report are called, what they mean, and how they are written."""

import math
from dataclasses import dataclass

NOTHING = "—"  # where there is no number


@dataclass(frozen=True)
class Meaning:
    """How a metric is shown.

    Attributes:
        name: Its name for a reader.
        text: What it says, in a line.
        mark: What to beware of, shown as a badge.
        higher_is_better: False for errors and delays.
        share: True when it lies between 0 and 1, so that it can be drawn as a bar.
    """

    name: str
    text: str
    mark: str = ""
    higher_is_better: bool = True
    share: bool = True


MEANINGS: dict[str, Meaning] = {
    "micro_auc": Meaning(
        "Micro AUC",
        "How often a random abnormal frame outscores a random normal one, over all videos; .5 is a coin toss. "
        "Raw, causal scores.",
    ),
    "micro_auc_smoothed": Meaning(
        "Micro AUC, smoothed", "The same after causal smoothing: the scores that the threshold is applied to."
    ),
    "micro_auc_minmax": Meaning(
        "Micro AUC, min-max per video",
        "The same after stretching every video's scores to 0..1. Common in papers; impossible on a live camera.",
        mark="looks at the whole test video",
    ),
    "macro_auc": Meaning(
        "Macro AUC", "Mean of the videos' own AUCs, over videos that have both kinds of frames."
    ),
    "macro_auc_sentinels": Meaning(
        "Macro AUC, with sentinels",
        "The same with a sure normal and a sure abnormal frame added to every video. Flatters everyone.",
        mark="noise scores well above .5",
    ),
    "average_precision": Meaning(
        "Average precision",
        "Precision averaged over all recalls. Chance gives the share of abnormal frames, so compare with noise.",
    ),
    "equal_error_rate": Meaning(
        "Equal error rate",
        "The error at the threshold where misses and false alarms are equally common. Lower is better.",
        higher_is_better=False,
    ),
    "pixel_auc": Meaning("Pixel AUC", "How often an abnormal pixel of the map outscores a normal one."),
    "rbdc": Meaning(
        "RBDC", "Region-based detection: share of abnormal regions found, over false-alarm rates."
    ),
    "tbdc": Meaning("TBDC", "Track-based detection: share of abnormal tracks found, over false-alarm rates."),
    "paper_protocol_auc": Meaning(
        "AUC, the paper's protocol",
        "Made the way the method's paper makes it, to compare with its printed number.",
        mark="not comparable with the rows above",
    ),
    "paper_protocol_clip_auc": Meaning(
        "AUC, the paper's protocol by clip",
        "The same, scoring the whole clip that ends at a frame in place of the frame alone.",
        mark="not comparable with the rows above",
    ),
    "event_recall": Meaning("Event recall", "Share of true events that raised an alarm at this threshold."),
    "false_alarms_per_hour": Meaning(
        "False alarms per hour",
        "Alarms without a true event, per hour of normal video, at this threshold.",
        higher_is_better=False,
        share=False,
    ),
    "detection_latency_seconds": Meaning(
        "Detection latency",
        "From the start of a true event to its alarm.",
        higher_is_better=False,
        share=False,
    ),
}


def meaning_of(metric: str) -> Meaning:
    """The known meaning of a metric, or its bare name made readable.

    >>> meaning_of("my_new_number").name
    'My new number'
    """
    readable = metric.replace("_", " ").strip()
    return MEANINGS.get(metric) or Meaning(readable[:1].upper() + readable[1:], "", share=False)


def number(value: float | None, *, digits: int = 3) -> str:
    """A number as text: fixed decimals below ten thousand, a dash where there is none.

    >>> number(0.93449), number(None), number(12345.6)
    ('0.934', '—', '12,346')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.{digits}f}"


def quantity(metric: str, value: float | None) -> str:
    """A metric's value with the precision and unit that its name asks for."""
    if value is not None and metric.endswith("_seconds"):
        return f"{number(value, digits=1)} s"
    return number(value, digits=1 if metric.endswith("_per_hour") else 3)


def compact(value: float) -> str:
    """A score with three significant digits.

    >>> compact(0.0123456), compact(1234.5)
    ('0.0123', '1,234')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """A length of time in the unit that fits.

    >>> duration(12.34), duration(200), duration(9000)
    ('12.3 s', '3.3 min', '2.5 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
