"""Trainings of a few steps, of each kind, for one process or several: what they come to is compared.

As a script, it is one of several processes that a launcher started; the first writes what all came to.

Letters: T frames, C channels, H height, W width, V views, D values of a feature vector.
"""

import json
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from normalcy.errors import NonFiniteLoss
from normalcy.methods.base import Method
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.adversarial import train_adversarial
from normalcy.training.classify import train_classify
from normalcy.training.config import FineTuning, TrainingConfig
from normalcy.training.data import Footage, NormalFootage
from normalcy.training.distributed.group import Group
from normalcy.training.distributed.sampling import OwnRows
from normalcy.training.distributed.strategy import average_gradients
from normalcy.training.finetune import LabelledFrames, finetune
from normalcy.training.history import read_history
from normalcy.training.loaders import training_loader, validation_loader
from normalcy.training.reconstruct import train_reconstruct
from normalcy.training.sequences import LabelledFeatures
from small_methods import small

SEED = 3
SETTINGS = {"epochs": 1, "batch_size": 4, "clips_per_epoch": 12, "precision": "float32", "keep": "last"}
BEGUN_ALONE, BEGUN_TOGETHER = "begun-alone", "begun-together"
CLASSES = ("normal", "fight", "fall")


def config(**changes: object) -> TrainingConfig:
    """Three steps of four clips, unless changed."""
    return TrainingConfig(**(SETTINGS | changes))


def footage(spec: ClipSpec) -> NormalFootage:
    """Moving noise; what is held out has an odd number of clips."""

    def span(name: str, frames: int, seed: int) -> Footage:
        texture = np.random.default_rng(seed).integers(0, 255, (spec.channels, *spec.size_px), np.uint8)
        frames_TCHW = np.stack([np.roll(texture, 2 * t, axis=2) for t in range(frames)])
        return Footage(name, frames_TCHW, np.arange(frames), np.arange(frames) / 10)

    held_out = span("c", 5 * spec.length_frames, 3)
    return NormalFootage((span("a", 24, 1), span("b", 20, 2)), (held_out,))


def stae(group: Group, folder: Path) -> Method:
    """In accumulated parts, clipped hard, averaged."""
    method = small("stae", seed=SEED)
    given = footage(method.clip)
    # What only the first process has observed, the others are given.
    if group.is_first:
        method.observe(each.frames_TCHW for each in given.fitted)
    changes = {
        "batch_size": 8,
        "accumulate": 2,
        "clips_per_epoch": 24,
        "gradient_clip": 0.05,
        "ema_decay": 0.9,
    }
    train_reconstruct(
        method, given, config(**changes), run=RunFolder(folder), seed=SEED, resume=False, group=group
    )
    return method


def gan(name: str, **changes: object) -> Callable[..., Method]:
    """A method of two players."""
    settings = {key: changes.pop(key) for key in ("clips_per_epoch", "epochs") if key in changes}

    def train(
        group: Group, folder: Path, *, resume: bool = False, progress: Progress | None = None
    ) -> Method:
        method = small(name, seed=SEED, **changes)
        train_adversarial(
            method,
            footage(method.clip),
            config(**settings),
            run=RunFolder(folder),
            seed=SEED,
            resume=resume,
            progress=progress,
            group=group,
        )
        return method

    return train


two_epochs = gan("future-frame", epochs=2)


class BrokenOff(Exception):
    """In the middle of the second epoch."""


def break_off(group: Group, folder: Path) -> None:
    """Trains `two_epochs` so far that it can be resumed."""

    def stop(_: str, done: int, __: int) -> None:
        if done == 4:
            raise BrokenOff

    with suppress(BrokenOff):
        two_epochs(group, folder, progress=stop)


def resume(group: Group, folder: Path) -> None:
    """Goes on with `two_epochs`, and the first process writes the weights."""
    method = two_epochs(group, folder, resume=True)
    if group.is_first:
        np.savez(folder / "weights.npz", **method.arrays())


def cnn_lstm(group: Group, folder: Path) -> Method:
    """Dropout, classes of unequal weight, sequences of unequal length, and a last batch of a single one."""
    model = {"classes": CLASSES, "normal_class": "normal", "loss": {"label_smoothing": 0.1}}
    method = small("cnn-lstm", seed=SEED, **model)
    random = np.random.default_rng(5)

    def videos(count: int, shortest: int) -> list[LabelledFeatures]:
        shapes = [(2, shortest + n % 5, method.spec.width) for n in range(count)]
        return [
            LabelledFeatures(random.normal(size=shape).astype(np.float16), min(n % 4, 2))
            for n, shape in enumerate(shapes)
        ]

    train_classify(
        method,
        videos(9, 2),
        videos(5, 3),
        config(class_aware=False, epochs=2, learning_rate=1e-3),
        run=RunFolder(folder),
        seed=SEED,
        resume=False,
        group=group,
    )
    return method


def backbone(group: Group, folder: Path) -> Method:
    """Backbone and classifier together, from frames; the last batch has an odd number of sequences."""
    method = small("cnn-lstm", seed=SEED, dropout=0.3)
    random = np.random.default_rng(6)

    def videos(count: int) -> list[LabelledFrames]:
        shapes = [(3 + n % 2, 3, *method.clip.size_px) for n in range(count)]
        return [
            LabelledFrames(random.integers(0, 255, shape, np.uint8), n % 2) for n, shape in enumerate(shapes)
        ]

    settings = FineTuning(epochs=1, batch_size=4, frames=4, learning_rate=1e-3)
    options = {"run": RunFolder(folder), "seed": SEED, "resume": False, "group": group}
    finetune(method, videos(7), videos(3), settings, config(class_aware=False), **options)
    return method


CASES: dict[str, Callable[[Group, Path], Method]] = {
    "stae": stae,
    "future-frame": gan("future-frame"),
    "ocr-gan-video": gan("ocr-gan-video", noise=0.1, checkpointed=True),
    # Three clips in the only batch: two here, one there.
    "ocr-gan-video-uneven": gan("ocr-gan-video", noise=0.1, clips_per_epoch=3, epochs=2),
    "cnn-lstm": cnn_lstm,
    "cnn-lstm-backbone": backbone,
}


def run_case(name: str, group: Group, folder: Path) -> None:
    """Trains, and the first process writes weights and logged means."""
    method = CASES[name](group, folder)
    if group.is_first:
        np.savez(folder / "weights.npz", **method.arrays())
        history = read_history(RunFolder(folder))
        (folder / "history.json").write_text(json.dumps(history))


def drawn(group: Group) -> list[list[int]]:
    """Places of the clips that count in this process: of two epochs to fit on, and of those to validate on."""
    spec = small("stae").clip
    given = footage(spec)
    training = training_loader(given.fitted, spec=spec, config=config(), seed=SEED, group=group).sampler
    validation = validation_loader(given.held_out, spec=spec, config=config(), group=group).sampler
    found = []
    for epoch in range(2):
        training.set_epoch(epoch)
        found.append(_that_count(training))
    return [*found, _that_count(validation)]


def _that_count(sampler: OwnRows[int]) -> list[int]:
    places, found = iter(sampler), list[int]()
    for batch, place in enumerate(places):
        counted = sampler.part(batch).counted
        found += [place, *(next(places) for _ in range(counted - 1))][:counted]
    return found


def averaged(group: Group) -> list[list[float] | None]:
    """Gradients after `average_gradients`; they were (rank + 1) * (1, 2, 5), of the last process alone, of none."""
    weights = [torch.nn.Parameter(torch.zeros(3)) for _ in range(3)]
    weights[0].grad = (group.rank + 1) * torch.tensor([1.0, 2.0, 5.0])
    if group.rank == group.size - 1:
        weights[1].grad = torch.tensor([8.0, -3.0, 0.5])
    average_gradients(torch.optim.SGD(weights), group)
    return [None if weight.grad is None else weight.grad.tolist() for weight in weights]


def poisoned(group: Group, folder: Path) -> str:
    """What is raised where the loss becomes NaN in the last process alone."""
    method, calls = small("stae", seed=SEED), list[int]()
    healthy = method.losses

    def losses(clip: torch.Tensor) -> dict[str, torch.Tensor]:
        calls.append(1)
        bad = math.nan if len(calls) == 2 and group.rank == group.size - 1 else 1.0
        return {name: bad * loss for name, loss in healthy(clip).items()}

    method.losses = losses  # type: ignore[method-assign]
    run = RunFolder(folder)
    try:
        train_reconstruct(
            method, footage(method.clip), config(), run=run, seed=SEED, resume=False, group=group
        )
    except NonFiniteLoss as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    """All cases in this process and the others."""
    from normalcy.training.distributed.joining import joined_as_launched

    with joined_as_launched() as group:
        assert group is not None
        own = folder / f"process{group.rank}"
        for name in CASES:
            run_case(name, group, own / name)
        break_off(group, own / BEGUN_TOGETHER)
        resume(group, own / BEGUN_ALONE)
        outcome = {
            "averaged": group.everyone(averaged(group)),
            "drawn": group.everyone(drawn(group)),
            "poisoned": group.everyone(poisoned(group, own / "poisoned")),
            "threads": group.everyone(torch.get_num_threads()),
            "shared": group.share({"from": group.rank}),
        }
        if group.is_first:
            (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
