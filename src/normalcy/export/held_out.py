"""Held-out normal video of a bundle, once more: what exports are tuned, compared and calibrated on."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from normalcy.config import build_config, read_yaml
from normalcy.errors import ConfigError, FallbackWarning
from normalcy.methods import method_definition
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage, all_normal_footage, load_normal_footage


def data_of_fit(bundle_path: Path) -> DataConfig | None:
    """What a bundle in a run folder was fitted on, as its configuration has it."""
    run = bundle_path if (bundle_path / "bundle").is_dir() else bundle_path.resolve().parent
    file = run / "config.yaml"
    if not file.is_file():
        return None
    try:
        return build_config(DataConfig, read_yaml(file).get("data", {}), where=file)
    except ConfigError:
        return None


def at_hand(data: DataConfig) -> DataConfig | None:
    """The same where its folder is there; None, with a warning, elsewhere."""
    if not data.root.is_dir():
        message = f"{data.root}, which it was fitted on, is not here; name its folder with --root"
        warnings.warn(message, FallbackWarning, stacklevel=2)
        return None
    return data


def held_out_footage(
    bundle: Bundle, data: DataConfig, *, spec: ClipSpec, progress: Progress | None = None
) -> tuple[Footage, ...]:
    """The normal video that was held out of the fit; of another dataset, all of it.

    Raises:
        DatasetError: It cannot be read, or holds too little.
        ConfigError: The dataset is no longer what it was: it would be split in another way, and video that was fitted
            on would pass for unseen.
    """
    fit = bundle.header.fit
    if data.name != fit.data:
        return all_normal_footage(data, spec=spec, progress=progress)
    if method_definition(bundle.header.method).training == "classify":
        spans = all_normal_footage(data, spec=spec, progress=progress)
        found = tuple(span for span in spans if span.name in fit.held_out_videos)
        _require_all(found, bundle, data)
        return found
    footage = load_normal_footage(data, spec=spec, seed=fit.seed, progress=progress)
    # What is held out in turns is all of it.
    unseen = footage.held_out if fit.held_out_turns == 1 else (*footage.fitted, *footage.held_out)
    _require_all(unseen, bundle, data, frames=fit.held_out_frames)
    return footage.held_out


def _require_all(
    spans: Sequence[Footage], bundle: Bundle, data: DataConfig, *, frames: int | None = None
) -> None:
    names = {span.name for span in spans}
    same = names == set(bundle.header.fit.held_out_videos)
    if not same or (frames is not None and sum(map(len, spans)) != frames):
        raise ConfigError(
            "holds other normal video than at the fit, so what was held out of it cannot be told",
            where=data.root,
            hint="Name other normal video with --data folder and --root, or fit it again",
        )


def halves(spans: Sequence[Footage], *, spec: ClipSpec) -> tuple[tuple[Footage, ...], tuple[Footage, ...]]:
    """Beginnings and ends of spans, to tune on and to judge by; both are all of it where no half holds a clip."""
    cut = [(span.part(slice(len(span) // 2)), span.part(slice(len(span) // 2, None))) for span in spans]
    first, second = (tuple(pair[side] for pair in cut if pair[side].holds_clip(spec)) for side in (0, 1))
    return (first, second) if first and second else (tuple(spans), tuple(spans))


def excerpt(spans: Sequence[Footage], *, spec: ClipSpec, frames: int) -> tuple[Footage, ...]:
    """At most so many frames, the beginnings of spans in even shares; each holds a clip."""
    usable = [span for span in spans if span.holds_clip(spec)]
    share = max(frames // max(1, len(usable)), 2 * spec.span_frames)
    parts = [span.part(slice(share)) for span in usable]
    return tuple(part for part in parts if part.holds_clip(spec))[: max(1, frames // share)]
