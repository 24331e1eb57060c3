"""Fitting by memory over an engine: parts are remembered side by side and merged, and what is held out is scored so.

survey of all footage -> parts --workers--> what each collected --in order--> merged -> settled
                                                                                 |
                      held-out pieces --workers--> scores of what was not seen <-+-> fusion, calibration
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.engines.contract import Engine
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.progress import Progress
from normalcy.training.calibrate import (
    CalibrationResult,
    SpanScores,
    calibration_of,
    joined_parts,
    no_clip_fits,
)
from normalcy.training.config import FitConfig
from normalcy.training.data import Footage, NormalFootage
from normalcy.training.memory import Unseen, held_out_in_turns, survey
from normalcy.training.spread.memory_jobs import NumberedPart, RememberParts, ScorePieces, Surveyed, Unscored
from normalcy.training.spread.outcomes import in_order
from normalcy.training.spread.pieces import Part, cut

_LEAST_RUN_IN_SECONDS = 10.0


@dataclass(frozen=True)
class LearnedInParts:
    """What a fit in parts came to, beside the memory itself.

    Attributes:
        unseen: Methods, each with the footage that it was measured on, as it was then.
        result: The calibration.
        parts: Of how many the memory was merged.
    """

    unseen: list[Unseen]
    result: CalibrationResult
    parts: int


def learn_in_parts(
    method: SceneMemory,
    footage: NormalFootage,
    config: FitConfig,
    engine: Engine,
    *,
    part_seconds: float,
    progress: Progress | None = None,
) -> LearnedInParts:
    """Fits and calibrates a memory; what it is does not depend on how many work.

    Args:
        method: Untold.
        footage: From the cache.
        config: Of the fit.
        engine: Opened.
        part_seconds: About how long a part is.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        TrainingError: A part could not be remembered, or scored.
        CalibrationError: Too little footage is held out.
        InputError: A worker cannot open the method.
    """
    survey(method, footage)
    cutting = _Cutting(part_seconds, _run_in_seconds(method))
    fitted, held_out = cutting.parts(footage.fitted), cutting.parts(footage.held_out)
    rest = _merged(method, [*fitted, *held_out], len(fitted), config, engine, progress)
    unseen = [Unseen(method, footage.held_out)]
    if held_out_in_turns(footage):
        unseen.append(Unseen(rest, footage.fitted))
    scored = _Scoring(config, engine, cutting, unseen, progress)
    found = scored("measuring the parts of the score on held-out normal video")
    parts = {name: np.array(values) for name, values in joined_parts(found).items()}
    for each, _ in unseen:
        each.observe_parts(parts, seconds=sum(span.seconds for span in found))
    result = calibration_of(scored("calibrating on held-out normal video"), settings=config.scoring)
    method.memory.merge(rest.memory.collected())
    method.settle()
    return LearnedInParts(unseen, result, len(fitted) + len(held_out))


@dataclass(frozen=True)
class _Cutting:
    """How footage is cut."""

    part_seconds: float
    run_in_seconds: float

    def parts(self, spans: Sequence[Footage]) -> list[Part]:
        return cut(spans, part_seconds=self.part_seconds, run_in_seconds=self.run_in_seconds)


def _run_in_seconds(method: SceneMemory) -> float:
    """What a piece sees of what comes before, so that what takes time to see is seen in it."""
    dwell = method.config.dwell
    return max(_LEAST_RUN_IN_SECONDS, 2 * dwell.still_seconds, 4 * dwell.seconds)


def _merged(
    method: SceneMemory,
    parts: Sequence[Part],
    first: int,
    config: FitConfig,
    engine: Engine,
    progress: Progress | None,
) -> SceneMemory:
    """Remembers the first so many parts in `method`, and the others in a copy of it, which is returned."""
    rest = copy.deepcopy(method)
    sizes = [sum(len(piece) for piece in part) for part in parts]
    items = [NumberedPart(number, part) for number, part in enumerate(parts)]
    outcomes = engine.run(RememberParts(Surveyed.of(method, config)), items)
    for number, collected in enumerate(in_order(outcomes, what="remembering part")):
        (method if number < first else rest).memory.merge(collected)
        if progress:
            progress("remembering normal video", sum(sizes[: number + 1]), sum(sizes))
    method.settle()
    rest.settle()
    return rest


class _Scoring:
    """Scores, by each memory, what it has not seen."""

    def __init__(
        self,
        config: FitConfig,
        engine: Engine,
        cutting: _Cutting,
        unseen: Sequence[Unseen],
        progress: Progress | None,
    ) -> None:
        self._config, self._engine, self._progress = config, engine, progress
        self._memories = [each.method for each in unseen]
        self._items = [
            Unscored(memory, piece)
            for memory, each in enumerate(unseen)
            for part in cutting.parts([span for span in each.footage if span.holds_clip(each.method.clip)])
            for piece in part
        ]
        if not self._items:
            raise no_clip_fits(unseen[0].method.clip)

    def __call__(self, what: str) -> list[SpanScores]:
        """The scores, by the memories as they are now."""
        memories = [each for each in self._memories if isinstance(each, SceneMemory)]
        job = ScorePieces(tuple(Surveyed.of(each, self._config) for each in memories))
        total, found = sum(len(item.piece) for item in self._items), list[SpanScores]()
        for scores in in_order(self._engine.run(job, self._items), what="scoring piece"):
            found.append(scores)
            if self._progress:
                self._progress(what, sum(each.frames for each in found), total)
        return found
