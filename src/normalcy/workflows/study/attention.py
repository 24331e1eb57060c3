"""Does attention differ between normal and abnormal clips? Every test clip, none overlapping another, with a rank test.

Letters: B clips, T frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from normalcy.datasets.base import Dataset
from normalcy.environment import hardware, versions
from normalcy.errors import ConfigError, InputError
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.scored_dataset import read_options
from normalcy.evaluation.tables import markdown_table
from normalcy.explain.attention.comparison import LEAST_CLIPS, Compared, compare
from normalcy.explain.attention.enhancement import attention_score, feature_quality
from normalcy.explain.attention.statistics import AttentionStatistics, statistics_by_clip
from normalcy.explain.attention.watch import Attended, attentions_of, watch_attention
from normalcy.methods.base import Method
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.types import Clip
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import open_video
from normalcy.workflows.study.files import figure, p_value, write_outcome

_BATCH = 8


@dataclass
class _Seen:
    """What one attention did with every clip."""

    statistics: list[AttentionStatistics] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def take(self, attended: Attended) -> None:
        for clip, found in enumerate(statistics_by_clip(attended.weights_BAPTT)):
            self.statistics.append(found)
            score = attention_score(
                entropy=np.array(found.entropy),
                consistency=np.array(found.consistency),
                features=np.array(feature_quality(attended.after_BTDP[clip]).consistency),
            )
            self.scores.append(float(score))


def study_attention(
    bundle: Bundle, dataset: Dataset, *, command: str = "", progress: Progress | None = None
) -> dict[str, Any]:
    """Compares normal with abnormal clips: a clip is abnormal where any of its frames is.

    Args:
        bundle: Whose attention.
        dataset: With labelled test videos.
        command: What asked for it, for the record.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: The method has no attention across time of a clip.
        InputError: There are no labelled clips of both kinds.
    """
    method = bundle.method().eval()
    if not attentions_of(method) or method.camera() is not None:
        raise ConfigError(f"{bundle.header.method} has no attention across the frames of a clip")
    seen, labels, own = dict[str, _Seen](), list[bool](), list[float]()
    for clips, label_B in _labelled_batches(method, dataset, progress):
        clip_BTCHW = method.clip.in_range(torch.from_numpy(np.stack([clip.clip_TCHW for clip in clips])))
        for attended in watch_attention(method, clip_BTCHW):
            if attended.name.startswith(method.main_attention):
                seen.setdefault(attended.name, _Seen()).take(attended)
        with torch.inference_mode():
            own += method(clip_BTCHW).score_BT[:, -1].tolist()
        labels += label_B
    if len(set(labels)) < 2:
        raise InputError(f"{len(labels)} labelled clips are all of one kind", where=dataset.root)
    return {
        "study": "attention",
        "method": bundle.header.method,
        "dataset": dataset.info.name,
        "preset": bundle.header.fit.preset,
        "seed": bundle.header.fit.seed,
        "clips": {"normal": labels.count(False), "abnormal": labels.count(True)},
        "clip_auc": {"own score": _auc(own, labels)},
        "attention": {name: _compared(each, labels) for name, each in seen.items()},
        "command": " && ".join(filter(None, (bundle.header.fit.command, command))),
        "versions": versions(),
        "hardware": hardware(),
    }


def _compared(seen: _Seen, labels: Sequence[bool]) -> dict[str, Any]:
    by_kind = {
        kind: [each for each, label in zip(seen.statistics, labels, strict=True) if label is kind]
        for kind in (False, True)
    }
    found = compare(by_kind[False], by_kind[True])
    return {
        "statistics": [each._asdict() for each in found],
        "attention_score_auc": _auc(seen.scores, labels),
    }


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
        with open_video(video.path, read_options(method.clip, video)) as frames:
            for frame in frames:
                if (clip := window.push(frame)) is None:
                    continue
                batch.append(clip)
                labels.append(bool(label_T[[stamp.index for stamp in clip.stamps]].any()))
                if len(batch) == _BATCH:
                    yield batch, labels
                    batch, labels = [], []
    if batch:
        yield batch, labels
    if progress:
        progress("watching attention", len(videos), len(videos))


def write_attention(folder: Path, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<method>-attention-<data>.json` and `.md`; returns them by name."""
    stem = f"{outcome['method']}-attention-{outcome['dataset']}"
    return write_outcome(folder, stem, outcome, texts={"md": attention_table(outcome)})


def attention_table(outcome: Mapping[str, Any]) -> str:
    """In Markdown: for each attention, the five numbers of normal and abnormal clips."""
    clips = outcome["clips"]
    text = [
        f"`{outcome['method']}`, preset `{outcome['preset']}`, seed {outcome['seed']}, on {outcome['dataset']}: "
        f"{clips['normal']} normal and {clips['abnormal']} abnormal clips, none overlapping another. "
        f"AUC by clip of the method's own score: {figure(outcome['clip_auc']['own score'])}.",
        "",
    ]
    head = ["", "normal", "abnormal", "difference", "Cohen's d", "higher in abnormal", "p (Holm)", "verdict"]
    for name, found in outcome["attention"].items():
        rows = [_line(Compared(**each)) for each in found["statistics"]]
        text += [f"### {name}", "", markdown_table(head, rows), ""]
        text += [f"AUC by clip of the attention score: {figure(found['attention_score_auc'])}.", ""]
    note = (
        "`higher in abnormal` is how often a clip of that kind has the higher value; "
        f"{LEAST_CLIPS} clips of each are the least."
    )
    return "\n".join([*text, note, ""])


def _line(each: Compared) -> list[str]:
    return [
        each.name.replace("_", " "),
        f"{each.first:.3f}",
        f"{each.second:.3f}",
        f"{each.difference:+.4f}",
        figure(each.effect, 2),
        f"{each.superiority:.2f}",
        p_value(each.p),
        each.verdict,
    ]
