"""Labelled videos: benchmarks, your own folders, the generated scene; each by name, imported when opened."""

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normalcy.errors import ConfigError, DatasetIncomplete

if TYPE_CHECKING:
    from normalcy.datasets.base import Dataset, DatasetInfo

_DATASETS = {
    "walkway": "normalcy.datasets.walkway.dataset:Walkway",
    "folder": "normalcy.datasets.own_folder:OwnFolder",
    "ucsd-ped1": "normalcy.datasets.ucsd:UcsdPed1",
    "ucsd-ped2": "normalcy.datasets.ucsd:UcsdPed2",
    "avenue": "normalcy.datasets.avenue:Avenue",
    "shanghaitech": "normalcy.datasets.shanghaitech:ShanghaiTech",
    "class-folder": "normalcy.datasets.class_folder:ClassFolder",
    "surveillance-fight": "normalcy.datasets.class_folder:SurveillanceFight",
    "ucf-crime": "normalcy.datasets.ucf_crime:UcfCrime",
    "ucf-crime-detection": "normalcy.datasets.ucf_crime:UcfCrimeDetection",
}


def dataset_names() -> list[str]:
    """Names that `open_dataset` knows."""
    return list(_DATASETS)


def dataset_info(name: str) -> "DatasetInfo":
    """What is known of a dataset without having it; ConfigError for an unknown name."""
    info: DatasetInfo = _dataset_class(name).info
    return info


def open_dataset(name: str, root: Path) -> "Dataset":
    """A dataset in a folder.

    Raises:
        ConfigError: Unknown name.
        DatasetIncomplete: The root is not a folder.
    """
    dataset_class = _dataset_class(name)
    folder = root.expanduser()
    if not folder.is_dir():
        info: DatasetInfo = dataset_class.info
        raise DatasetIncomplete(
            "is not a folder" if folder.exists() else "no such folder",
            where=folder,
            hint=f"{info.title}: {info.home}",
        )
    dataset: Dataset = dataset_class(folder)
    return dataset


def _dataset_class(name: str) -> Any:
    """The class behind a name, importing its module only now."""
    target = _DATASETS.get(name)
    if target is None:
        nearest = difflib.get_close_matches(name.lower(), _DATASETS, n=1, cutoff=0.4)
        guess = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigError(f"unknown dataset {name!r}", hint=f"{guess}Known are {', '.join(_DATASETS)}")
    module_name, class_name = target.split(":")
    return getattr(importlib.import_module(module_name), class_name)
