"""How well classes are told apart, and how honest the probabilities are.

Letters: N videos, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

RELIABILITY_BINS = 10

CLASS_METRIC_NOTES: Mapping[str, str] = {
    "accuracy": "share of the videos that are taken for what they are",
    "balanced_accuracy": "mean over the classes of the share that is found: rare classes count as much as common ones",
    "macro_f1": "mean over the classes of the harmonic mean of precision and recall",
    "weighted_f1": "the same, classes weighted by how common they are",
    "auc": "of two classes, ROC of what is not normal; of more, mean over the classes, each against the rest",
    "expected_calibration_error": "how far confidence lies from the share that is right, in the mean; lower is better",
}


@dataclass(frozen=True)
class ReliabilityBin:
    """Videos that were classified with about the same confidence.

    Attributes:
        low, high: Range of the confidence.
        count: Videos.
        confidence: Their mean confidence; None without any.
        right: Share of them that was right; None likewise.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    right: float | None


@dataclass(frozen=True)
class ClassMetrics:
    """All of it.

    Attributes:
        metrics: By the names of CLASS_METRIC_NOTES; None where there is nothing to measure by.
        per_class: By class: precision, recall, f1, auc, and the number of its videos as `support`.
        confusion: Videos of each class (row) by what they were taken for (column).
        reliability: In order of confidence.
    """

    metrics: dict[str, float | None]
    per_class: dict[str, dict[str, float | None]]
    confusion: list[list[int]]
    reliability: list[ReliabilityBin]

    def record(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def class_metrics(
    p_NK: FloatArray, target_N: IntArray, classes: Sequence[str], *, normal: int
) -> ClassMetrics:
    """Judges probabilities.

    Args:
        p_NK: Of each class, rows sum to 1.
        target_N: Place of the class that is right.
        classes: Their names.
        normal: Place of the normal one.
    """
    places, found_N = range(len(classes)), p_NK.argmax(axis=1)
    precision_K, recall_K, f1_K, support_K = precision_recall_fscore_support(
        target_N, found_N, labels=places, zero_division=0
    )
    auc_K = [_auc(target_N == place, p_NK[:, place]) for place in places]
    known = [auc for auc in auc_K if auc is not None]
    there = [place for place in places if support_K[place]]
    auc = (
        _auc(target_N != normal, 1 - p_NK[:, normal])
        if len(classes) == 2
        else float(np.mean(known))
        if known
        else None
    )
    bins = reliability(p_NK, target_N)
    return ClassMetrics(
        metrics={
            "accuracy": float(accuracy_score(target_N, found_N)),
            "balanced_accuracy": float(recall_K[there].mean()),
            "macro_f1": float(f1_score(target_N, found_N, labels=there, average="macro", zero_division=0)),
            "weighted_f1": float(
                f1_score(target_N, found_N, labels=there, average="weighted", zero_division=0)
            ),
            "auc": auc,
            "expected_calibration_error": expected_calibration_error(bins),
        },
        per_class={
            name: {
                "precision": float(precision_K[place]),
                "recall": float(recall_K[place]),
                "f1": float(f1_K[place]),
                "auc": auc_K[place],
                "support": int(support_K[place]),
            }
            for place, name in enumerate(classes)
        },
        confusion=confusion_matrix(target_N, found_N, labels=places).tolist(),
        reliability=bins,
    )


def reliability(
    p_NK: FloatArray, target_N: IntArray, *, bins: int = RELIABILITY_BINS
) -> list[ReliabilityBin]:
    """Confidence, the highest probability, beside the share that is right, in equal ranges of confidence."""
    confidence_N, right_N = p_NK.max(axis=1), p_NK.argmax(axis=1) == target_N
    bin_N = np.minimum((confidence_N * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside_N = bin_N == number
        some = bool(inside_N.any())
        found.append(
            ReliabilityBin(
                number / bins,
                (number + 1) / bins,
                int(inside_N.sum()),
                float(confidence_N[inside_N].mean()) if some else None,
                float(right_N[inside_N].mean()) if some else None,
            )
        )
    return found


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of confidence from the share that is right, over all videos.

    Chuan Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, https://arxiv.org/abs/1706.04599
    """
    total = sum(each.count for each in bins)
    away = [
        each.count * abs(each.confidence - each.right)
        for each in bins
        if each.confidence is not None and each.right is not None
    ]
    return float(sum(away) / total) if total else 0.0


def _auc(positive_N: npt.NDArray[np.bool_], score_N: FloatArray) -> float | None:
    return float(roc_auc_score(positive_N, score_N)) if 0 < positive_N.sum() < len(positive_N) else None
