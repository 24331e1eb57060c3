"""Judging classifiers on the test videos of a fold, each video as a whole.

Letters: N videos, K classes, A heads, T frames of a sequence.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from normalcy.datasets.base import Dataset, LabelledVideo
from normalcy.datasets.cache import content_hash
from normalcy.datasets.classes import KnowsClasses
from normalcy.errors import BundleError, ConfigError, InputError, SkippedVideoWarning, VideoError
from normalcy.evaluation.class_metrics import ClassMetrics, class_metrics
from normalcy.layers.backbones import Backbone
from normalcy.methods import method_definition
from normalcy.methods.base import Classifying, Method
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.training.class_verdicts import video_probabilities
from normalcy.training.config import FEATURES
from normalcy.training.features.extract import feature_store
from normalcy.training.features.store import FeatureStore, Seen

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassVerdict:
    """What a video was taken for.

    Attributes:
        video: The video.
        target: Place of the class that is right.
        p_K: Probability of each class.
        attention_T: How much the frames of its first sequence were attended to, mean over heads and frames that
            attend; None where the method attends to none.
        index_T: Places of these frames in the video.
    """

    video: LabelledVideo
    target: int
    p_K: FloatArray
    attention_T: FloatArray | None
    index_T: npt.NDArray[np.int64]

    @property
    def found(self) -> int:
        """Place of the class that it was taken for."""
        return int(self.p_K.argmax())


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """What judging classes came to.

    Attributes:
        classes: Their names.
        normal: Place of the normal one.
        fold: Which was judged.
        verdicts: Of each test video.
        result: All metrics.
        how: In words, what was added to one look at each video by one bundle; empty for nothing.
        left_out: What was wrong with each video that could not be read.
    """

    classes: tuple[str, ...]
    normal: int
    fold: int
    verdicts: tuple[ClassVerdict, ...]
    result: ClassMetrics
    how: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """What `metrics.json` holds of it."""
        return {
            "names": list(self.classes),
            "normal": self.classes[self.normal],
            "fold": self.fold,
            "how": list(self.how),
            **self.result.record(),
            "videos": {
                each.video.name: {
                    "class": self.classes[each.target],
                    "found": self.classes[each.found],
                    "probabilities": {
                        name: round(float(p), 5) for name, p in zip(self.classes, each.p_K, strict=True)
                    },
                }
                for each in self.verdicts
            },
        }


def tells_classes(bundle: Bundle) -> bool:
    """Whether a bundle tells classes apart."""
    return method_definition(bundle.header.method).training == "classify"


def at_its_fold(bundle: Bundle, dataset: Dataset) -> Dataset:
    """A dataset with classes at the fold that a bundle has not learned from; any other as it is."""
    fold = bundle.header.fit.fold
    if fold is None or not isinstance(dataset, KnowsClasses) or dataset.info.name != bundle.header.fit.data:
        return dataset
    return dataset.at_fold(fold)


def judge_classes(
    bundles: Sequence[Bundle],
    dataset: Dataset,
    *,
    views: int = 1,
    temperature: bool = True,
    features: Path = FEATURES,
    progress: Progress | None = None,
) -> ClassEvaluation:
    """Takes every test video for a class and judges that.

    Args:
        bundles: Their probabilities are averaged.
        dataset: Has the classes that the bundles know.
        views: Of each video, whose probabilities are averaged: 1 takes the video as it is.
        temperature: Whether the bundles' temperatures are used.
        features: Folder of the feature store.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: The dataset has no classes.
        BundleError: It has others than a bundle knows, or a bundle learned from what is to be judged.
        InputError: No test video could be read.
    """
    if not isinstance(dataset, KnowsClasses):
        raise ConfigError(f"{dataset.info.name} has no classes to judge by", where="--data")
    for bundle in bundles:
        _require_same(bundle, dataset)
        require_unseen(bundle, dataset)
    judges = [_Judge.of(bundle, features, temperature=temperature) for bundle in bundles]
    verdicts, left_out = [], list[str]()
    videos = dataset.class_videos("test")
    for number, each in enumerate(videos):
        if progress:
            progress(f"classifying {each.video.name}", number, len(videos))
        try:
            verdicts.append(_verdict(judges, each.video, dataset.classes.index(each.label), views))
        except VideoError as error:
            left_out.append(str(error))
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)
    if progress:
        progress("classifying", len(videos), len(videos))
    if not verdicts:
        raise InputError(f"none of {len(videos)} test videos could be read", where=dataset.root)
    normal = dataset.classes.index(dataset.normal_class)
    result = class_metrics(
        np.stack([each.p_K for each in verdicts]),
        np.array([each.target for each in verdicts]),
        dataset.classes,
        normal=normal,
    )
    how = [f"mean of {len(bundles)} bundles"] if len(bundles) > 1 else []
    how += [f"mean over {views} views of each video"] if views > 1 else []
    how += [] if temperature else ["without temperature"]
    return ClassEvaluation(
        dataset.classes, normal, dataset.fold, tuple(verdicts), result, tuple(how), tuple(left_out)
    )


@dataclass(frozen=True, eq=False)
class _Judge:
    method: Classifying
    store: FeatureStore

    @classmethod
    def of(cls, bundle: Bundle, features: Path, *, temperature: bool) -> "_Judge":
        method: Method = bundle.method().eval()
        classifying = cast("Classifying", method)
        if not temperature:
            classifying.temperature.fill_(1.0)
        backbone = cast("Backbone", classifying.backbone)
        name = bundle.header.model["backbone"]["name"]
        store = feature_store(features.expanduser(), backbone, name, clip=method.clip)
        return cls(classifying, store)


def _verdict(judges: Sequence[_Judge], video: LabelledVideo, target: int, views: int) -> ClassVerdict:
    looked = [(judge.method, judge.store.open(video, views=views)) for judge in judges]
    p_K = np.mean([video_probabilities(method, seen, views=views) for method, seen in looked], axis=0)
    method, seen = looked[0]
    attention_T = _attention(method, seen)
    index_T = seen.index_T[: method.sequence_frames]
    return ClassVerdict(video, target, p_K, attention_T, index_T)


def _attention(method: Classifying, seen: Seen) -> FloatArray | None:
    """How much each frame of the first sequence is attended to; 1 is as much as every other."""
    features_TD = seen.features_VTD[0, : method.sequence_frames].astype(np.float32)
    features_1TD = torch.from_numpy(features_TD)[None]
    with torch.inference_mode():
        found = method.classifier(features_1TD, torch.ones(features_1TD.shape[:2], dtype=torch.bool))
    if found.attention_BATT is None:
        return None
    received_T = found.attention_BATT[0].mean(dim=(0, 1))
    return np.asarray((received_T * len(received_T)).numpy(), np.float64)


def _require_same(bundle: Bundle, dataset: KnowsClasses) -> None:
    known = tuple(bundle.header.model.get("classes", ()))
    if known != dataset.classes:
        raise BundleError(
            f"knows the classes {', '.join(known)}, the dataset has {', '.join(dataset.classes)}",
            where=bundle.header.method,
        )


def require_unseen(bundle: Bundle, dataset: Dataset) -> None:
    """Checks that a classifier learned from none of the test videos, by their content.

    Raises:
        BundleError: It did.
    """
    learned = set(bundle.header.fit.learned)
    if not learned:
        return
    videos = dataset.videos("test")
    seen = [video.name for video in videos if video.path.exists() and content_hash(video.path) in learned]
    if seen:
        raise BundleError(
            f"has learned from {len(seen)} of {len(videos)} test videos, such as {seen[0]}",
            where=bundle.header.method,
            hint="Judge it on the fold that it was fitted for, as the folder was then, or fit it again",
        )
