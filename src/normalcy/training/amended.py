"""A bundle that was changed after it was fitted: what it knows now, a line on it, and a card that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from normalcy.methods.base import Method
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.calibration import Calibration
from normalcy.training.card import model_card


def amended_bundle(
    bundle: Bundle,
    method: Method,
    lines: Sequence[str],
    *,
    header: Mapping[str, Any] | None = None,
    fit: Mapping[str, Any] | None = None,
    calibration: Calibration | None = None,
) -> Bundle:
    """The bundle of a method that is no longer as it was.

    Args:
        bundle: As it was.
        method: As it is.
        lines: What was done to it.
        header: What changes in the header.
        fit: What changes in the record of the fit.
        calibration: The new one; the old without.
    """
    record = bundle.header.fit
    record = record.model_copy(update={**(fit or {}), "amendments": (*record.amendments, *lines)})
    whole = bundle.header.model_copy(update={**(header or {}), "fit": record})
    calibration = calibration or bundle.calibration
    weights = method.arrays()
    card = model_card(whole, calibration, fuses_parts=method.fuses_parts)
    return replace(bundle, header=whole, calibration=calibration, weights=weights, card=card)
