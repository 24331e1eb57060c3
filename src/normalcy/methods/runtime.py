"""Methods without torch: what comes before, between and after their exported graphs, by name.

A runner is a scoring model: `spec`, `infer` and `camera`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError
from normalcy.methods.contract import Camera, ClipScores, ClipSpec, Look

Arrays = Mapping[str, npt.NDArray[Any]]

# name -> module; each module defines `open_runner(parts) -> Runner`.
RUNNERS = {
    "clip": "normalcy.methods.clip_runner",
    "scene-memory": "normalcy.methods.scene_memory.deployed",
    "sequence": "normalcy.methods.sequence_runner",
}


class RunGraph(Protocol):
    """A graph that is ready to run, whatever runs it: from inputs to outputs by name, batch first."""

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Runs the graph."""
        ...


class Runner(Protocol):
    """A method without torch; stateless."""

    spec: ClipSpec

    def infer(self, clips_TCHW: Sequence[npt.NDArray[np.uint8]]) -> Sequence[ClipScores | Look]:
        """What is found in each clip."""
        ...

    def camera(self, source_id: str) -> Camera | None:
        """What is kept of a source; None where a clip says all there is to say."""
        ...


@dataclass(frozen=True)
class RunnerParts:
    """What a runner is put together from.

    Attributes:
        spec: The clip it reads.
        graphs: By name.
        settings: As the method's plan for export wrote them, plain data.
        weights: Reads the bundle's weights, for what is kept outside of graphs.
    """

    spec: ClipSpec
    graphs: Mapping[str, RunGraph]
    settings: Mapping[str, Any]
    weights: Callable[[], Arrays]


def open_runner(name: str, parts: RunnerParts) -> Runner:
    """Puts a runner together.

    Raises:
        BundleError: There is none of that name.
    """
    if name not in RUNNERS:
        raise BundleError(f"export.json names an unknown runner {name!r}", hint="Export it again")
    runner: Runner = import_module(RUNNERS[name]).open_runner(parts)
    return runner
