"""Normal video for an export: what it is tuned, compared and calibrated on."""

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from normalcy.config import build_config, read_yaml
from normalcy.datasets import open_dataset
from normalcy.datasets.classes import KnowsClasses
from normalcy.errors import ConfigError, DatasetError, FallbackWarning
from normalcy.methods import method_definition
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage, all_normal_footage, load_normal_footage

_ANY_FOLDER = "folder"
_LONG_FRAMES = 128
"""Of a video, so much is worth more than a little of another: some methods judge many clips together."""
_FEW_VIDEOS = 2


@dataclass(frozen=True)
class HeldOut:
    """Normal video that was not fitted on.

    Attributes:
        spans: The video.
        is_own: Whether it was held out of the bundle's own fit, so that thresholds may be set by it; elsewhere it is
            of another scene.
    """

    spans: tuple[Footage, ...]
    is_own: bool


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
) -> HeldOut:
    """The normal video that was held out of the fit; of a folder without video of the fit, all of it.

    Raises:
        DatasetError: It cannot be read, or holds too little.
        ConfigError: There is video of the fit in it, and it is no longer what it was: video that was fitted on would
            pass for unseen.
    """
    if own := _own(bundle, data, spec, progress):
        return HeldOut(own, is_own=True)
    if shared := _shared(bundle, data):
        raise ConfigError(
            f"holds {shared} of the fit, but not the same videos as then: what was held out cannot be told",
            where=data.root,
            hint="Name a folder of other normal video with --data folder and --root, or fit it again",
        )
    return HeldOut(all_normal_footage(data, spec=spec, progress=progress), is_own=False)


def _own(bundle: Bundle, data: DataConfig, spec: ClipSpec, progress: Progress | None) -> tuple[Footage, ...]:
    """What was held out of the fit, where that can be told."""
    fit = bundle.header.fit
    held_out = set(fit.held_out_videos)
    if not held_out <= _names(data):
        return ()
    classifies = method_definition(bundle.header.method).training == "classify"
    if not classifies and (split := _split_as_then(bundle, data, spec, progress)):
        return split
    spans = all_normal_footage(data, spec=spec, progress=progress)
    found = tuple(span for span in spans if span.name in held_out)
    # Whole videos are known by their names, whatever came to lie beside them.
    whole = {span.name for span in found} == held_out and (
        classifies or _frames(found) == fit.held_out_frames
    )
    return found if whole else ()


def _split_as_then(
    bundle: Bundle, data: DataConfig, spec: ClipSpec, progress: Progress | None
) -> tuple[Footage, ...]:
    """What is held out of the dataset as it is now, if that is what was held out of the fit."""
    fit = bundle.header.fit
    try:
        footage = load_normal_footage(data, spec=spec, seed=fit.seed, progress=progress)
    except DatasetError:
        return ()
    # What is held out in turns is all of it.
    unseen = footage.held_out if fit.held_out_turns == 1 else (*footage.fitted, *footage.held_out)
    same = {span.name for span in unseen} == set(fit.held_out_videos)
    return footage.held_out if same and _frames(unseen) == fit.held_out_frames else ()


def _shared(bundle: Bundle, data: DataConfig) -> str | None:
    """A video of the fit that lies in the dataset; none of it where both are different benchmarks."""
    fit = bundle.header.fit
    if data.name != fit.data and _ANY_FOLDER not in (data.name, fit.data):
        return None
    known = set(fit.held_out_videos)
    before = data_of_fit(bundle.path) if bundle.path else None
    with contextlib.suppress(DatasetError):
        known |= _names(before) if before else set()
    if names := sorted(_names(data) & known):
        return names[0]
    # A benchmark is itself, wherever it lies.
    return "video" if data.name == fit.data != _ANY_FOLDER else None


def _names(data: DataConfig) -> set[str]:
    dataset = open_dataset(data.name, data.root)
    dataset = dataset.at_fold(data.fold) if isinstance(dataset, KnowsClasses) else dataset
    return {video.name for video in dataset.videos("train")}


def _frames(spans: Sequence[Footage]) -> int:
    return sum(map(len, spans))


def halves(spans: Sequence[Footage], *, spec: ClipSpec) -> tuple[tuple[Footage, ...], tuple[Footage, ...]]:
    """Two halves, to tune on and to judge by; both are all of it where no half holds a clip.

    Several videos are dealt out whole. Few, or where one is longer than all others, are cut in two: beginnings, ends.
    """
    usable = [span for span in spans if span.holds_clip(spec)]
    dealt = _dealt(usable)
    if len(usable) > _FEW_VIDEOS and 3 * min(map(_frames, dealt)) >= _frames(usable):
        return dealt
    cut = [(span.part(slice(len(span) // 2)), span.part(slice(len(span) // 2, None))) for span in usable]
    first, second = (tuple(pair[side] for pair in cut if pair[side].holds_clip(spec)) for side in (0, 1))
    return (first, second) if first and second else (tuple(spans), tuple(spans))


def _dealt(spans: Sequence[Footage]) -> tuple[tuple[Footage, ...], tuple[Footage, ...]]:
    """About as many frames on either side: the longest first, each to the side that has less."""
    first, second = list[Footage](), list[Footage]()
    for span in sorted(spans, key=len, reverse=True):
        min(first, second, key=_frames).append(span)
    return tuple(first), tuple(second)


def excerpt(spans: Sequence[Footage], *, spec: ClipSpec, frames: int) -> tuple[Footage, ...]:
    """At most so many frames, if a clip has no more: the beginnings of as many spans as can be long, or all of them."""
    usable = [span for span in spans if span.holds_clip(spec)]
    least = max(min(_LONG_FRAMES, frames), 2 * spec.span_frames)
    taken = usable
    for count in range(len(usable), 0, -1):
        taken = [usable[place * len(usable) // count] for place in range(count)]
        if sum(min(len(span), least) for span in taken) <= frames:
            break
    lengths = _shares([len(span) for span in taken], least=least, frames=frames)
    parts = [span.part(slice(length)) for span, length in zip(taken, lengths, strict=True)]
    return tuple(part for part in parts if part.holds_clip(spec)) or tuple(taken)


def _shares(lengths: Sequence[int], *, least: int, frames: int) -> list[int]:
    """Even shares; what short ones leave goes to the others."""
    shares, left = [0] * len(lengths), frames
    by_length = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for done, place in enumerate(by_length):
        shares[place] = min(lengths[place], max(left // (len(lengths) - done), least))
        left -= shares[place]
    return shares
