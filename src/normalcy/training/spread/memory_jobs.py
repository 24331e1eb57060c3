"""What workers do for a memory: remember parts of the footage, and score what a memory has not seen.

A worker computes in one thread: what a network rounds may depend on how many there are, and what comes out is to be
the same for any number of workers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from normalcy.errors import ConfigError, InputError
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.scoring.model import TorchModel
from normalcy.training.calibrate import SpanScores, score_span
from normalcy.training.config import FitConfig
from normalcy.training.memory import looked_at
from normalcy.training.spread.pieces import Part, Piece
from normalcy.training.spread.threads import compute_in

Weights = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Surveyed:
    """A memory as it travels to workers: settings and arrays, no code.

    Attributes:
        fit: Settings; the trunk's backend is named, so that all workers see alike.
        weights: All arrays of the method.
    """

    fit: FitConfig
    weights: Weights

    @classmethod
    def of(cls, method: SceneMemory, fit: FitConfig) -> "Surveyed":
        """A method as it is now."""
        model = dict(fit.model)
        if method.trunk:
            model["trunk"] = method.trunk.backend
        return cls(fit.model_copy(update={"model": model}), method.arrays())

    def open(self) -> SceneMemory:
        """The method.

        Raises:
            InputError: This machine cannot run it.
        """
        import torch

        from normalcy.training.fit import build_method

        try:
            method = build_method(self.fit)
        except ConfigError as error:
            raise InputError(f"a worker cannot look as the others do: {error}") from error
        assert isinstance(method, SceneMemory)
        method.make_room({name: tuple(array.shape) for name, array in self.weights.items()})
        method.load_state_dict({name: torch.tensor(array) for name, array in self.weights.items()})
        return method


class NumberedPart(NamedTuple):
    """A part of the footage, and which."""

    number: int
    part: Part


@dataclass(frozen=True)
class RememberParts:
    """Remembers each part in a memory of its own; gives what it collected."""

    surveyed: Surveyed

    def open(self) -> Callable[[NumberedPart], Weights]:
        """Opens the trunk once."""
        compute_in(1)
        method = self.surveyed.open()
        model, settings = TorchModel(method), self.surveyed.fit.scoring

        def remember(item: NumberedPart) -> Weights:
            memory = method.memory.part(item.number)
            for piece in item.part:
                footage, camera = piece.open(), memory.camera(piece.name)
                start_seconds = piece.start_seconds(footage)
                for batch in looked_at(footage, model, settings):
                    for clip, look in batch:
                        camera.remember(clip.stamps, look, start_seconds=start_seconds)
            return memory.collected()

        return remember


class Unscored(NamedTuple):
    """A piece that a memory has not seen, and which of the memories that is."""

    memory: int
    piece: Piece


@dataclass(frozen=True)
class ScorePieces:
    """Scores pieces, each by a memory that has not seen it."""

    memories: tuple[Surveyed, ...]

    def open(self) -> Callable[[Unscored], SpanScores]:
        """Opens each memory when it is first needed."""
        compute_in(1)
        models: dict[int, TorchModel] = {}

        def score(item: Unscored) -> SpanScores:
            surveyed = self.memories[item.memory]
            if item.memory not in models:
                models[item.memory] = TorchModel(surveyed.open())
            footage = item.piece.open()
            return score_span(
                models[item.memory],
                footage,
                settings=surveyed.fit.scoring,
                start_seconds=item.piece.start_seconds(footage),
            )

        return score
