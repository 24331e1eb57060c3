"""Fitting: footage in, bundle out."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from normalcy.config import StrictConfig, build_config, to_yaml
from normalcy.datasets.cache import content_hash
from normalcy.environment import hardware, versions
from normalcy.errors import ConfigError, DatasetIncomplete
from normalcy.methods import method_definition
from normalcy.methods.base import Method
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder, write_text
from normalcy.scoring.bundle import Bundle, BundleHeader, FitRecord
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.scoring.model import TorchModel
from normalcy.training.calibrate import CalibrationResult, HeldOut, calibrate, normal_parts
from normalcy.training.card import model_card
from normalcy.training.config import FitConfig, resumed_config
from normalcy.training.data import Footage, NormalFootage, load_normal_footage
from normalcy.training.devices import ONE_DEVICE, Devices

if TYPE_CHECKING:
    from normalcy.training.distributed.group import Group
    from normalcy.training.spread.settings import Spread
    from normalcy.training.summary import TrainingSummary


def fit(
    config: FitConfig,
    *,
    run: RunFolder,
    resume: bool = False,
    overwrite: bool = False,
    start: Bundle | None = None,
    spread: "Spread | None" = None,
    devices: Devices = ONE_DEVICE,
    command: str = "",
    progress: Progress | None = None,
) -> Bundle:
    """Fits a method, calibrates it and writes `run.bundle`.

    Args:
        config: All settings.
        run: Where to write.
        resume: Go on where an earlier fit with the same settings stopped.
        overwrite: Start again in a folder that holds a run.
        start: Training by gradients goes on from the weights of this bundle.
        spread: Over which workers a memory is fitted in parts, or videos are looked at; in this process without.
        devices: On how many a network is trained; their processes are started, unless this one has joined them already.
        command: What asked for it, for the record.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        RunFolderExists: The folder holds a run, and neither `resume` nor `overwrite` was asked for.
        RunFolderBusy: Another process writes there.
        DatasetIncomplete: There is too little normal video.
        NonFiniteLoss: Training broke down; the last good checkpoint is kept.
        ConfigError: The method cannot start from a bundle, or this one does not fit its settings; or it cannot be
            spread.
    """
    devices.require(config)
    if start is not None:
        _require_start(config, start)
    if spread is not None:
        from normalcy.training.spread.settings import require_spreadable

        require_spreadable(config.method)
        spread.open()  # A mistyped engine costs no run folder; nothing is started before it is entered.
    if method_definition(config.method).training == "classify":
        from normalcy.training.fit_classes import open_classes, with_classes

        config = with_classes(config, open_classes(config))
    with run.claimed(go_on="go on with --resume"):
        if resume:
            resumed_config(config, run.config)
        elif not overwrite:
            run.require_empty()
        with _together(config, run, resume, devices) as group:
            return _fit_claimed(config, run, resume, start, spread, command, progress, group)


def _together(
    config: FitConfig, run: RunFolder, resume: bool, devices: Devices
) -> "AbstractContextManager[Group]":
    """The processes that train, of which this is the first."""
    from normalcy.training.distributed.group import ALONE

    if devices.processes == 1:
        return nullcontext(ALONE)
    from normalcy.training.distributed.joining import joined_group
    from normalcy.training.distributed.starting import job_of, started

    if group := joined_group():
        return nullcontext(group)
    return started(devices, job_of(config, run=run, resume=resume))


def _fit_claimed(
    config: FitConfig,
    run: RunFolder,
    resume: bool,
    start: Bundle | None,
    spread: "Spread | None",
    command: str,
    progress: Progress | None,
    group: "Group",
) -> Bundle:
    if method_definition(config.method).training == "classify":
        return _fit_classes(config, run, resume, spread, command, progress, group)
    started = time.perf_counter()
    method = build_method(config)
    if start is not None:
        method.load_state_dict(start.method().state_dict())
    _require_hop(config, method.clip)
    if not (resume and run.finished.is_file()):
        method.begin_training()
    if spread is not None:
        from normalcy.training.spread.frames import decode

        decode(config.data, spec=method.clip, spread=spread, progress=progress)
    footage = load_normal_footage(config.data, spec=method.clip, seed=config.seed, progress=progress)
    _require_clips(config, footage, method.clip)
    _begin(run, config, resume)
    method.observe(span.frames_TCHW for span in footage.fitted)
    before = time.perf_counter()
    if spread is not None:
        learned = _learn_in_parts(method, footage, config, spread, progress)
    else:
        learned = _learn(method, footage, config, run, resume, progress, group)
    summary, unseen, trained = learned.summary, learned.unseen, learned.trained
    # Training by gradients counts whole, with what earlier sessions did of it.
    train_seconds = summary.train_seconds if summary else trained - before
    record = FitRecord(
        data=config.data.name,
        preset=config.preset,
        seed=config.seed,
        fitted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fit_seconds=round(before - started + train_seconds + time.perf_counter() - trained, 2),
        fitted_frames=_fitted_frames(config, footage),
        held_out_frames=sum(len(span) for _, spans in unseen for span in spans),
        held_out_videos=tuple(dict.fromkeys(span.name for _, spans in unseen for span in spans)),
        held_out_turns=len(unseen),
        parts=learned.parts,
        fold=footage.fold,
        training=summary.record() if summary else None,
        command=command,
        versions=versions(),
        hardware=hardware(),
    )
    bundle = _bundle(config, method, learned.result, record)
    bundle.save(run.bundle)
    return bundle


class _Learned(NamedTuple):
    """What is known of a method once it is fitted and calibrated.

    Attributes:
        summary: Of training by gradients.
        unseen: Models with the normal video that each was measured on.
        result: The calibration.
        trained: When the training was over, on the clock of `time.perf_counter`.
        parts: Of how many parts of the footage a memory was merged.
    """

    summary: "TrainingSummary | None"
    unseen: Sequence[tuple[Method, Sequence[Footage]]]
    result: CalibrationResult
    trained: float
    parts: int = 1


def _learn(
    method: Method,
    footage: NormalFootage,
    config: FitConfig,
    run: RunFolder,
    resume: bool,
    progress: Progress | None,
    group: "Group",
) -> _Learned:
    # What is seen in a video does not depend on what is learned from it.
    kept = KeptLooks()
    group.wait()
    summary, unseen = _train(method, footage, config, run, resume, kept, progress, group)
    group.leave()
    trained = time.perf_counter()
    if method.fuses_parts:
        parts = normal_parts(_models(unseen, kept), settings=config.scoring, progress=progress)
        seconds = sum(len(span) / span.frames_per_second for _, spans in unseen for span in spans)
        for each, _ in unseen:
            each.observe_parts(parts, seconds=seconds)
    result = calibrate(_models(unseen, kept), settings=config.scoring, progress=progress)
    if method_definition(config.method).training == "memory":
        from normalcy.training.memory import remember

        remember(method, footage.held_out, settings=config.scoring, kept=kept, progress=progress)
    return _Learned(summary, unseen, result, trained)


def _learn_in_parts(
    method: Method, footage: NormalFootage, config: FitConfig, spread: "Spread", progress: Progress | None
) -> _Learned:
    from normalcy.methods.scene_memory.method import SceneMemory
    from normalcy.training.spread.memory import learn_in_parts

    assert isinstance(method, SceneMemory)
    with spread.open() as engine:
        learned = learn_in_parts(
            method, footage, config, engine, part_seconds=spread.part_seconds, progress=progress
        )
    return _Learned(None, learned.unseen, learned.result, time.perf_counter(), learned.parts)


def _fit_classes(
    config: FitConfig,
    run: RunFolder,
    resume: bool,
    spread: "Spread | None",
    command: str,
    progress: Progress | None,
    group: "Group",
) -> Bundle:
    from normalcy.training import fit_classes as classes

    started = time.perf_counter()
    dataset = classes.open_classes(config)
    method = build_method(config)
    _require_hop(config, method.clip)
    method.begin_training()
    _begin(run, config, resume)
    store = classes.store_of(config, method)
    if spread is not None:
        from normalcy.training.spread.features import see

        see(method, store, classes.wanted_videos(config, dataset), config, spread=spread, progress=progress)
    footage = classes.load_labelled_footage(config, dataset, store, progress=progress)
    normal = dataset.classes.index(dataset.normal_class)
    classes.require_normal(footage, method.clip, normal=normal, root=config.data.root)
    before = time.perf_counter()
    group.wait()
    classes.require_same(group, footage)
    summary = classes.train_classes(
        method, footage, config, run=run, resume=resume, progress=progress, group=group
    )
    trained = time.perf_counter()
    if config.training.finetuning.epochs:
        footage = classes.finetune_classes(
            method, footage, config, run=run, resume=resume, progress=progress, group=group
        )
    group.leave()
    result = classes.calibrate_classes(method, footage, settings=config.scoring, normal=normal)
    normals = [each for each in footage.held_out if each.target == normal]
    record = FitRecord(
        data=config.data.name,
        preset=config.preset,
        seed=config.seed,
        fitted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fit_seconds=round(before - started + summary.train_seconds + time.perf_counter() - trained, 2),
        fitted_frames=sum(each.frames for each in footage.fitted),
        held_out_frames=sum(each.frames for each in normals),
        held_out_videos=tuple(each.source.video.name for each in normals),
        training=summary.record(),
        command=command,
        versions=versions(),
        hardware=hardware(),
        fold=config.data.fold,
        learned=tuple(content_hash(each.source.video.path) for each in (*footage.fitted, *footage.held_out)),
    )
    bundle = _bundle(config, method, result, record)
    bundle.save(run.bundle)
    return bundle


def _require_start(config: FitConfig, start: Bundle) -> None:
    """Only what is trained by gradients starts from weights, and only from those of the same network."""
    if method_definition(config.method).training not in ("reconstruct", "adversarial"):
        raise ConfigError(f"{config.method} cannot start from the weights of a bundle")
    if start.header.method != config.method:
        raise ConfigError(f"is a bundle of {start.header.method}, not of {config.method}", where="start")
    expected = {name: tuple(each.shape) for name, each in build_method(config).state_dict().items()}
    if expected != {name: tuple(each.shape) for name, each in start.weights.items()}:
        raise ConfigError(
            "is of another network than these settings build",
            where="start",
            hint="Use the same preset and model settings as its fit (see its method.yaml)",
        )


def build_method(config: FitConfig) -> Method:
    """The untrained method of a configuration; its weights depend on the seed alone."""
    import torch

    torch.manual_seed(config.seed)
    definition = method_definition(config.method)
    return definition.build(build_config(definition.config, config.model, where="model"))


def _require_hop(config: FitConfig, spec: ClipSpec) -> None:
    if spec.hop_frames not in (None, config.scoring.hop_frames):
        raise ConfigError(
            f"is {config.scoring.hop_frames}, but a clip of this method follows every {spec.hop_frames} frames",
            where="scoring.hop_frames",
            hint=f"Set scoring.hop_frames={spec.hop_frames} as well",
        )


def _begin(run: RunFolder, config: FitConfig, resume: bool) -> None:
    """Marks the folder as this run's; only now, so that a mistyped setting costs neither it nor what it holds."""
    if not resume:
        # Nothing of a run that was replaced may be taken for this one's: weights, bundle, verdicts.
        run.clear()
    write_text(run.config, to_yaml(config))


def _require_clips(config: FitConfig, footage: NormalFootage, spec: ClipSpec) -> None:
    if method_definition(config.method).training == "none":
        return
    stride = min(config.training.clip_strides)
    needed = (spec.length_frames - 1) * stride + 1
    if all(len(span) < needed for span in footage.fitted):
        raise DatasetIncomplete(
            f"no video to fit on reaches {needed} frames, the length of a clip with stride {stride}",
            where=config.data.root,
            hint="Add longer videos, or a smaller number to training.clip_strides",
        )


def _train(
    method: Method,
    footage: NormalFootage,
    config: FitConfig,
    run: RunFolder,
    resume: bool,
    kept: KeptLooks,
    progress: Progress | None,
    group: "Group",
) -> "tuple[TrainingSummary | None, Sequence[tuple[Method, Sequence[Footage]]]]":
    """What the training came to, and models with normal video that they have not seen."""
    kind = method_definition(config.method).training
    unseen = [(method, footage.held_out)]
    if kind == "none":
        return None, unseen
    if kind == "memory":
        from normalcy.training.memory import train_memory

        return None, train_memory(method, footage, settings=config.scoring, kept=kept, progress=progress)
    summary = train_method(method, footage, config, run=run, resume=resume, group=group, progress=progress)
    return summary, unseen


def train_method(
    method: Method,
    footage: NormalFootage,
    config: FitConfig,
    *,
    run: RunFolder,
    resume: bool,
    group: "Group",
    progress: Progress | None = None,
) -> "TrainingSummary":
    """Trains by gradients on normal video, in each process of the group.

    Raises:
        TrainingError: The loss became NaN or infinite, or another process ended or has other videos.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last full epoch.
    """
    if method_definition(config.method).training == "adversarial":
        from normalcy.training.adversarial import train_adversarial as train
    else:
        from normalcy.training.reconstruct import train_reconstruct as train

    group.require_same([(span.name, len(span)) for span in (*footage.fitted, *footage.held_out)])
    return train(
        method,
        footage,
        config.training,
        run=run,
        seed=config.seed,
        resume=resume,
        progress=progress,
        group=group,
    )


def _fitted_frames(config: FitConfig, footage: NormalFootage) -> int:
    """What was fitted on in the end: a memory takes what was held out as well."""
    remembers = method_definition(config.method).training == "memory"
    return sum(len(span) for span in (*footage.fitted, *(footage.held_out if remembers else ())))


def _models(unseen: Sequence[tuple[Method, Sequence[Footage]]], kept: KeptLooks) -> HeldOut:
    return [(KeepingModel(TorchModel(method), kept), spans) for method, spans in unseen]


def model_without_paths(config: FitConfig) -> dict[str, Any]:
    """The model's settings without the files that only fitting needs: another machine has them elsewhere, or not."""
    model = build_config(method_definition(config.method).config, config.model, where="model")
    kept: dict[str, Any] = model.model_dump(mode="json", exclude=_paths(model))
    return kept


def _paths(settings: StrictConfig) -> dict[str, Any]:
    """What of the settings is a path, as pydantic takes what to leave out."""
    found: dict[str, Any] = {}
    for name, value in settings:
        if isinstance(value, Path):
            found[name] = True
        elif isinstance(value, StrictConfig) and (below := _paths(value)):
            found[name] = below
    return found


def _bundle(config: FitConfig, method: Method, result: CalibrationResult, record: FitRecord) -> Bundle:
    header = BundleHeader(
        method=config.method,
        model=model_without_paths(config),
        scoring=config.scoring,
        frames_per_second=result.frames_per_second,
        map_scale=result.map_scale,
        usual_parts=result.usual_parts,
        fit=record,
    )
    card = model_card(header, result.calibration, fuses_parts=method.fuses_parts)
    weights = method.arrays()
    return Bundle(header, result.calibration, weights, card)
