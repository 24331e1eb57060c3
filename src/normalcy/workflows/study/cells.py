"""A row at a seed, and the folder that keeps what it came to.

A folder is named by a digest of settings, videos and version, so that rows of the same settings share it, and a study
that is made again finds it. The code is not in it: who changes a method needs another folder.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from normalcy import __version__
from normalcy.config import to_yaml
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset
from normalcy.datasets.classes import KnowsClasses
from normalcy.run_folder import write_text
from normalcy.training.config import FREE_TRAINING, FitConfig
from normalcy.training.fit import model_without_paths
from normalcy.workflows.content import content_of
from normalcy.workflows.study.plan import StudyPlan


@dataclass(frozen=True)
class Cell:
    """One fit and its judgement.

    Attributes:
        row: Of the study.
        config: All settings.
        folder: Keeps `settings.yaml`, the run, its log, and `cell.json` once it is made.
        module: What makes it, as `python -m` takes it.
        more: Further words for that.
    """

    row: str
    config: FitConfig
    folder: Path
    module: str = "normalcy.workflows.study.cell"
    more: tuple[str, ...] = ()

    @property
    def outcome(self) -> Path:
        """What it came to."""
        return self.folder / "cell.json"

    @property
    def log(self) -> Path:
        """What its process said."""
        return self.folder / "log.txt"

    @property
    def run(self) -> Path:
        """Its run folder."""
        return self.folder / "run"

    @property
    def settings(self) -> Path:
        """All settings, for the process that makes it."""
        return self.folder / "settings.yaml"

    def prepare(self) -> None:
        """Writes what that process reads."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.settings, to_yaml(self.config))

    def read(self) -> dict[str, Any] | None:
        """What it came to; None where it is not made, or only in part."""
        try:
            found: dict[str, Any] = json.loads(self.outcome.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found


def cells_of(plan: StudyPlan, folder: Path) -> list[Cell]:
    """All cells of a study, seed by seed, so that every row has its first seed before any has its second.

    Raises:
        ConfigError: Settings of a row do not fit together.
        DatasetError: The dataset is not there.
    """
    content = dataset_content(plan.data, fold=plan.config(plan.baseline, plan.seeds[0]).data.fold)
    cells = []
    for seed in plan.seeds:
        for row in plan.rows:
            config = plan.config(row, seed)
            name = f"{plan.method}-seed{seed}-{cell_digest(config, content)}"
            cells.append(Cell(row, config, folder / name))
    return cells


def dataset_content(data: Mapping[str, Any], *, fold: int) -> list[Any]:
    """What the videos of a dataset hold, on both sides of a fold."""
    dataset: Dataset = open_dataset(data["name"], Path(data["root"]))
    if isinstance(dataset, KnowsClasses):
        dataset = dataset.at_fold(fold)
    return [content_of(dataset, "train"), content_of(dataset, "test")]


def cell_digest(config: FitConfig, content: Any) -> str:
    """Of settings but paths, videos, and the version."""
    settings = config.model_dump(mode="json", exclude={"data": {"root", "cache", "features"}, "model": True})
    settings["training"] = {
        name: value for name, value in settings["training"].items() if name not in FREE_TRAINING
    }
    parts = [settings, model_without_paths(config), content, __version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
