"""Does attention differ between normal and abnormal clips? Every test clip, none overlapping another, with a rank test.

Letters: B clips, T frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch

from normalcy.datasets.base import BoolArray, Dataset
from normalcy.environment import hardware, versions
from normalcy.errors import ConfigError, InputError
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.results import spread
from normalcy.evaluation.scored_dataset import labels_of_frames, read_options
from normalcy.explain.attention.comparison import Videos, compare_all
from normalcy.explain.attention.enhancement import attention_scores
from normalcy.explain.attention.statistics import AttentionStatistics, statistics_by_clip
from normalcy.explain.attention.watch import Attended, attentions_of, watch_attention
from normalcy.methods.base import Method
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.types import Clip
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import open_video
from normalcy.workflows.judge import settings_sha256

_BATCH = 8
OWN = "own score"

Value = TypeVar("Value")


@dataclass
class _Seen:
    """What one attention did with every clip."""

    statistics: list[AttentionStatistics] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def take(self, attended: Attended) -> None:
        found = statistics_by_clip(attended.weights_BAPTT)
        self.statistics += found
        self.scores += attention_scores(found, attended.after_BTDP)


def study_attention(
    bundles: Sequence[Bundle], dataset: Dataset, *, command: str = "", progress: Progress | None = None
) -> dict[str, Any]:
    """Compares normal with abnormal clips: a clip is abnormal where any of its frames is.

    Args:
        bundles: Whose attention: of one method with the same settings, each of another seed.
        dataset: With labelled test videos.
        command: What asked for it, for the record.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: The method has no attention across time of a clip, or the bundles are not of one kind.
        InputError: There are no labelled clips of both kinds.
    """
    first = bundles[0].header
    _require_alike(bundles)
    runs = [_watched(each, dataset, progress) for each in bundles]
    fits = [each.header.fit.command for each in bundles]
    return {
        "study": "attention",
        "method": first.method,
        "dataset": dataset.info.name,
        "preset": first.fit.preset,
        "settings_sha256": settings_sha256(first),
        "seeds": [each.header.fit.seed for each in bundles],
        "clips": runs[0]["clips"],
        "clip_auc": {
            name: spread([run["clip_auc"][name] for run in runs]).model_dump() for name in runs[0]["clip_auc"]
        },
        "attention": {
            name: _over_seeds([run["attention"][name] for run in runs]) for name in runs[0]["attention"]
        },
        "runs": runs,
        "command": " && ".join(filter(None, (*fits, command))),
        "versions": versions(),
        "hardware": hardware(),
    }


def _require_alike(bundles: Sequence[Bundle]) -> None:
    """Their fits may differ in the seed, and in the videos that were held out by it."""
    for each in bundles:
        method = each.method()
        if not attentions_of(method) or method.camera() is not None:
            raise ConfigError(f"{each.header.method} has no attention across the frames of a clip")
        if _settings(each) != _settings(bundles[0]):
            raise ConfigError("bundles were fitted in other ways; only their seeds may differ")
    seeds = [each.header.fit.seed for each in bundles]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds of the bundles are {seeds}, one of them twice")


def _settings(bundle: Bundle) -> tuple[Any, ...]:
    header = bundle.header
    training = header.fit.training or {}
    return header.method, header.model, header.fit.data, training.get("epochs"), training.get("clips")


def _watched(bundle: Bundle, dataset: Dataset, progress: Progress | None) -> dict[str, Any]:
    """What one bundle's attention does with all clips."""
    method = bundle.method().eval()
    seen, labels, own = dict[str, _Seen](), list[bool](), dict[str, list[float]]()
    videos: list[str] = []
    for clips, label_B in _labelled_batches(method, dataset, progress):
        videos += [clip.source_id for clip in clips]
        clip_BTCHW = method.clip.in_range(torch.from_numpy(np.stack([clip.clip_TCHW for clip in clips])))
        for attended in watch_attention(method, clip_BTCHW):
            if attended.name.startswith(method.main_attention):
                seen.setdefault(attended.name, _Seen()).take(attended)
        with torch.inference_mode():
            scores = method(clip_BTCHW)
        for name, score_BT in {OWN: scores.score_BT, **scores.parts}.items():
            own.setdefault(name, []).extend(score_BT[:, -1].tolist())
        labels += label_B
    if len(set(labels)) < 2:
        raise InputError(f"{len(labels)} labelled clips are all of one kind", where=dataset.root)
    return {
        "seed": bundle.header.fit.seed,
        "clips": {"normal": labels.count(False), "abnormal": labels.count(True)},
        "clip_auc": {name: _auc(values, labels) for name, values in own.items()},
        "attention": _compared(seen, labels, videos),
    }


def _over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the fits have in common."""
    rows = zip(*(each["statistics"] for each in found), strict=True)
    return {
        "statistics": [_row(row) for row in rows],
        "attention_score_auc": spread([each["attention_score_auc"] for each in found]).model_dump(),
    }


def _row(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One of the five numbers over the seeds, and in how many fits it differs, which way."""
    spreads = {
        key: spread([each[key] for each in seeds]).model_dump()
        for key in ("first", "second", "difference", "effect", "superiority")
    }
    differing = [each["superiority"] > 0.5 for each in seeds if each["differs"]]
    return {
        "name": seeds[0]["name"],
        **spreads,
        "tested": sum(each["p_by_video"] is not None for each in seeds),
        "higher_in": differing.count(True),
        "lower_in": differing.count(False),
    }


def _compared(
    seen: Mapping[str, _Seen], labels: Sequence[bool], videos: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Normal clips against abnormal ones, as each attention saw them."""
    kinds = np.array(labels)
    sets = {name: (_of(each.statistics, ~kinds), _of(each.statistics, kinds)) for name, each in seen.items()}
    found = compare_all(sets, videos=Videos(_of(videos, ~kinds), _of(videos, kinds)))
    return {
        name: {
            "statistics": [row._asdict() for row in found[name]],
            "attention_score_auc": _auc(each.scores, labels),
        }
        for name, each in seen.items()
    }


def _of(values: Sequence[Value], chosen_N: BoolArray) -> list[Value]:
    return [value for value, chosen in zip(values, chosen_N, strict=True) if chosen]


def _auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    return micro_auc([VideoScores("clips", np.array(scores), np.array(labels, np.bool_))])


def _labelled_batches(
    method: Method, dataset: Dataset, progress: Progress | None
) -> Iterator[tuple[list[Clip], list[bool]]]:
    """Clips of the labelled test videos, end to end, a few at a time."""
    batch: list[Clip] = []
    labels: list[bool] = []
    videos = dataset.videos("test")
    for number, video in enumerate(videos):
        if progress:
            progress(f"watching attention, {video.name}", number, len(videos))
        label_T = dataset.frame_labels(video)
        if label_T is None:
            continue
        window = ClipWindow(method.clip, hop_frames=method.clip.span_frames)
        with open_video(video.path, read_options(method.clip, video), source_id=video.name) as frames:
            for frame in frames:
                if (clip := window.push(frame)) is None:
                    continue
                batch.append(clip)
                index_T = np.array([stamp.index for stamp in clip.stamps])
                labels.append(bool(labels_of_frames(label_T, index_T, video).any()))
                if len(batch) == _BATCH:
                    yield batch, labels
                    batch, labels = [], []
    if batch:
        yield batch, labels
    if progress:
        progress("watching attention", len(videos), len(videos))
