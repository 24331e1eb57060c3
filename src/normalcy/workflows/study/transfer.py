"""Transfer between scenes: fitted on one, judged on another as it is, calibrated anew, and after a short adaptation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from normalcy.errors import ConfigError
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.training.config import FitConfig, resolve_config
from normalcy.workflows.study.cells import Cell, cell_digest, dataset_content
from normalcy.workflows.study.runner import Failure, make_cells

WAYS = ("as it is", "calibrated anew", "adapted")
"""What is done before a detector of one scene is judged on another."""

_MODULE = "normalcy.workflows.study.transfer_cell"


@dataclass(frozen=True)
class Scene:
    """A dataset by a name of its own.

    Attributes:
        name: In the table.
        data: Which dataset.
        root: Its folder.
    """

    name: str
    data: str
    root: Path


@dataclass(frozen=True)
class TransferPlan:
    """What a transfer study makes.

    Attributes:
        method: Of all fits.
        scenes: Each is fitted on, and judged on by the detectors of all.
        seeds: Of every fit.
        preset: Of the method; its first without.
        adapt_epochs: Epochs of adaptation, of a method that is trained by gradients; 0 leaves it out.
        adapt_seconds: Normal video to learn, of a method that keeps a memory; 0 leaves it out.
        overrides: Further settings of all fits, as `a.b=c`.

    Raises:
        ConfigError: There are less than two scenes, or two of one name, or the method tells classes apart.
    """

    method: str
    scenes: Sequence[Scene]
    seeds: Sequence[int]
    preset: str | None = None
    adapt_epochs: int = 1
    adapt_seconds: float = 30.0
    overrides: Sequence[str] = ()

    def __post_init__(self) -> None:
        if method_definition(self.method).training == "classify":
            raise ConfigError(f"{self.method} tells classes apart, and has no scene of its own to leave")
        names = [scene.name for scene in self.scenes]
        if len(set(names)) < max(2, len(names)):
            raise ConfigError(
                f"scenes {', '.join(names) or '(none)'} are less than two, or name one twice", where="--scene"
            )

    @property
    def adaptation(self) -> dict[str, float]:
        """How a detector is adapted: `epochs` of training, or `seconds` to learn; empty where it is not."""
        kind = method_definition(self.method).training
        if kind in ("reconstruct", "adversarial"):
            how: dict[str, float] = {"epochs": self.adapt_epochs}
        else:
            how = {"seconds": self.adapt_seconds if kind == "memory" else 0}
        return {unit: amount for unit, amount in how.items() if amount > 0}

    def config(self, scene: Scene, seed: int, *, adapting: bool = False) -> FitConfig:
        """All settings of a fit on a scene."""
        epochs = self.adaptation.get("epochs") if adapting else None
        adaptation = [f"training.epochs={epochs}"] if epochs else []
        return resolve_config(
            self.method,
            data={"name": scene.data, "root": str(scene.root)},
            preset=self.preset,
            overrides=[*self.overrides, *adaptation, f"seed={seed}"],
        )


def make_transfers(
    plan: TransferPlan,
    work: Path,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> tuple[list[Cell], list[Failure]]:
    """Makes a cell for each scene and seed: the fit, and its judgement on all scenes."""
    cells = _cells(plan, work)
    return cells, make_cells(cells, jobs=jobs, minutes=minutes, progress=progress)


def _cells(plan: TransferPlan, work: Path) -> list[Cell]:
    contents = [
        dataset_content({"name": scene.data, "root": str(scene.root)}, fold=0) for scene in plan.scenes
    ]
    cells = []
    for seed in plan.seeds:
        for scene in plan.scenes:
            config = plan.config(scene, seed)
            targets = _targets(plan, seed)
            names = [[each.name, each.data] for each in plan.scenes]
            digest = cell_digest(config, [scene.name, contents, names, sorted(plan.adaptation.items())])
            folder = work / f"{plan.method}-from-{scene.name}-seed{seed}-{digest}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "targets.json"
            path.write_text(json.dumps(targets, indent=2), encoding="utf-8")
            cells.append(Cell(scene.name, config, folder, module=_MODULE, more=(str(path), scene.name)))
    return cells


def _targets(plan: TransferPlan, seed: int) -> list[dict[str, Any]]:
    """What a cell judges on, as its process reads it."""
    return [
        {
            "scene": scene.name,
            "data": scene.data,
            "root": str(scene.root),
            "fit": plan.config(scene, seed, adapting=True).model_dump(mode="json"),
            "adaptation": plan.adaptation,
        }
        for scene in plan.scenes
    ]
