"""What every process but the first does of a fit in several processes: it trains along, and leaves."""

from pathlib import Path

from normalcy.methods import method_definition
from normalcy.run_folder import RunFolder
from normalcy.training.config import FitConfig
from normalcy.training.data import load_normal_footage
from normalcy.training.devices import Devices
from normalcy.training.distributed.group import Group
from normalcy.training.distributed.starting import job_of, started
from normalcy.training.fit import build_method, train_method


def take_part(config: FitConfig, *, run: Path, resume: bool, group: Group) -> None:
    """Trains along; reads the same videos, writes nothing.

    Args:
        config: All settings, those that the dataset gives a classifier included.
        run: The run folder, for its name alone.
        resume: Whether the first process resumes.
        group: Of all processes.
    """
    if method_definition(config.method).training == "classify":
        _with_classes(config, RunFolder(run), resume, group)
        return
    method = build_method(config)
    method.begin_training()
    # Until the first one has decoded: where all see one disk, it is done once.
    group.wait()
    footage = load_normal_footage(config.data, spec=method.clip, seed=config.seed)
    train_method(method, footage, config, run=RunFolder(run), resume=resume, group=group)


def lead_machine(config: FitConfig, *, run: RunFolder, resume: bool, devices: Devices) -> None:
    """The same for the processes of a machine that is not the first, of which this is one: starts the others.

    Raises:
        TrainingError: Training failed, here or elsewhere.
    """
    if method_definition(config.method).training == "classify":
        from normalcy.training import fit_classes as classes

        config = classes.with_classes(config, classes.open_classes(config))
    with started(devices, job_of(config, run=run, resume=resume)) as group:
        take_part(config, run=run.path, resume=resume, group=group)


def _with_classes(config: FitConfig, run: RunFolder, resume: bool, group: Group) -> None:
    from normalcy.training import fit_classes as classes

    dataset = classes.open_classes(config)
    config = classes.with_classes(config, dataset)
    method = build_method(config)
    method.begin_training()
    group.wait()
    footage = classes.load_labelled_footage(config, dataset, classes.store_of(config, method))
    classes.require_same(group, footage)
    classes.train_classes(method, footage, config, run=run, resume=resume, group=group)
    if config.training.finetuning.epochs:
        classes.train_backbone(method, footage, config, run=run, resume=resume, group=group)
