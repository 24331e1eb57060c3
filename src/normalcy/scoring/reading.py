"""How videos are read that a method is to score."""

import warnings
from dataclasses import replace

from normalcy.errors import FrameRateWarning
from normalcy.methods.contract import ClipSpec
from normalcy.video.contract import ReadOptions

RATE_TOLERANCE = 0.2


def scoring_options(
    options: ReadOptions, spec: ClipSpec, *, frames_per_second: float, preview_height_px: int | None = None
) -> ReadOptions:
    """Reading options that give the frames a method wants, and a picture for people beside each where asked for.

    A folder of pictures does not say its rate; that of the footage the bundle was fitted on is the best guess.
    """
    return replace(
        options,
        size_px=spec.size_px,
        grey=spec.channels == 1,
        fps=options.fps or frames_per_second,
        preview_height_px=preview_height_px,
    )


def warn_of_rate(fps: float, *, fitted_fps: float, spec: ClipSpec, name: str) -> None:
    """Warns where a method that takes every frame is given another rate."""
    if abs(fps / fitted_fps - 1) > RATE_TOLERANCE and not spec.spacing_seconds > 0:
        message = (
            f"{name}: has {fps:.3g} frames per second, the detector was fitted at {fitted_fps:.3g}. Things move "
            "another distance from frame to frame, so neither scores nor false-alarm rates can be trusted."
        )
        warnings.warn(message, FrameRateWarning, stacklevel=3)
