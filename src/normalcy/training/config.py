"""Configuration of a fit: the method's preset, then the user's file, then `--set`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from normalcy.config import StrictConfig, apply_overrides, build_config, read_yaml
from normalcy.errors import ConfigError, RunFolderExists
from normalcy.methods import method_definition
from normalcy.scoring.settings import ScoringSettings

if TYPE_CHECKING:
    from normalcy.methods.base import MethodDefinition, Preset


Keep = Literal["best", "last"]

FEATURES = Path("~/.cache/normalcy/features")
"""Where the stores of what backbones saw lie, unless named."""


class DataConfig(StrictConfig):
    """What to fit on.

    Attributes:
        name: Dataset, or `folder` for your own videos.
        root: Its folder.
        held_out_fraction: Share of the normal video kept for validation and calibration.
        cache: Folder of the decode-once cache.
        fold: Of a dataset with classes: which of its folds is judged, from 0; the others are learned from.
        features: Folder of the store of what backbones saw.
    """

    name: str
    root: Path
    fold: int = Field(0, ge=0)
    features: Path = FEATURES
    held_out_fraction: float = Field(0.15, gt=0, lt=1)
    cache: Path = Path("~/.cache/normalcy/frames")


FREE_TRAINING = frozenset({"minutes", "snapshot_epochs", "workers"})
"""Settings of training that may change when it is resumed: its length, what it puts aside, who prepares batches."""


class SequenceAugmentation(StrictConfig):
    """How labelled sequences are changed in training. Rare classes are changed more.

    Attributes:
        views: Augmented views of each video (flip, crop, light, blur) that the feature store keeps.
        use_views: How often one of them stands for the video.
        temporal: Whether sequences are changed in time at all.
        shift: Whether they begin anywhere.
        speed: Largest change of speed, as the logarithm of its factor.
        frame_dropout: Share of the frames in whose place the one before is shown again.
        noise: Of the features, in parts of their standard deviation.
    """

    views: int = Field(2, ge=0)
    use_views: float = Field(0.5, ge=0, le=1)
    temporal: bool = True
    shift: bool = True
    speed: float = Field(0.2, ge=0)
    frame_dropout: float = Field(0.1, ge=0, lt=1)
    noise: float = Field(0.0, ge=0)


class FineTuning(StrictConfig):
    """How backbone and classifier learn together, once the classifier has learned from kept features.

    Attributes:
        epochs: Largest number of epochs; 0 leaves the backbone as it is.
        learning_rate: Of AdamW, for all weights.
        batch_size: Sequences in a step.
        frames: Of a sequence.
    """

    epochs: int = Field(0, ge=0)
    learning_rate: float = Field(1e-5, gt=0)
    batch_size: int = Field(4, ge=1)
    frames: int = Field(16, ge=2)


class TrainingConfig(StrictConfig):
    """How a network is trained. Methods without gradients use none of it.

    Attributes:
        epochs: Largest number of epochs.
        clips_per_epoch: Clips in an epoch; null takes every clip at every stride once.
        batch_size: Clips in a step of the optimiser, over all accumulated parts and all devices.
        accumulate: Equal parts a batch is cut into where memory is short; devices share each of them.
        clip_strides: Distances between neighbouring frames of the clips that are sampled.
        learning_rate: Of Adam.
        discriminator_learning_rate: Of the second player's Adam, where two are trained; null for the same.
        learning_rate_decay: How it falls over the epochs: along a cosine, at once after three quarters of them, or one
            cycle, which rises for the first three tenths of the steps and then falls to next to nothing.
        learning_rate_end: Fraction of it that is left at the end.
        adam_beta1: Adam's momentum; null for the usual one of the kind of training: 0.9, or 0.5 where two players are
            trained.
        gradient_clip: Largest norm of the gradient, each player's of its own.
        keep: Which weights the bundle gets: the best by validation loss, or the last, of a fixed budget.
        patience_epochs: Early stopping after so many epochs without a lower validation loss; only to keep the best.
        ema_decay: Decay of the exponential moving average of the weights (a generator's alone), once it is warm: after
            n updates it is at most (1 + n) / (10 + n). Null for none.
        precision: Of training; auto is bf16 where the hardware computes it natively.
        snapshot_epochs: All weights are kept aside in `checkpoints/snapshots` every so many epochs, to see how long
            training pays; null keeps none.
        weight_decay: Of what is trained on labelled sequences.
        class_aware: Whether classes take turns in training on labelled sequences, however rare they are.
        augmentation: Of labelled sequences.
        finetuning: Of a backbone, after training on labelled sequences.
        minutes: Largest duration; training then ends after the epoch at hand. Null for no limit.
        workers: Processes that prepare batches; 0 uses the main one.
    """

    epochs: int = Field(50, ge=1)
    clips_per_epoch: int | None = Field(None, ge=1)
    batch_size: int = Field(8, ge=1)
    accumulate: int = Field(1, ge=1)
    clip_strides: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 2, 3), min_length=1)
    learning_rate: float = Field(1e-3, gt=0)
    discriminator_learning_rate: float | None = Field(None, gt=0)
    learning_rate_decay: Literal["cosine", "step", "one-cycle"] = "cosine"
    learning_rate_end: float = Field(1.0, gt=0, le=1)
    adam_beta1: float | None = Field(None, ge=0, lt=1)
    gradient_clip: float = Field(1.0, gt=0)
    keep: Keep = "best"
    patience_epochs: int = Field(10, ge=1)
    ema_decay: float | None = Field(None, gt=0, lt=1)
    precision: Literal["auto", "float32", "bf16"] = "auto"
    snapshot_epochs: int | None = Field(None, ge=1)
    weight_decay: float = Field(0.0, ge=0)
    class_aware: bool = True
    augmentation: SequenceAugmentation = SequenceAugmentation()
    finetuning: FineTuning = FineTuning()
    minutes: float | None = Field(None, gt=0)
    workers: int = Field(0, ge=0)

    @field_validator("accumulate")
    @classmethod
    def _divides_the_batch(cls, accumulate: int, info: ValidationInfo) -> int:
        batch_size = info.data.get("batch_size", 0)
        if batch_size % accumulate:
            raise ValueError(f"a batch of {batch_size} has no {accumulate} equal parts")
        return accumulate


class FitConfig(StrictConfig):
    """Everything a fit depends on: the resolved `config.yaml` of a run.

    Attributes:
        method: Name of the method.
        preset: Which of its presets the rest started from.
        seed: Seed of weights, sampling and splits.
        data: What to fit on.
        model: The method's own configuration.
        training: How a network is trained.
        scoring: How scores become alarms.
    """

    method: str
    preset: str
    seed: int = Field(0, ge=0)
    data: DataConfig
    model: dict[str, Any]
    training: TrainingConfig = TrainingConfig()
    scoring: ScoringSettings = ScoringSettings()


def resolve_config(
    method: str,
    *,
    data: dict[str, Any],
    preset: str | None = None,
    file: Path | None = None,
    given: Mapping[str, Any] | None = None,
    where: object = None,
    overrides: Sequence[str] = (),
) -> FitConfig:
    """Lays the user's settings, `data` and the overrides over the preset, in this order, and checks all of it.

    Args:
        method: Name of the method.
        data: What the section `data` must say.
        preset: Which of the method's; the one that the user's settings name, or the first.
        file: The user's settings as YAML.
        given: The same, read already.
        where: Where they come from, for errors.
        overrides: As `a.b=c`.

    Raises:
        ConfigError: Unknown method, preset or key, or a value out of range.
    """
    definition = method_definition(method)
    where = where or file or "configuration"
    given = _sections(dict(given) if given is not None else read_yaml(file) if file else {}, where)
    given = _sections(apply_overrides(_overlay(given, {"data": data}), overrides), where)
    if given.get("method", method) != method:
        raise ConfigError(f"method is {given['method']!r}, but {method!r} was asked for", where=where)
    name, start = _preset(definition, preset or given.get("preset"))
    layers = {"data": start.data, "model": start.model, "training": start.training, "scoring": start.scoring}
    merged = _overlay(layers, given) | {"method": method, "preset": name}
    model = build_config(definition.config, merged["model"], where=f"{where}, section model")
    return build_config(FitConfig, merged | {"model": model.model_dump(mode="json")}, where=where)


def _sections(given: dict[str, Any], where: object) -> dict[str, Any]:
    """What was given without its empty sections."""
    sections = {name: given[name] for name in ("data", "model", "training", "scoring") if name in given}
    for name, values in sections.items():
        if not isinstance(values, dict | None):
            raise ConfigError(f"{name!r} is {values!r}, expected `key: value` lines below it", where=where)
    return {name: value for name, value in given.items() if value is not None or name not in sections}


def _preset(definition: "MethodDefinition", name: object) -> tuple[str, "Preset"]:
    """A preset by name, the first one for None."""
    known = list(definition.presets)
    chosen = known[0] if name is None else name
    if not isinstance(chosen, str) or chosen not in known:
        raise ConfigError(
            f"{definition.name} has no preset {chosen!r}", hint=f"Its presets: {', '.join(known)}"
        )
    return chosen, definition.presets[chosen]


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in top.items():
        below = out.get(key)
        deeper = isinstance(below, Mapping) and isinstance(value, Mapping)
        out[key] = _overlay(out[key], value) if deeper else value
    return out


def resumed_config(config: FitConfig, path: Path) -> FitConfig:
    """Checks that a run can go on with this configuration: what its training depends on has not changed.

    Scoring may differ, and so may where the data lies and how long training may take.

    Args:
        config: What is asked for.
        path: `config.yaml` of the run.

    Raises:
        RunFolderExists: Something differs; names it.
    """
    if not path.is_file():
        return config
    earlier = resolve_config(config.method, data={}, file=path) if _method_of(path) == config.method else None
    changed = ["method"] if earlier is None else _changed(earlier, config)
    if changed:
        raise RunFolderExists(
            f"holds a run with another {', '.join(changed)}",
            where=path.parent,
            hint="Resume with the same settings (see config.yaml there), or choose another --out",
        )
    return config


def _method_of(path: Path) -> object:
    return read_yaml(path).get("method")


def _changed(earlier: FitConfig, config: FitConfig) -> list[str]:
    free = {
        "scoring",
        "data.root",
        "data.cache",
        "data.features",
        *(f"training.{name}" for name in FREE_TRAINING),
    }
    free |= {f"model.{name}" for name in method_definition(config.method).scoring_only}
    before, now = _flat(earlier.model_dump(mode="json")), _flat(config.model_dump(mode="json"))
    return [name for name in now if before.get(name) != now[name] and not _within(name, free)]


def _within(name: str, free: set[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in free)


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted name."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
